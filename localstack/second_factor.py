"""SECOND_FACTOR on a local stack: who of the demo users must have a second factor, and which codes they show."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from localstack.failures import StackFailure

# Who must have one, by the least role that must.
DEMANDED: dict[str, tuple[str, ...]] = {"off": (), "staff": ("staff", "admin"), "admin": ("admin",)}
PERIOD_SECONDS = 30
POLL_SECONDS = 0.2


def policy() -> str:
    """The environment's SECOND_FACTOR: off (also where there is none), staff or admin. Raises StackFailure."""
    given = os.environ.get("SECOND_FACTOR", "").strip() or "off"
    if given not in DEMANDED:
        raise StackFailure(f"SECOND_FACTOR is {given!r:.40}: it must be off, staff or admin.")
    return given


def codes(secret: str) -> Iterator[str]:
    """Three codes of `secret` (base32) that hold when they are given, each of a later step than the one before.

    The shop takes a step's code once, and from 30 s before its time: whoever signed in just now may have spent the
    first two, and the third has to be waited for, 30 s at most.
    """
    import pyotp

    totp = pyotp.TOTP(secret)
    present = int(time.time()) // PERIOD_SECONDS
    for step in range(present, present + 3):
        while time.time() < (step - 1) * PERIOD_SECONDS:
            time.sleep(POLL_SECONDS)
        yield totp.generate_otp(step)
