"""The local stack's own secrets: made at random once, kept in `secrets.json` of the run directory (mode 0600)."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Login:
    """A user's name and password at a server."""

    username: str
    password: str


@dataclass
class Credentials:
    """Everything secret that has to outlive a restart."""

    postgres: str
    owner: str
    broker: str
    # Demo users' passwords by role: admin, staff, customer.
    users: dict[str, str]
    # Their authenticators' secrets (base32) by role, of those whom SECOND_FACTOR had enrol.
    totp: dict[str, str] = field(default_factory=dict)
    # What the functions wrote into Secrets Manager, by name without the prefix (auth/signing, auth/jwks). The
    # emulator forgets it when it ends, and tokens given out before a restart must stay good.
    written: dict[str, dict[str, Any]] = field(default_factory=dict)
    # What of the demo is in the database: "", "users" or "goods" (which has the users too).
    seeded: str = ""


def load(path: Path) -> Credentials:
    """What `path` holds, or new random credentials, kept there at once."""
    try:
        return Credentials(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        made = Credentials(
            postgres=new_password(),
            owner=new_password(),
            broker=new_password(),
            users={role: new_password() for role in ("admin", "staff", "customer")},
        )
        save(path, made)
        return made


def new_password() -> str:
    """144 random bits, nothing that a URL or a shell would have to escape."""
    return secrets.token_urlsafe(18)


def save(path: Path, credentials: Credentials) -> None:
    """Keeps `credentials` in `path`."""
    write_private(path, json.dumps(asdict(credentials), indent=1))


def write_private(path: Path, text: str) -> None:
    """Writes `path` whole or not at all, for its owner's eyes only (mode 0600)."""
    draft = path.with_name(path.name + ".draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)
