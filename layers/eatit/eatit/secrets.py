"""Secrets from AWS Secrets Manager, kept for five minutes: the only door to anything secret.

On AWS the Parameters and Secrets Lambda extension answers on a local port, which costs no SDK import; where it isn't
there (local emulators), Powertools Parameters asks the service itself.
"""

import os
import time
from functools import lru_cache
from typing import Any

import orjson

from eatit.errors import MisconfiguredError, Unavailable
from eatit.settings import is_placeholder, settings

KEPT_SECONDS = 300
_kept: dict[str, tuple[float, dict[str, Any]]] = {}


def secret(name: str, *, newer_than: float | None = None) -> dict[str, Any]:
    """The JSON object of the secret `<prefix>/<name>`.

    `newer_than`: a `time.monotonic()`; a value fetched before it is fetched anew.
    Raises `MisconfiguredError` when it is absent or holds a placeholder, `Unavailable` when the service can't be asked.
    """
    kept = _kept.get(name)
    now = time.monotonic()
    if kept and now - kept[0] < KEPT_SECONDS and (newer_than is None or kept[0] >= newer_than):
        return kept[1]
    full_name = f"{settings().secrets_prefix}/{name}"
    try:
        value = _parsed(full_name, _fetch(full_name, fresh=newer_than is not None))
    except Unavailable:
        if kept is None:
            raise
        value = kept[1]  # yesterday's secret most likely still holds: better than serving nobody
    if value:  # one still empty at the first deployment is looked for again at once
        _kept[name] = (now, value)
    return value


def forget_secrets() -> None:
    """Drop all that is kept, so that the next look reads anew."""
    _kept.clear()


def _parsed(full_name: str, text: str) -> dict[str, Any]:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise MisconfiguredError(f"secret {full_name} is not JSON") from None
    if not isinstance(value, dict):
        raise MisconfiguredError(f"secret {full_name} is not a JSON object")
    for key, part in value.items():
        if isinstance(part, str) and is_placeholder(part):
            raise MisconfiguredError(f"secret {full_name} has a placeholder in {key}")
    return value


def _fetch(full_name: str, *, fresh: bool) -> str:
    port = os.environ.get("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT")
    return _from_extension(full_name, int(port), fresh=fresh) if port else _from_service(full_name)


def _from_extension(full_name: str, port: int, *, fresh: bool) -> str:
    """https://docs.aws.amazon.com/secretsmanager/latest/userguide/retrieving-secrets_lambda.html"""
    from http.client import HTTPConnection, HTTPException
    from urllib.parse import quote

    connection = HTTPConnection("127.0.0.1", port, timeout=3)
    try:
        path = f"/secretsmanager/get?secretId={quote(full_name, safe='')}" + ("&refreshNow=true" if fresh else "")
        headers = {"X-Aws-Parameters-Secrets-Token": os.environ.get("AWS_SESSION_TOKEN", "")}
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, HTTPException) as error:
        raise Unavailable(what="secrets") from error
    finally:
        connection.close()
    if answer.status in (400, 404):
        raise MisconfiguredError(f"secret {full_name} can't be read: is it there, and may this function read it?")
    if answer.status != 200:
        raise Unavailable(what="secrets")
    return str(orjson.loads(body)["SecretString"])


def _from_service(full_name: str) -> str:
    from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

    try:
        return str(_provider().get(full_name, force_fetch=True))
    except GetParameterError as error:
        if "NotFound" in str(error) or "AccessDenied" in str(error):
            raise MisconfiguredError(f"secret {full_name} can't be read: is it there?") from error
        raise Unavailable(what="secrets") from error


@lru_cache(maxsize=1)
def _provider() -> Any:
    """Powertools' own, but for the times: boto's are a minute and five tries, and a function has ten seconds."""
    from aws_lambda_powertools.utilities.parameters import SecretsProvider
    from botocore.config import Config

    return SecretsProvider(boto_config=Config(connect_timeout=2, read_timeout=3, retries={"total_max_attempts": 2}))
