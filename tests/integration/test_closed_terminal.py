"""A terminal that is closed over `make run` takes the whole stack with it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

from localstack.template import ROOT
from tests.integration.terminals import RealTerminal

SECONDS = 60


def test_nothing_is_left_when_the_terminal_goes(tmp_path: Path) -> None:
    content = tmp_path / "run" / "stack.json"
    terminal = RealTerminal(tmp_path / "run", "--servers-only")
    try:
        terminal.wait_for(b"Ctrl-C stops it all.", SECONDS)
        pids = [pid for pid in json.loads(content.read_text())["pids"].values() if pid]
        terminal.close()
        terminal.signal(signal.SIGHUP)
        terminal.child.wait(timeout=SECONDS)
        assert pids
        assert not [pid for pid in pids if Path("/proc", str(pid)).exists()]
        assert not content.exists()
    finally:
        terminal.close()
        stop = [sys.executable, "-m", "localstack", "stop", "--directory", str(tmp_path / "run")]
        subprocess.run(stop, cwd=ROOT, capture_output=True, timeout=SECONDS, check=False)
