"""`make replay` of a queue that isn't there: one plain line, whether a stack runs or not."""

import sys
from pathlib import Path

import pytest

from localstack import events


def test_an_unknown_queue_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for queue in ("zz", "basket.product-sync.parked"):
        monkeypatch.setattr(sys, "argv", ["events", "--replay", queue, "--directory", str(tmp_path)])
        assert events.main() == 1
        said = capsys.readouterr()
        known = "basket.product-sync, auth.mail, store.imports"
        assert (said.out, said.err) == ("", f"eatit: There is no queue {queue}; there are {known}.\n")
