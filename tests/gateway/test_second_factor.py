"""One whole life of a second factor, as a client behind the gateway lives it, by the clock on the wall."""

from collections.abc import Callable
from typing import Any

from tests.authenticators import Authenticator
from tests.gateway.conftest import PASSWORD
from tests.gateway.shop import Api, at_once, good, problem


def signed_in(api: Api, email: str, code: str | None = None) -> Any:
    body = {"email": email, "password": PASSWORD}
    return api.post("/auth/login", body if code is None else {**body, "totp_code": code})


def test_a_whole_life(api: Api, session: Any) -> None:
    email, token = session["user"]["email"], session["access_token"]
    begun = api.post("/auth/totp", token=token)
    assert begun.headers["Cache-Control"] == "no-store"
    authenticator = Authenticator(good(begun)["secret"])
    problem(api.post("/auth/totp/confirm", {"code": authenticator.wrong()}, token=token), 401, "invalid_totp_code")
    confirmed = good(api.post("/auth/totp/confirm", {"code": authenticator.code()}, token=token))
    codes = confirmed["recovery_codes"]
    me = good(api.get("/auth/me", token=confirmed["access_token"]))
    assert me["totp_enabled"] is True

    good(api.post("/auth/logout", {"refresh_token": session["refresh_token"]}), 204)
    problem(signed_in(api, email), 401, "totp_required")
    problem(signed_in(api, email, authenticator.wrong()), 401, "invalid_totp_code")
    good(signed_in(api, email, authenticator.code()))
    problem(signed_in(api, email, authenticator.spent()), 401, "invalid_totp_code")
    by_recovery = good(signed_in(api, email, codes[0].lower().replace("-", " ")))
    problem(signed_in(api, email, codes[0]), 401, "invalid_totp_code")

    token = by_recovery["access_token"]
    new = good(api.post("/auth/totp/recovery-codes", token=token))["recovery_codes"]
    problem(api.post("/auth/totp/verify", {"totp_code": codes[1]}, token=token), 401, "invalid_totp_code")
    good(api.post("/auth/totp/verify", {"totp_code": new[0]}, token=token), 204)
    good(api.delete("/auth/totp", token=token), 204)
    good(api.delete("/auth/totp", token=token), 204)
    good(signed_in(api, email))
    good(api.get("/auth/me", token=token))


def test_one_code_shown_by_ten_logins_at_once_begins_one_session(api: Api, register: Callable[[], Any]) -> None:
    """Most are refused for having come at once: with one code no more than one may pass, whatever the limits say."""
    session = register()
    email, token = session["user"]["email"], session["access_token"]
    authenticator = Authenticator(good(api.post("/auth/totp", token=token))["secret"])
    codes = good(api.post("/auth/totp/confirm", {"code": authenticator.code()}, token=token))["recovery_codes"]
    answers = at_once([lambda: signed_in(api, email, codes[0])] * 10)
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses[0] == 200
    assert set(statuses[1:]) <= {401, 429}


def test_a_problem_of_it_is_told_in_both_languages(api: Api, buyer: str) -> None:
    for language, words in (("ru", "Второй фактор"), ("en", "second factor")):
        answer = api.post("/auth/totp/verify", {"totp_code": "1"}, token=buyer, headers={"Accept-Language": language})
        assert words in problem(answer, 409, "totp_not_enabled")["title"]
