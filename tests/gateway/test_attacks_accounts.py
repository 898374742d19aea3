"""Attacks on accounts: one address wanted in every spelling at once, another's address in lookalikes, fields not asked
for."""

import uuid
from typing import Any

import pytest

from tests.gateway.conftest import PASSWORD
from tests.gateway.shop import Api, at_once, faults, good, problem, unique

CLIENTS = 20
# What an account or a session has and nobody may give to theirs.
NOT_GIVEN = {
    "id": str(uuid.UUID(int=7)),
    "user_id": str(uuid.UUID(int=7)),
    "role": "admin",
    "email_verified": True,
    "disabled": False,
    "totp_enabled": False,
    "totp_secret": "JBSWY3DPEHPK3PXP",
    "telegram_id": 42,
    "version": 99,
    "password_hash": "x",
    "password_changed_at": "2020-01-01T00:00:00Z",
    "created_at": "2020-01-01T00:00:00Z",
    "session_id": str(uuid.UUID(int=7)),
    "second_factor_at": "2099-01-01T00:00:00Z",
    "enrolling": False,
    "scope": "admin",
    "is_admin": True,
    "__proto__": {"role": "admin"},
    "user": {"role": "admin"},
}


def register(api: Api, email: str) -> Any:
    return api.post("/auth/register", {"email": email, "password": PASSWORD})


def row_of(sql: Any, user_id: str) -> Any:
    return sql.execute("SELECT * FROM auth.users WHERE id = %s", [user_id]).fetchone()


def test_of_twenty_spellings_at_once_one_becomes_the_account(api: Api, sql: Any) -> None:
    """Case, Unicode's forms, international names in two alphabets, spaces: all of them are one address."""
    word = uuid.uuid4().hex[:10]
    unicode_domain, ascii_domain = f"{word}.bücher.example", f"{word}.xn--bcher-kva.example"
    composed, apart = f"andré-{word}", f"andre\u0301-{word}"
    spellings = [
        f"{before}{way(local)}@{domain}{after}"
        for local in (composed, apart)
        for way in (str.lower, str.upper)
        for domain, before, after in (
            (unicode_domain, "", ""),
            (ascii_domain, " ", ""),
            (unicode_domain.upper(), "", "  "),
            (ascii_domain.upper(), "\t", "\n"),
            (unicode_domain.replace(".", "\u3002"), "", ""),
        )
    ]
    assert len(set(spellings)) == CLIENTS
    answers = at_once([lambda email=email: register(api, email) for email in spellings])  # type: ignore[misc]
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * (CLIENTS - 1)
    user = next(answer.json()["user"] for answer in answers if answer.status_code == 201)
    assert user["email"] == f"{composed}@{unicode_domain}"
    for answer in answers:
        if answer.status_code != 201:
            assert user["id"] not in problem(answer, 409, "email_taken")["detail"]
            assert answer.headers.get("Location") is None
    stored = sql.execute("SELECT id FROM auth.users WHERE email LIKE %s", [f"%{word}%"]).fetchall()
    assert [str(row[0]) for row in stored] == [user["id"]]
    assert sql.execute("SELECT count(*) FROM auth.sessions WHERE user_id = %s", [user["id"]]).fetchone() == (1,)
    asked = sql.execute(
        "SELECT state ->> 'kind', count(*) FROM events.outbox"
        " WHERE type = 'auth.mail.requested' AND aggregate_id = %s GROUP BY 1 ORDER BY 1",
        [user["id"]],
    ).fetchall()
    assert asked == [("already_registered", CLIENTS - 1), ("verify", 1)]
    for spelling in spellings[::7]:
        found = good(api.post("/auth/login", {"email": spelling, "password": PASSWORD}))
        assert found["user"]["id"] == user["id"]


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        ("{}@straße.example", "{}@strasse.example"),  # two domains to IDNA 2008, one to case folding
        ("ma\u00df-{}@example.org", "mass-{}@example.org"),
        ("\u017fam-{}@example.org", "sam-{}@example.org"),
        ("m\u0131ke-{}@example.org", "mike-{}@example.org"),
        ("\ufb01n-{}@example.org", "fin-{}@example.org"),
        ("\u0430nna-{}@example.org", "anna-{}@example.org"),
        ("{}@ex\u0430mple.org", "{}@example.org"),
    ],
)
def test_a_lookalike_is_another_address(api: Api, mine: str, theirs: str) -> None:
    """Else mails to the one, reset tokens among them, would go to the other."""
    word = uuid.uuid4().hex[:10]
    first, second = (good(register(api, address.format(word)), 201)["user"] for address in (mine, theirs))
    assert (first["email"], second["email"]) == (mine.format(word), theirs.format(word))
    assert first["id"] != second["id"]
    found = good(api.post("/auth/login", {"email": theirs.format(word), "password": PASSWORD}))
    assert found["user"]["id"] == second["id"]


