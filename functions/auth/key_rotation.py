"""The worker that makes the signing keys: `{"action": "ensure"}` makes them where there are none.

Run at every deployment. It alone may write the secrets `auth/signing` and `auth/jwks`.
"""

from typing import Any

import boto3
import orjson

from auth.keys import new_signing_secret, public_keys
from eatit.observability import logger
from eatit.settings import settings


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """`{"action": "ensure"}` → `{"kids": [...], "made": bool}`. Raises `ValueError` for another action."""
    if event.get("action", "ensure") != "ensure":
        raise ValueError("the action must be ensure")
    client = boto3.client("secretsmanager")
    prefix = settings().secrets_prefix
    signing = _read(client, f"{prefix}/auth/signing")
    made = "current" not in signing
    if made:
        signing = new_signing_secret()
        client.put_secret_value(SecretId=f"{prefix}/auth/signing", SecretString=orjson.dumps(signing).decode())
    jwks = public_keys(signing)
    if _read(client, f"{prefix}/auth/jwks") != jwks:
        client.put_secret_value(SecretId=f"{prefix}/auth/jwks", SecretString=orjson.dumps(jwks).decode())
    kids = [key["kid"] for key in jwks["keys"]]
    logger.info("signing keys", kids=kids, made=made)
    return {"kids": kids, "made": made}


def _read(client: Any, name: str) -> dict[str, Any]:
    value = orjson.loads(client.get_secret_value(SecretId=name)["SecretString"])
    return value if isinstance(value, dict) else {}
