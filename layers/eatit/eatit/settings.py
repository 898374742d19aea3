"""Settings from the environment, read at first use; absent and placeholder values are refused."""

import os
import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from eatit.errors import MisconfiguredError

_PLACEHOLDER = re.compile(
    r"^(|change[-_ ]?(me|it)|placeholder|todo|tbd|fixme|xxx+|example|none|null|undefined|default|secret|password"
    r"|your[-_ ].*|<.*>|\$\{.*\}|\{\{.*\}\})$",
    re.IGNORECASE,
)
# Of the notation that the library `limits` reads, what is unmistakable; most functions don't have the library loaded.
_LIMIT = r"[1-9][0-9]{0,8} per ([1-9][0-9]{0,3} )?(second|minute|hour|day)s?"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a deployment decides; nothing in it is secret (see `eatit.secrets`)."""

    stage: str
    secrets_prefix: str
    database_url: str
    redis_url: str
    amqp_url: str
    cors_origins: tuple[str, ...]
    currency: str
    default_language: str
    token_issuer: str
    token_audience: str
    prepare_statements: bool
    delivery_fee: int
    delivery_free_from: int
    minimum_order: int
    payment_minutes: int
    open_cash_orders: int
    second_factor: str
    address_wrong_passwords: str
    network_wrong_passwords: str
    address_requests: str
    network_requests: str
    address_registrations: str
    account_mails: str
    mail_url: str
    mail_from: str
    shop_url: str
    public_url: str
    files_bucket: str
    s3_url: str
    photos_url: str


def is_placeholder(value: str) -> bool:
    """Whether a value was plainly never filled in: empty, `changeme`, `<your-host>`, `${HOST}` and the like."""
    return _PLACEHOLDER.match(value.strip()) is not None


def _value(name: str, default: str | None = None) -> str:
    value = os.environ.get(name, default)
    if value is None or is_placeholder(value):
        raise MisconfiguredError(f"{name} is not set, or is still a placeholder: set it in the function's environment")
    return value.strip()


def _url(name: str, *schemes: str) -> str:
    value = _value(name)
    parts = urlsplit(value)
    if parts.scheme not in schemes or not parts.hostname or is_placeholder(parts.hostname):
        raise MisconfiguredError(f"{name} must be a URL like {schemes[0]}://host:port/…")
    if parts.password:
        raise MisconfiguredError(f"{name} must hold no password: that belongs in the secret store")
    return value


def _mail_url() -> str:
    value = os.environ.get("MAIL_URL", "").strip() or "ses://"
    if value == "ses://":
        return value
    value = _url("MAIL_URL", "smtp")
    try:
        port = urlsplit(value).port
    except ValueError:
        port = None
    if port is None or urlsplit(value).username:
        raise MisconfiguredError("MAIL_URL must be ses://, or smtp://host:port without a login")
    return value


def _site(name: str) -> str:
    """A web address that may be left out, without a slash at its end."""
    if not os.environ.get(name, "").strip():
        return ""
    value = _url(name, "https", "http")
    if urlsplit(value).query or urlsplit(value).fragment:
        raise MisconfiguredError(f"{name} must be a plain address, with neither a query nor a fragment")
    return value.rstrip("/")


def _matching(name: str, pattern: str, default: str | None = None) -> str:
    value = _value(name, default)
    if not re.fullmatch(pattern, value):
        raise MisconfiguredError(f"{name} must match {pattern}")
    return value


def _amount(name: str) -> int:
    return int(_matching(name, r"0|[1-9][0-9]{0,11}", "0"))


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this environment.

    Raises `MisconfiguredError`, naming the variable, when one is absent, malformed or a placeholder.
    """
    return Settings(
        stage=_matching("STAGE", r"[a-z][a-z0-9-]{0,30}"),
        secrets_prefix=_matching("SECRETS_PREFIX", r"[A-Za-z0-9/_+=.@-]+").rstrip("/"),
        database_url=_url("DATABASE_URL", "postgresql"),
        redis_url=_url("REDIS_URL", "redis", "rediss"),
        amqp_url=_url("AMQP_URL", "amqp", "amqps"),
        cors_origins=tuple(part.strip() for part in os.environ.get("CORS_ORIGINS", "").split(",") if part.strip()),
        currency=_matching("CURRENCY", r"[A-Z]{3}", "RUB"),
        default_language=_matching("DEFAULT_LANGUAGE", r"ru|en", "ru"),
        token_issuer=_value("TOKEN_ISSUER"),
        token_audience=_value("TOKEN_AUDIENCE"),
        prepare_statements=_matching("PREPARE_STATEMENTS", r"on|off", "on") == "on",
        # In minor units; zero: delivery is never free by its sum, an order may be of any sum.
        delivery_fee=_amount("DELIVERY_FEE"),
        delivery_free_from=_amount("DELIVERY_FREE_FROM"),
        minimum_order=_amount("MINIMUM_ORDER"),
        payment_minutes=int(_matching("PAYMENT_MINUTES", r"[1-9][0-9]{0,4}", "30")),
        # Zero: any number.
        open_cash_orders=int(_matching("OPEN_CASH_ORDERS", r"0|[1-9][0-9]{0,3}", "0")),
        second_factor=_matching("SECOND_FACTOR", r"off|staff|admin", "off"),
        address_wrong_passwords=_matching("ADDRESS_WRONG_PASSWORDS", _LIMIT, "100 per hour"),
        network_wrong_passwords=_matching("NETWORK_WRONG_PASSWORDS", _LIMIT, "1000 per hour"),
        address_requests=_matching("ADDRESS_REQUESTS", _LIMIT, "30 per minute"),
        network_requests=_matching("NETWORK_REQUESTS", _LIMIT, "300 per minute"),
        address_registrations=_matching("ADDRESS_REGISTRATIONS", _LIMIT, "20 per hour"),
        account_mails=_matching("ACCOUNT_MAILS", _LIMIT, "5 per hour"),
        mail_url=_mail_url(),
        mail_from=_value("MAIL_FROM") if os.environ.get("MAIL_FROM", "").strip() else "",
        shop_url=_site("SHOP_URL"),
        public_url=_site("PUBLIC_URL"),
        # Only where files are kept: most functions have none.
        files_bucket=_value("FILES_BUCKET") if os.environ.get("FILES_BUCKET", "").strip() else "",
        s3_url=_site("S3_URL"),
        photos_url=_site("PHOTOS_URL"),
    )
