"""Settings refuse what was never filled in, and name the variable; secrets refuse the same."""

import pytest

from eatit import secrets
from eatit.errors import MisconfiguredError
from eatit.settings import is_placeholder, settings
from tests.unit.conftest import ENVIRONMENT

NEEDED = ["STAGE", "SECRETS_PREFIX", "DATABASE_URL", "REDIS_URL", "AMQP_URL", "TOKEN_ISSUER", "TOKEN_AUDIENCE"]
PLACEHOLDERS = [
    "", " ", "changeme", "CHANGE_ME", "change-it", "todo", "TBD", "xxx", "<your-host>", "your-database", "${HOST}",
    "{{host}}", "example", "placeholder", "password", "secret", "None", "null", "default",
]  # fmt: skip


@pytest.mark.parametrize("name", NEEDED)
def test_an_absent_setting_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv(name)
    with pytest.raises(MisconfiguredError, match=name):
        settings()


@pytest.mark.parametrize("value", PLACEHOLDERS)
@pytest.mark.parametrize("name", ["TOKEN_ISSUER", "SECRETS_PREFIX"])
def test_a_placeholder_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    assert is_placeholder(value)
    monkeypatch.setenv(name, value)
    with pytest.raises(MisconfiguredError, match=name):
        settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgresql://<host>:5432/eatit"),
        ("DATABASE_URL", "postgresql:///eatit"),
        ("DATABASE_URL", "mysql://host/eatit"),
        ("DATABASE_URL", "postgresql://eatit:pa55@host/eatit"),
        ("REDIS_URL", "http://host:6379"),
        ("REDIS_URL", "redis://:pa55@host:6379"),
        ("AMQP_URL", "amqp://changeme:5672"),
        ("AMQP_URL", "amqp://eatit:pa55@host/%2F"),
        ("CURRENCY", "rub"),
        ("CURRENCY", "ROUBLE"),
        ("DEFAULT_LANGUAGE", "de"),
        ("STAGE", "Prod Stage"),
        ("PREPARE_STATEMENTS", "maybe"),
        ("MAIL_URL", "http://host:25"),
        ("MAIL_URL", "smtp://host"),
        ("MAIL_URL", "smtp://:25"),
        ("MAIL_URL", "smtp://host:port"),
        ("MAIL_URL", "smtp://eatit:pa55@host:25"),
        ("MAIL_URL", "smtp://eatit@host:25"),
        ("MAIL_URL", "ses://eu-west-1"),
        ("MAIL_FROM", "changeme"),
        ("SHOP_URL", "shop.example"),
        ("SHOP_URL", "javascript:alert(1)"),
        ("SHOP_URL", "https://shop.example/?a=b"),
        ("SHOP_URL", "https://shop.example/#top"),
        ("SHOP_URL", "https://me:pa55@shop.example"),
        ("PUBLIC_URL", "ftp://shop.example"),
        ("FILES_BUCKET", "changeme"),
        ("S3_URL", "s3://bucket"),
        ("PHOTOS_URL", "cdn.example"),
        ("ADDRESS_REQUESTS", "many per minute"),
        ("ADDRESS_REQUESTS", "30"),
        ("ADDRESS_WRONG_PASSWORDS", "0 per hour"),
        ("NETWORK_WRONG_PASSWORDS", "10 per 0 hours"),
        ("NETWORK_REQUESTS", "10 per minute; 100 per hour"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(MisconfiguredError, match=name) as caught:
        settings()
    assert "pa55" not in str(caught.value)


def test_what_makes_sense_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    found = settings()
    assert found.database_url == ENVIRONMENT["DATABASE_URL"]
    assert found.cors_origins == ("http://localhost:*", "https://shop.example")
    assert found.prepare_statements is True
    settings.cache_clear()
    for name in ("CURRENCY", "DEFAULT_LANGUAGE", "PREPARE_STATEMENTS", "CORS_ORIGINS"):
        monkeypatch.delenv(name)
    found = settings()
    assert (found.currency, found.default_language, found.cors_origins) == ("RUB", "ru", ())


def test_mail_has_defaults_and_sites_lose_their_slash(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAIL_URL", "MAIL_FROM", "SHOP_URL", "PUBLIC_URL"):
        monkeypatch.setenv(name, "")
    found = settings()
    assert (found.mail_url, found.mail_from, found.shop_url, found.public_url) == ("ses://", "", "", "")
    settings.cache_clear()
    monkeypatch.setenv("MAIL_URL", "smtp://127.0.0.1:1025")
    monkeypatch.setenv("MAIL_FROM", " EatIt <no-reply@shop.example> ")
    monkeypatch.setenv("SHOP_URL", "https://shop.example/")
    monkeypatch.setenv("PUBLIC_URL", "https://api.shop.example/v1/")
    found = settings()
    assert (found.mail_url, found.mail_from) == ("smtp://127.0.0.1:1025", "EatIt <no-reply@shop.example>")
    assert (found.shop_url, found.public_url) == ("https://shop.example", "https://api.shop.example/v1")


def test_files_are_kept_where_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FILES_BUCKET", "S3_URL", "PHOTOS_URL"):
        monkeypatch.delenv(name, raising=False)
    found = settings()
    assert (found.files_bucket, found.s3_url, found.photos_url) == ("", "", "")
    settings.cache_clear()
    monkeypatch.setenv("FILES_BUCKET", "eatit-files")
    monkeypatch.setenv("PHOTOS_URL", "https://cdn.example/shop/")
    found = settings()
    assert (found.files_bucket, found.photos_url) == ("eatit-files", "https://cdn.example/shop")


@pytest.mark.parametrize("value", ["eatit", "https://eatit/prod", "db.internal", "secret-1f3a9c", "examples.org"])
def test_a_real_value_is_no_placeholder(value: str) -> None:
    assert not is_placeholder(value)


@pytest.mark.parametrize(
    "text", ["", "x", "[]", "null", '{"password": ""}', '{"password": "changeme"}', '{"username": "<user>"}']
)
def test_a_secret_that_was_never_filled_in_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(secrets, "_fetch", lambda name, fresh: text)
    secrets.forget_secrets()
    with pytest.raises(MisconfiguredError, match="eatit/unit/database/store") as caught:
        secrets.secret("database/store")
    assert "changeme" not in str(caught.value)


def test_a_secret_is_kept_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, bool]] = []

    def fetch(name: str, *, fresh: bool) -> str:
        asked.append((name, fresh))
        return f'{{"username": "u{len(asked)}"}}'

    now = 1000.0
    monkeypatch.setattr(secrets, "_fetch", fetch)
    monkeypatch.setattr("eatit.secrets.time.monotonic", lambda: now)
    secrets.forget_secrets()
    assert secrets.secret("broker") == secrets.secret("broker") == {"username": "u1"}
    now += 299
    assert secrets.secret("broker") == {"username": "u1"}
    assert secrets.secret("broker", newer_than=now) == {"username": "u2"}
    now += 301
    assert secrets.secret("broker") == {"username": "u3"}
    assert asked == [("eatit/unit/broker", False), ("eatit/unit/broker", True), ("eatit/unit/broker", False)]
    secrets.forget_secrets()