def bodies(session: Any) -> dict[tuple[str, str], dict[str, Any]]:
    """A good body, or a nearly good one, of everything under /auth that takes one."""
    email = session["user"]["email"]
    return {
        ("POST", "/auth/register"): {"email": f"{unique('mass')}@example.org", "password": PASSWORD},
        ("POST", "/auth/login"): {"email": email, "password": PASSWORD},
        ("POST", "/auth/refresh"): {"refresh_token": session["refresh_token"]},
        ("POST", "/auth/logout"): {"refresh_token": session["refresh_token"]},
        ("PATCH", "/auth/me"): {"display_name": "Anna"},
        ("POST", "/auth/password"): {"current_password": PASSWORD, "new_password": f"{PASSWORD} new"},
        ("POST", "/auth/password/forgot"): {"email": email},
        ("POST", "/auth/password/reset"): {"token": "x" * 43, "new_password": f"{PASSWORD} new"},
        ("POST", "/auth/email/verify"): {"token": "x" * 43},
        ("POST", "/auth/totp/confirm"): {"code": "000000"},
        ("POST", "/auth/totp/verify"): {"totp_code": "000000"},
    }


def test_no_body_takes_a_field_that_isnt_asked_for(api: Api, session: Any, sql: Any) -> None:
    token, before = session["access_token"], row_of(sql, session["user"]["id"])
    for (method, path), body in bodies(session).items():
        extra = {name: value for name, value in NOT_GIVEN.items() if name not in body}
        answer = api.call(method, path, json={**body, **extra}, token=token)
        assert faults(answer) == {(f"/{name}", "unknown_field") for name in extra}, path
    assert row_of(sql, session["user"]["id"]) == before
    good(api.get("/auth/me", token=token))
    good(api.post("/auth/refresh", {"refresh_token": session["refresh_token"]}))


def test_a_body_where_none_is_asked_for_changes_nothing(api: Api, session: Any, sql: Any) -> None:
    token, before = session["access_token"], row_of(sql, session["user"]["id"])
    for method, path in (("POST", "/auth/email/verification"), ("DELETE", "/auth/totp")):
        assert api.call(method, path, json=NOT_GIVEN, token=token).status_code < 500
    good(api.post("/auth/totp", NOT_GIVEN, token=token))
    after = row_of(sql, session["user"]["id"])
    assert [b for a, b in zip(before, after, strict=True) if a != b] == [b for b in after if isinstance(b, bytes)], (
        "nothing but the sealed secret of the enrolment"
    )


def test_oauths_form_passes_over_what_it_doesnt_know(api: Api, session: Any, sql: Any) -> None:
    before = row_of(sql, session["user"]["id"])
    more = {name: str(value) for name, value in NOT_GIVEN.items()}
    form = {**more, "grant_type": "password", "username": session["user"]["email"], "password": PASSWORD}
    pair = good(api.call("POST", "/auth/token", data=form))
    assert set(pair) == {"access_token", "token_type", "expires_in", "refresh_token"}
    me = good(api.get("/auth/me", token=pair["access_token"]))
    assert (me["role"], me["id"]) == ("customer", session["user"]["id"])
    problem(api.get("/auth/users", token=pair["access_token"]), 403, "forbidden")
    again = good(
        api.call(
            "POST", "/auth/token", data={**more, "grant_type": "refresh_token", "refresh_token": pair["refresh_token"]}
        )
    )
    problem(api.get("/auth/users", token=again["access_token"]), 403, "forbidden")
    assert row_of(sql, session["user"]["id"]) == before


def test_an_admins_change_takes_no_more_either(api: Api, session: Any, admin: str, sql: Any) -> None:
    path, before = f"/auth/users/{session['user']['id']}", row_of(sql, session["user"]["id"])
    extra = {name: value for name, value in NOT_GIVEN.items() if name not in ("role", "disabled", "totp_enabled")}
    answer = api.patch(path, {"role": "staff", "email": "thief@example.org", **extra}, token=admin)
    assert faults(answer) == {(f"/{name}", "unknown_field") for name in ("email", *extra)}
    assert row_of(sql, session["user"]["id"]) == before
    problem(api.patch(path, {"role": "admin"}, token=session["access_token"]), 403, "forbidden")
    for role in ("root", "ADMIN", "", None, 3, ["admin"]):
        assert api.patch(path, {"role": role}, token=admin).status_code == 422
    assert row_of(sql, session["user"]["id"]) == before
