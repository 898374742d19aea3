"""A terminal that is closed over `make run` takes the whole stack with it."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

from localstack.template import ROOT

SECONDS = 60
# Servers to be used, if other tests set them.
GIVEN = ("DATABASE_URL", "REDIS_URL", "AMQP_URL", "AWS_ENDPOINT_URL", "MAIL_URL")


def test_nothing_is_left_when_the_terminal_goes(tmp_path: Path) -> None:
    leader, follower = pty.openpty()
    words = ["run", "--directory", str(tmp_path / "run"), "--port", "0", "--servers-only"]
    child = subprocess.Popen(
        [sys.executable, "-m", "localstack", *words],
        cwd=ROOT,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
        env={name: value for name, value in os.environ.items() if name not in GIVEN},
    )
    os.close(follower)
    content = tmp_path / "run" / "stack.json"
    try:
        deadline = time.monotonic() + SECONDS
        while not content.exists():
            assert time.monotonic() < deadline
            assert child.poll() is None
            if select.select([leader], [], [], 0.05)[0]:
                os.read(leader, 65536)
        pids = [pid for pid in json.loads(content.read_text())["pids"].values() if pid]
        os.close(leader)
        os.killpg(child.pid, 1)  # what the kernel does to the terminal's session
        child.wait(timeout=SECONDS)
        assert pids
        assert not [pid for pid in pids if Path("/proc", str(pid)).exists()]
        assert not content.exists()
    finally:
        stop = [sys.executable, "-m", "localstack", "stop", "--directory", str(tmp_path / "run")]
        subprocess.run(stop, cwd=ROOT, capture_output=True, timeout=SECONDS, check=False)
