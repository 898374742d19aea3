"""The local stack under SECOND_FACTOR: taken from the environment; demo users enrol and sign in by codes."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyotp
import pytest
import requests

from localstack import credentials
from localstack.demo.client import Client, Refused
from localstack.processes import marked
from tests.integration.test_local_stack import Terminal, one_sentence
from tests.integration.test_whole_stack import Shop
from tests.secrets_seen import note_body

PASSWORD = "correct horse battery 42"


@pytest.mark.parametrize("least", ["customer", "Staff", "on", "staff admin"])
def test_a_policy_that_is_none_is_one_sentence(tmp_path: Path, least: str) -> None:
    terminal = Terminal(tmp_path / "run")
    told = one_sentence(terminal.call("up", SECOND_FACTOR=least))
    assert "SECOND_FACTOR" in told
    assert least in told
    assert terminal.left() == []


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    own = Shop(tmp_path / "run")
    try:
        yield own
    finally:
        own.call("stop")
    assert marked(own.directory) == []


def brought_up(shop: Shop, least: str) -> dict[str, Any]:
    shop.environment["SECOND_FACTOR"] = least
    done = shop.call("up", "--port", "0")
    assert done.returncode == 0, done.stdout + done.stderr
    stack = shop.stack
    note_body([stack["users"], credentials.load(shop.directory / "secrets.json").totp])
    secrets = {user["totp_secret"] for user in stack["users"].values() if "totp_secret" in user}
    # A person who reads the table can sign in.
    assert all(secret in done.stdout for secret in secrets)
    for name in ("stack.json", "secrets.json"):
        assert stat.S_IMODE((shop.directory / name).stat().st_mode) == 0o600
    assert stack["environment"]["SECOND_FACTOR"] == least
    return stack


def with_a_factor(stack: dict[str, Any]) -> set[str]:
    return {role for role, user in stack["users"].items() if "totp_secret" in user}


def test_the_demo_shop_stands_under_the_policy_and_when_it_grows(shop: Shop) -> None:
    stack = brought_up(shop, "admin")
    assert with_a_factor(stack) == {"admin"}
    with Client(stack["url"]) as anybody:
        assert len(anybody.get("/store/products")["items"]) == 20, "the goods are there"
    a_half_enrolled_account_is_enrolled_at_the_next_try(stack["url"])

    assert shop.call("stop").returncode == 0
    admin = stack["users"]["admin"]
    # Everything is seeded, but staff must have one now as well.
    stack = brought_up(shop, "staff")
    assert with_a_factor(stack) == {"admin", "staff"}
    assert stack["users"]["admin"] == admin
    staff = stack["users"]["staff"]
    pair = {"email": staff["email"], "password": staff["password"]}
    refused = requests.post(f"{stack['url']}/auth/login", json=pair, timeout=30)
    assert (refused.status_code, refused.json()["code"]) == (401, "totp_required")
    with Client(stack["url"]) as client:
        assert client.log_in(**staff)["role"] == "staff"
        # Full rights, not an enrol-only token's: no customer may ask this, nor who only enrols.
        client.get("/store/stock/movements")
        assert client.log_in(**admin)["role"] == "admin"
        client.get("/auth/users")
        assert client.log_in(**stack["users"]["customer"])["role"] == "customer"
    # What stands on the staff's sign-in works as well.
    goods = shop.directory.parent / "goods.csv"
    goods.write_text("sku\n")
    done = shop.module("localstack.import_goods", str(goods), "--dry-run")
    assert "totp" not in done.stderr
    assert "0 rows" in done.stdout, done.stderr


def a_half_enrolled_account_is_enrolled_at_the_next_try(url: str) -> None:
    """As a kill between keeping the secret and confirming it leaves an account."""
    email = "half@example.org"

    def killed(_secret: str) -> None:
        raise KeyboardInterrupt

    kept: list[str] = []
    with Client(url) as client:
        client.post("/auth/register", {"email": email, "password": PASSWORD})
        client.log_in(email, PASSWORD)
        with pytest.raises(KeyboardInterrupt):
            client.enrol(killed)
        assert client.log_in(email, PASSWORD, pyotp.random_base32())["totp_enabled"] is False
        client.enrol(kept.append)
        assert client.get("/auth/me")["totp_enabled"] is True
        # Its last code was spent by enrolling: the next one is shown.
        assert client.log_in(email, PASSWORD, kept[0])["totp_enabled"] is True
        with pytest.raises(Refused) as caught:
            client.log_in(email, PASSWORD)
        assert (caught.value.status, caught.value.code) == (401, "totp_required")
