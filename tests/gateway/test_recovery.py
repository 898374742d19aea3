"""A forgotten password from the form to the new session, and an address verified, by the mails that really came."""

from typing import Any

from tests.gateway.conftest import PASSWORD
from tests.gateway.mailbox import mails_to, token_in
from tests.gateway.shop import Api, good, problem, unique

NEW = "another fine password 43"


def last_token(stack: dict[str, Any], address: str, count: int) -> str:
    """The token in the newest of `count` mails that came to an address."""
    return token_in(mails_to(stack, address, at_least=count)[-1])


def test_a_forgotten_password_is_set_anew_by_the_mail(api: Api, session: Any, stack: dict[str, Any]) -> None:
    address = session["user"]["email"]
    first = last_token(stack, address, 1)
    forgotten = api.post("/auth/password/forgot", {"email": address.upper()})
    assert (forgotten.status_code, forgotten.content) == (202, b"{}")
    token = last_token(stack, address, 2)
    assert token != first
    good(api.post("/auth/password/reset", {"token": token, "new_password": NEW}), 204)
    problem(api.post("/auth/login", {"email": address, "password": PASSWORD}), 401, "invalid_credentials")
    problem(api.post("/auth/refresh", {"refresh_token": session["refresh_token"]}), 401, "invalid_refresh_token")
    entered = good(api.post("/auth/login", {"email": address, "password": NEW}))
    assert entered["user"]["email_verified"] is True
    problem(api.post("/auth/password/reset", {"token": token, "new_password": PASSWORD}), 401, "invalid_reset_token")


def test_an_address_is_verified_by_the_mail(api: Api, session: Any, stack: dict[str, Any]) -> None:
    token = last_token(stack, session["user"]["email"], 1)
    assert session["user"]["email_verified"] is False
    good(api.post("/auth/email/verify", {"token": token}), 204)
    assert good(api.get("/auth/me", token=session["access_token"]))["email_verified"] is True
    problem(api.post("/auth/email/verify", {"token": token}), 401, "invalid_verification_token")


def test_an_unknown_address_is_answered_alike_and_gets_no_mail(api: Api, session: Any, stack: dict[str, Any]) -> None:
    nobody, known = f"{unique('nobody')}@example.org", session["user"]["email"]
    told = [api.post("/auth/password/forgot", {"email": email}) for email in (nobody, known)]
    assert [(answer.status_code, answer.content) for answer in told] == [(202, b"{}")] * 2
    last_token(stack, known, 2)  # it was asked for after the other
    assert mails_to(stack, nobody, at_least=0) == []
