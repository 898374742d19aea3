"""Terminals with the local stack in them: what a person's environment says, and a real one with `run` in it."""

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

from localstack.template import ROOT

# What may be set where the tests run, for other stacks than these.
OWN = ("DATABASE_URL", "REDIS_URL", "AMQP_URL", "AWS_ENDPOINT_URL", "MAIL_URL", "SECOND_FACTOR")


def bare_environment() -> dict[str, str]:
    """Ours without what would have a stack use other servers, or another policy, than it does by itself."""
    return {name: value for name, value in os.environ.items() if name not in OWN}


class RealTerminal:
    """A terminal of the kernel's with `run` in it, as a person would see it."""

    def __init__(self, directory: Path, *words: str) -> None:
        self._ours, theirs = pty.openpty()
        self._seen = b""
        self.child = subprocess.Popen(
            [sys.executable, "-m", "localstack", "run", "--directory", str(directory), "--port", "0", *words],
            cwd=ROOT,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env=bare_environment(),
        )
        os.close(theirs)

    def wait_for(self, words: bytes, seconds: float) -> None:
        """Read until these words stand on it."""
        deadline = time.monotonic() + seconds
        while words not in self._seen:
            assert time.monotonic() < deadline, self._seen.decode()
            if select.select([self._ours], [], [], 0.05)[0]:
                self._seen += os.read(self._ours, 65536)

    def signal(self, number: int) -> None:
        """What the kernel does for a key, or when the terminal goes: all that run in it are told."""
        os.killpg(self.child.pid, number)

    def close(self) -> None:
        """Close it; the second time nothing is left to do."""
        if self._ours >= 0:
            os.close(self._ours)
            self._ours = -1
