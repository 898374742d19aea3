"""AdminFunction and `make admin`: a registered account becomes an admin, and whoever can't is told why."""

import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from localstack import make_admin
from tests.functions.calls import call, good, unique
from tests.functions.events import Context


def asked(email: Any) -> dict[str, Any]:
    from auth.first_admin import handler

    return handler({"email": email}, Context())


@pytest.fixture
def back(customer: Any, sql: Any) -> Any:
    """A new customer who is none other than that again after the test."""
    yield customer
    sql.execute("UPDATE auth.users SET role = 'customer' WHERE id = %s", [customer["user"]["id"]])


def test_a_registered_account_becomes_an_admin_once(back: Any, sql: Any, caplog: pytest.LogCaptureFixture) -> None:
    user = back["user"]
    first = asked(f" {user['email'].upper()} ")
    assert first == {
        "outcome": "made",
        "user_id": user["id"],
        "email_verified": False,
        "created_at": user["created_at"],
    }
    assert asked(user["email"]) == {**first, "outcome": "already_admin"}
    rows = sql.execute(
        "SELECT action, actor_id, details FROM auth.audit WHERE user_id = %s AND action <> 'registered'", [user["id"]]
    )
    assert rows.fetchall() == [("admin_made", None, {"from": "customer"})]
    assert sql.execute("SELECT version FROM auth.users WHERE id = %s", [user["id"]]).fetchone() == (2,)
    said = str([vars(record) for record in caplog.records])
    assert user["id"] in said
    assert user["email"] not in said.lower()

    # The customer's token is over, and the session's next one is an admin's.
    assert call("GET", "/store/units", token=back["access_token"]).status == 401
    again = good(call("POST", "/auth/refresh", {"refresh_token": back["refresh_token"]}))
    assert good(call("GET", f"/auth/users/{user['id']}", token=again["access_token"]))["role"] == "admin"


def test_whoever_cant_is_told_why(back: Any, sql: Any) -> None:
    assert asked(f"{unique()}@example.org") == {"outcome": "no_account"}
    for address in ("anna", "", "anna@example.org\0", "a" * 5000):
        assert asked(address) == {"outcome": "not_an_address"}
    sql.execute("UPDATE auth.users SET disabled = true WHERE id = %s", [back["user"]["id"]])
    assert asked(back["user"]["email"])["outcome"] == "disabled"
    row = sql.execute("SELECT role, version FROM auth.users WHERE id = %s", [back["user"]["id"]]).fetchone()
    assert row == ("customer", 1)


@pytest.mark.parametrize("event", [None, [], {}, {"email": None}, {"email": "a@b.example", "role": "admin"}])
def test_another_event_is_refused(event: Any) -> None:
    from auth.first_admin import handler

    with pytest.raises(ValueError, match="the event must be"):
        handler(event, Context())


def test_no_request_of_the_gateway_leads_there(shop: dict[str, Any], customer: Any) -> None:
    from localstack.template import read

    function = read()["Resources"]["AdminFunction"]["Properties"]
    assert "Events" not in function
    assert [statement["Resource"] for statement in function["Policies"][0]["Statement"]] == [
        [{"Ref": "AuthDatabaseSecret"}]
    ]


def told(
    shop: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *given: str
) -> tuple[int, str]:
    """The exit status of `python -m localstack.make_admin` on the running stack, and all that it said."""
    directory = str(Path(shop["mail_dir"]).parent)
    monkeypatch.setattr(sys, "argv", ["make_admin", *given, "--directory", directory])
    capsys.readouterr()
    status = make_admin.main()
    return status, "".join(capsys.readouterr())


def test_make_admin_says_what_came_of_it(
    shop: dict[str, Any], back: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    email = back["user"]["email"]
    stranger = f"{unique()}@example.org"
    status, said = told(shop, capsys, monkeypatch, stranger)
    assert status == 1
    assert f"No account has the address {stranger}" in said
    assert "register" in said
    status, said = told(shop, capsys, monkeypatch, email)
    assert status == 0
    assert f"{email} (user {UUID(back['user']['id'])}, registered " in said
    assert "is an admin on the local stack now." in said
    assert "Nobody has proved yet that the address is theirs" in said
    assert told(shop, capsys, monkeypatch, email)[1].splitlines()[0].endswith("already.")
    status, said = told(shop, capsys, monkeypatch, " ")
    assert (status, said) == (2, "eatit: Say whose account: make admin EMAIL=anna@example.org.\n")
    assert told(shop, capsys, monkeypatch, "x")[0] == 1
    assert told(shop, capsys, monkeypatch, email, "--environment", "nowhere")[0] == 1
