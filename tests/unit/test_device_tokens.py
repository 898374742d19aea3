"""The key that device tokens are signed with: read anew where an older secret is kept, and never done without."""

import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import pytest

from auth import devices
from auth.devices import device_token, trusted_device
from eatit.errors import MisconfiguredError


def test_a_token_is_good_for_its_user_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "secret", lambda name, newer_than=None: {"device": "a key"})
    anna, boris = uuid4(), uuid4()
    first, second = device_token(anna, None), device_token(anna, None)
    nonces = [trusted_device(token, anna, None) for token in (first, second)]
    assert None not in nonces
    assert nonces[0] != nonces[1]
    assert trusted_device(first, anna, None) == nonces[0]
    assert trusted_device(first, boris, None) is None
    assert trusted_device(None, anna, None) is None
    assert len(first) == 76
    monkeypatch.setattr(devices, "secret", lambda name, newer_than=None: {"device": "another deployment's"})
    assert trusted_device(first, anna, None) is None


def test_another_password_voids_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "secret", lambda name, newer_than=None: {"device": "a key"})
    anna, changed = uuid4(), datetime(2026, 5, 1, 12, 0, 0, 1, UTC)
    token = device_token(anna, changed)
    assert trusted_device(token, anna, changed)
    assert trusted_device(token, anna, changed.astimezone(timezone(timedelta(hours=3)))), "the same time elsewhere"
    assert trusted_device(token, anna, changed + timedelta(microseconds=1)) is None
    assert trusted_device(token, anna, None) is None
    assert trusted_device(device_token(anna, None), anna, changed) is None


def test_a_secret_from_before_the_key_is_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def secret(name: str, newer_than: float | None = None) -> dict[str, Any]:
        asked.append(newer_than)
        return {} if newer_than is None else {"device": "a key"}

    monkeypatch.setattr(devices, "secret", secret)
    began = time.monotonic()
    assert device_token(uuid4(), None)
    assert asked[0] is None
    assert asked[1] is not None
    assert asked[1] >= began


def test_without_a_key_there_is_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "secret", lambda name, newer_than=None: {"refresh": "x"})
    with pytest.raises(MisconfiguredError, match="device"):
        device_token(uuid4(), None)
