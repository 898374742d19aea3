"""The shop's policy of sign-in: which roles must have a second factor, and what counts as fresh."""

from datetime import timedelta

from eatit.security import Role
from eatit.settings import settings

FRESH = timedelta(minutes=10)
"""How long a password or a second factor, once given, serves for what a stolen session must not do."""


def second_factor_demanded(role: str) -> bool:
    """Whether this role may do nothing but enrol until its session has a second factor."""
    least = settings().second_factor
    return least != "off" and Role[role] >= Role[least]
