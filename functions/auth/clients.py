"""Who is on the other end: the device and the network address that sessions, limits and the audit are kept under."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Client:
    """What a client says it is (its `User-Agent`, cut to 300 characters) and the address that the gateway saw."""

    device: str | None
    address: str | None
