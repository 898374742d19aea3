"""The README holds: its curl blocks run as pasted, its make targets and its links exist."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()


def section(title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", README, re.DOTALL | re.MULTILINE)
    assert found, title
    return found.group(1)


def walk() -> str:
    return "\n".join(re.findall(r"```bash\n(.*?)```", section("Five minutes with curl"), re.DOTALL))


def test_the_walk_runs_as_pasted(stack: dict[str, Any], tmp_path: Path) -> None:
    script = walk()
    assert "http://127.0.0.1:8080" in script
    (tmp_path / ".run").mkdir()
    (tmp_path / ".run" / "stack.json").write_text(json.dumps(stack))
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script.replace("http://127.0.0.1:8080", stack["url"])],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    said = ran.stdout + ran.stderr
    assert ran.returncode == 0, said
    assert '"status": "ok"' in said
    assert '"X-Basket-Token"' not in said
    assert '"email": "staff@eatit.example"' in said
    assert "price_rose" in said
    assert "('delivered', 'paid')" in said
    assert "Order" in (tmp_path / ".run" / "receipt.html").read_text()
    assert "/price/currency" in said
    assert "Такого поля нет." in said
    assert "version_mismatch" in said
    assert len(re.findall(r"^HTTP/1.1 201", said, re.MULTILINE)) == 2
    assert len(re.findall(r"^idempotency-replayed: true", said, re.MULTILINE | re.IGNORECASE)) == 1
    assert len(set(re.findall(r"^location: (\S+)", said, re.MULTILINE | re.IGNORECASE))) == 1


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\bmake ([a-z][a-z-]+)", README))))
def test_every_make_target_it_names_is_there(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#:]+)\)|EVENT=(\S+)", README))))
def test_every_file_it_names_is_there(link: tuple[str, str]) -> None:
    assert (ROOT / (link[0] or link[1])).exists()
