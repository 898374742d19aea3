"""The errors of the domain: each has a stable code and knows nothing of HTTP; `eatit.http.problems` maps them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a body: a JSON pointer (RFC 6901) to the place, a code, and what is said there."""

    pointer: str
    code: str
    parameters: dict[str, Any] = field(default_factory=dict)


class DomainError(Exception):
    """Something the caller can be told: `code` names it, `parameters` fill its text, `extra` joins the answer."""

    code = "internal_error"

    def __init__(self, code: str | None = None, *, extra: dict[str, Any] | None = None, **parameters: Any) -> None:
        super().__init__(code or self.code)
        self.code = code or self.code
        self.parameters = parameters
        self.extra = extra or {}


class NotFound(DomainError):
    """What was asked for isn't there, or isn't there for this caller."""

    code = "not_found"


class Conflict(DomainError):
    """The change contradicts what stands: a taken name, a thing in use, a cycle."""

    code = "conflict"


class Stale(DomainError):
    """The caller's `If-Match` names a version that is no longer the present one."""

    code = "version_mismatch"


class Invalid(DomainError):
    """A body of the right JSON that breaks rules: all of its faults at once."""

    code = "invalid_body"

    def __init__(self, faults: Sequence[Fault], code: str | None = None) -> None:
        super().__init__(code)
        self.faults = list(faults)


class Unauthenticated(DomainError):
    """No token where one is needed, or one that doesn't hold."""

    code = "authentication_required"


class Forbidden(DomainError):
    """A caller whose role is too low."""

    code = "forbidden"


class Unavailable(DomainError):
    """Something this can't be done without is away for the moment: trying again later is right."""

    code = "unavailable"


class MisconfiguredError(Exception):
    """A setting or a secret is absent, malformed or a placeholder: the function can't serve until that is mended."""


def check_version(version: int, expected: list[int] | None) -> None:
    """Raise `Stale` unless the entity's version is one of those that the caller expects; `None` expects any."""
    if expected is not None and version not in expected:
        raise Stale
