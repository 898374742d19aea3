"""Identifiers: UUIDv7, which sort by the time they were made."""

import os
import time
from uuid import UUID


def uuid7() -> UUID:
    """A UUID version 7: 48 bits of Unix milliseconds, then 74 random bits (RFC 9562, section 5.7)."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
    value = value & ~(0xF000 << 64) | (0x7000 << 64)
    value = value & ~(0xC000 << 48) | (0x8000 << 48)
    return UUID(int=value)
