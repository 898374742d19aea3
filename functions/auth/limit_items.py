"""The limits themselves: how many of what within which time. docs/limits.md has the table."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from eatit.settings import settings

if TYPE_CHECKING:
    from limits import RateLimitItem

FREE_TRIES = 5
FIRST_WAIT, LONGEST_WAIT = 2, 300
# Wrong passwords an hour at all known devices of one account together. With the 23 of strangers that is less than the
# 100 of OWASP's ASVS 4, 2.2.1.
KNOWN_TRIES = 60
# Kinds of requests that a house full of customers makes all day; the others are made a few times in a life.
MULTIPLES = {"refresh": 10}


@dataclass(frozen=True, slots=True)
class Items:
    """The limits. `failures` and `requests` are those of "address" and "network"."""

    free: "RateLimitItem"
    dear: "RateLimitItem"
    known: "RateLimitItem"
    failures: dict[str, "RateLimitItem"]
    requests: dict[str, "RateLimitItem"]
    registrations: "RateLimitItem"
    mails: "RateLimitItem"


@lru_cache(maxsize=1)
def items() -> Items:
    """The limits of this deployment."""
    from limits import RateLimitItemPerHour, parse

    chosen = settings()
    failures = {"address": chosen.address_wrong_passwords, "network": chosen.network_wrong_passwords}
    requests = {"address": chosen.address_requests, "network": chosen.network_requests}
    return Items(
        free=RateLimitItemPerHour(FREE_TRIES - 1, 1, "tries"),
        # Never reached: the locks see to that. What is wanted is its hour.
        dear=RateLimitItemPerHour(10_000, 1, "waited-tries"),
        known=RateLimitItemPerHour(KNOWN_TRIES, 1, "known-tries"),
        failures={name: _named(parse(limit), "wrong-passwords") for name, limit in failures.items()},
        requests={name: parse(limit) for name, limit in requests.items()},
        registrations=_named(parse(chosen.address_registrations), "registrations"),
        mails=parse(chosen.account_mails),
    )


@lru_cache(maxsize=64)
def requests_of(name: str, kind: str) -> tuple["RateLimitItem", ...]:
    """What requests of this kind are counted in for an "address" or a "network"."""
    item = items().requests[name]
    own = (items().registrations,) if (name, kind) == ("address", "register") else ()
    return type(item)(item.amount * MULTIPLES.get(kind, 1), item.multiples, f"requests-{kind}"), *own


@lru_cache(maxsize=16)
def mails_of(kind: str) -> "RateLimitItem":
    """What mails of this kind to one address are counted in."""
    return _named(items().mails, f"mails-{kind}")


@lru_cache(maxsize=16)
def lock(rung: int) -> "RateLimitItem":
    """What the try after the rung's has to wait for: 2 seconds, then double, up to five minutes."""
    from limits import RateLimitItemPerSecond

    return RateLimitItemPerSecond(1, min(FIRST_WAIT << min(rung, 10), LONGEST_WAIT), "lock")


def forget_items() -> None:
    """Drop what was read of the settings."""
    for kept in (items, requests_of, mails_of):
        kept.cache_clear()


def _named(item: "RateLimitItem", namespace: str) -> "RateLimitItem":
    return type(item)(item.amount, item.multiples, namespace)
