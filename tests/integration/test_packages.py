"""What is done, and said, where RabbitMQ or nginx is missing; apt-get itself is stood in for by a script."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from localstack import packages
from localstack.failures import StackFailure

WANTED = ("rabbitmq-server", "nginx")


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with nothing but the shell's own tools; programs put into the returned directory are found."""
    if sys.platform != "linux":
        pytest.skip("apt-get is Debian's")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "env", "chmod", "rm", "touch"):
        (programs / name).symlink_to(packages.find_program(name) or "")
    monkeypatch.setattr(packages, "SEARCHED", ())
    monkeypatch.setattr(packages, "POLICY", tmp_path / "policy-rc.d")
    monkeypatch.setattr(packages, "UNIT_DIRECTORIES", ())
    monkeypatch.setenv("PATH", str(programs))
    return programs


def as_user(monkeypatch: pytest.MonkeyPatch, uid: int) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: uid)


def apt_get(programs: Path, tmp_path: Path, *, works: bool = True) -> None:
    """An apt-get that notes its words and whether services may start, and "installs" what is asked for."""
    script = programs / "apt-get"
    script.write_text(
        "#!/bin/sh\n"
        f'[ -x "{tmp_path}/policy-rc.d" ] && held=held || held=free\n'
        f'echo "$held $*" >>"{tmp_path}/said"\n'
        f'[ "$3" = install ] || exit 0\n'
        + (f'for name in {" ".join(WANTED)}; do touch "{programs}/$name"; chmod 755 "{programs}/$name"; done\n' * works)
        + f"exit {0 if works else 100}\n"
    )
    script.chmod(0o755)


def test_without_root_the_sentence_names_the_packages(
    bare: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    as_user(monkeypatch, 1000)
    apt_get(bare, tmp_path)
    with pytest.raises(StackFailure) as raised:
        packages.install_missing(WANTED, log=tmp_path / "log", progress=lambda _: None)
    assert "apt-get install rabbitmq-server nginx" in str(raised.value)
    assert not (tmp_path / "said").exists()


def test_root_installs_with_services_kept_from_starting(
    bare: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    as_user(monkeypatch, 0)
    apt_get(bare, tmp_path)
    packages.install_missing(WANTED, log=tmp_path / "log", progress=lambda _: None)
    update, install = (tmp_path / "said").read_text().splitlines()
    assert update.startswith("held")
    assert update.endswith("update")
    assert install.startswith("held")
    assert install.endswith("rabbitmq-server nginx")
    assert not (tmp_path / "policy-rc.d").exists()
    assert packages.missing_packages(WANTED) == []


def test_a_policy_that_is_there_stays(bare: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    as_user(monkeypatch, 0)
    apt_get(bare, tmp_path)
    (tmp_path / "policy-rc.d").write_text("theirs")
    packages.install_missing(WANTED, log=tmp_path / "log", progress=lambda _: None)
    assert (tmp_path / "policy-rc.d").read_text() == "theirs"


def test_a_failed_installation_is_said_and_leaves_no_policy(
    bare: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    as_user(monkeypatch, 0)
    apt_get(bare, tmp_path, works=False)
    with pytest.raises(StackFailure, match="failed: see"):
        packages.install_missing(WANTED, log=tmp_path / "log", progress=lambda _: None)
    assert not (tmp_path / "policy-rc.d").exists()


def test_a_program_of_another_name_comes_by_its_package(
    bare: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    as_user(monkeypatch, 0)
    apt_get(bare, tmp_path)
    with pytest.raises(StackFailure, match="chromium and chromedriver is still missing"):
        packages.install_missing(("chromium", "chromedriver"), log=tmp_path / "log", progress=lambda _: None)
    assert (tmp_path / "said").read_text().splitlines()[-1].endswith("chromium chromium-driver")
