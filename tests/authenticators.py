"""An authenticator in a test's hand: codes of the present step, or of the next where that one was given already."""

import time
from collections.abc import Callable

import pyotp

PERIOD = 30


class Authenticator:
    """Makes codes from a secret (base32), none of them twice; `now` is the clock it goes by."""

    def __init__(self, secret: str, now: Callable[[], float] = time.time) -> None:
        self._totp = pyotp.TOTP(secret)
        self._now = now
        self._last = -1

    def code(self) -> str:
        """A code that holds and wasn't given before; the shop bears one step to either side, so two at once do."""
        self._last = max(self._last + 1, int(self._now()) // PERIOD)
        return self._totp.generate_otp(self._last)

    def spent(self) -> str:
        """The code that was given last."""
        return self._totp.generate_otp(self._last)

    def wrong(self) -> str:
        """Six digits that are the code of no step around now."""
        present = int(self._now()) // PERIOD
        near = {self._totp.generate_otp(step) for step in range(present - 3, present + 4)}
        return next(code for code in ("000000", "111111", "222222", "333333", "444444", "555555", "666666", "777777")
                    if code not in near)  # fmt: skip
