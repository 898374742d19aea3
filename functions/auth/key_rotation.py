"""The worker that makes and changes the signing keys. It alone may write the secrets `auth/signing` and `auth/jwks`.

Public keys are written before the key that signs, each only over the version that was read, and both are read again
until they agree: so no token is ever signed by a key that isn't published, whoever else rotates and wherever one dies
(docs/decisions/0010-keys-are-published-before-they-sign.md).
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
import orjson

from auth.keys import completed, public_keys, replaced, rotated
from eatit.errors import MisconfiguredError
from eatit.observability import logger
from eatit.settings import settings

# What each action answers its doing by.
ACTIONS = {"ensure": "made", "rotate": "rotated", "replace": "replaced"}
SIGNING, JWKS = "auth/signing", "auth/jwks"
TRIES = 10


class Overtaken(Exception):
    """Someone else has written a secret since it was read."""


@dataclass(frozen=True)
class Held:
    """A secret's value, and the version that it was read from."""

    name: str
    value: dict[str, Any]
    version: str


class Vault:
    """Both secrets in Secrets Manager; a write takes the place of the version that was read, or of none."""

    def __init__(self, client: Any, prefix: str) -> None:
        self._client = client
        self._prefix = prefix
        self._spent: list[tuple[str, str]] = []

    def read(self, name: str) -> Held:
        """A secret as it stands. Raises `MisconfiguredError` when it holds something else than a JSON object."""
        found = self._client.get_secret_value(SecretId=f"{self._prefix}/{name}")
        try:
            value = orjson.loads(found["SecretString"])
        except orjson.JSONDecodeError:
            value = None
        if not isinstance(value, dict):  # what a person put there by mistake is theirs to mend, and never written over
            raise MisconfiguredError(f"secret {self._prefix}/{name} is not a JSON object")
        return Held(name, value, str(found.get("VersionId", "")))

    def write(self, held: Held, value: dict[str, Any]) -> None:
        """Put a value in the place of the one read. Raises `Overtaken` when another was put there meanwhile.

        A version's id is the request's token, and a token can't be used again for another value: derived from the
        version that was read, it lets one writer through.
        https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
        """
        base = (held.name, held.version)
        # A version that was overtaken and stands again all the same was put back by hand: its token is spent.
        token = hashlib.sha256(f"{held.name} {held.version} {self._spent.count(base)}".encode()).hexdigest()
        text = orjson.dumps(value).decode()
        try:
            self._client.put_secret_value(
                SecretId=f"{self._prefix}/{held.name}", SecretString=text, ClientRequestToken=token
            )
        except self._client.exceptions.ResourceExistsException:
            self._spent.append(base)
            raise Overtaken from None


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Make or change the keys → `{"kids": [...], "current": kid}` and whether this call did it.

    - `{"action": "ensure"}`: makes what is missing, publishes what isn't, changes nothing else. `"made": bool`
    - `{"action": "rotate"}`: the next key signs from now on; old tokens hold. `"rotated": bool`, false where another
      rotation came in between and did it.
    - `{"action": "replace"}`: for stolen keys: all new, old tokens hold no longer. `"replaced": bool`

    Raises `ValueError` for another action.
    """
    action = event.get("action", "ensure")
    if action not in (*ACTIONS,):
        raise ValueError(f"the action must be one of {', '.join(ACTIONS)}")
    signing, done = settle(Vault(boto3.client("secretsmanager"), settings().secrets_prefix), action)
    kids = [key["kid"] for key in public_keys(signing)["keys"]]
    current = signing["current"]["kid"]
    logger.info("signing keys", action=action, done=done, kids=kids, current=current)
    return {"kids": kids, ACTIONS[action]: done, "current": current}


def settle(vault: Vault, action: str) -> tuple[dict[str, Any], bool]:
    """Do the action once, and go on until both secrets agree: the signing secret, and whether it was changed here."""
    first: Held | None = None
    done = False
    for _ in range(TRIES):
        # In this order: public keys that are then written over were read before the keys that they must tell of.
        jwks, signing = vault.read(JWKS), vault.read(SIGNING)
        first = first or signing
        wanted = _change(action, signing.value, changed_since=first.value)
        keys = public_keys(wanted)
        if (jwks.value, signing.value) == (keys, wanted):
            return wanted, done
        try:
            if jwks.value != keys:
                vault.write(jwks, keys)
            if signing.value != wanted:
                vault.write(signing, wanted)
                done = True
        except Overtaken:
            continue
    raise RuntimeError(f"the signing keys were changed by others {TRIES} times in a row")


def _change(action: str, signing: dict[str, Any], *, changed_since: dict[str, Any]) -> dict[str, Any]:
    """What the signing secret should become. Once somebody has changed the key that signs, nobody needs to again."""
    changes: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
        "rotate": lambda value: rotated(value, int(time.time())),
        "replace": replaced,
    }
    if signing.get("current") != changed_since.get("current"):
        return completed(signing)
    return changes.get(action, completed)(signing)
