"""Who may do what: every route asked by every kind of caller, and what a change of role or a disabling does at once."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jwt
import pytest

from tests.gateway.conftest import PASSWORD
from tests.gateway.shop import Api, Keeper, at_once, eventually, good, problem
from tests.who_may import CALLERS, REFUSALS, WHO, address_of, body_for, refusal_of

AT_ONCE = 5.0  # seconds within which every group knows


class Member:
    """A registered user of one role. `token` stands throughout, `spare` is a new session's of somebody else of that
    role, for requests that may end the session that they come with, or all of its user's."""

    def __init__(self, api: Api, registered: Callable[[], Any], admin: str, role: str) -> None:
        self.api = api
        self.people = [registered() for _ in range(2)]
        for person in self.people:
            good(api.patch(f"/auth/users/{person['user']['id']}", {"role": role}, token=admin))
        self.token = self._signed_in(self.people[0])

    def spare(self) -> str:
        return self._signed_in(self.people[1])

    def _signed_in(self, person: Any) -> str:
        body = {"email": person["user"]["email"], "password": PASSWORD}
        return str(good(self.api.post("/auth/login", body))["access_token"])


@pytest.fixture(scope="module")
def members(api: Api, register: Callable[[], Any], admin: str) -> Any:
    """Real users, two of each role; the admins are none any more at the end."""
    found = {role: Member(api, register, admin, role) for role in ("customer", "staff", "admin")}
    yield found
    for person in found["admin"].people:
        good(api.patch(f"/auth/users/{person['user']['id']}", {"role": "customer"}, token=admin))


def _token(caller: str, members: dict[str, Member], signing: dict[str, Any], *, spare: bool) -> str | None:
    if caller in ("nobody", "bad"):
        return {"nobody": None, "bad": "bad"}[caller]
    member = members["admin" if caller == "enrolling" else caller]
    token = member.spare() if spare else member.token
    if caller != "enrolling":
        return token
    claims = jwt.decode(token, options={"verify_signature": False})
    key = signing["current"]
    return jwt.encode(
        {**claims, "aud": f"{claims['aud']}/enrol"},
        jwt.PyJWK(key, "EdDSA").key,
        algorithm="EdDSA",
        headers={"kid": key["kid"]},
    )


WALK = [pytest.param(key, caller, id=f"{' '.join(key)} {caller}") for key in sorted(WHO) for caller in CALLERS]


@pytest.mark.parametrize(
    ("key", "caller"), WALK, ids=lambda value: value if isinstance(value, str) else " ".join(value)
)
def test_every_route_lets_in_whom_the_table_says(
    api: Api, members: dict[str, Member], signing: dict[str, Any], key: tuple[str, str], caller: str
) -> None:
    method, path = key
    refused = refusal_of(WHO[key], caller)
    token = _token(caller, members, signing, spare=method != "GET" and path.startswith("/auth/") and not refused)
    bodies = [body_for(method)]
    if refused and bodies[0] is not None:
        # Whoever may not doesn't learn what was wrong with their body either.
        bodies.append({"name": "x"})
    for body in bodies:
        answer = api.call(method, address_of(path), token=token, json=body)
        if refused:
            problem(answer, *refused)
        elif "problem" in answer.headers.get("Content-Type", ""):
            assert answer.json()["code"] not in REFUSALS, answer.text
            assert answer.status_code < 500, answer.text


# A change of role, a disabling


def _refused_at_once(api: Api, method: str, path: str, token: str) -> None:
    def look() -> None:
        problem(api.call(method, path, token=token, json=body_for(method)), 401, "invalid_token")

    eventually(look, seconds=AT_ONCE)


def test_a_demoted_keepers_token_is_refused_by_the_store_at_once(
    api: Api, admin: str, register: Callable[[], Any]
) -> None:
    keeper = register()
    path = f"/auth/users/{keeper['user']['id']}"
    good(api.patch(path, {"role": "staff"}, token=admin))
    # A promotion ends the customer's token; the session goes on, and its next token has staff's rights.
    promoted = good(api.post("/auth/refresh", {"refresh_token": keeper["refresh_token"]}))
    assert promoted["user"]["role"] == "staff"
    Keeper(api, promoted["access_token"]).unit()
    problem(api.post("/store/units", {}, token=promoted["access_token"]), 422, "invalid_body")

    good(api.patch(path, {"role": "customer"}, token=admin))
    for method, place in (("POST", "/store/units"), ("GET", "/store/units"), ("GET", "/basket")):
        _refused_at_once(api, method, place, promoted["access_token"])
    again = good(api.post("/auth/refresh", {"refresh_token": promoted["refresh_token"]}))
    problem(api.post("/store/units", {}, token=again["access_token"]), 403, "forbidden")


def test_a_disabled_customer_is_out_of_every_group_at_once(api: Api, admin: str, register: Callable[[], Any]) -> None:
    customer = register()
    token = customer["access_token"]
    for place in ("/basket", "/store/units", "/auth/me"):
        good(api.get(place, token=token))
    good(api.patch(f"/auth/users/{customer['user']['id']}", {"disabled": True}, token=admin))
    problem(api.post("/auth/refresh", {"refresh_token": customer["refresh_token"]}), 401, "invalid_refresh_token")
    body = {"email": customer["user"]["email"], "password": PASSWORD}
    problem(api.post("/auth/login", body), 401, "invalid_credentials")
    for place in ("/basket", "/store/units", "/auth/me"):
        _refused_at_once(api, "GET", place, token)


def test_of_two_changes_of_what_was_read_once_one_is_stale(api: Api, admin: str, register: Callable[[], Any]) -> None:
    path = f"/auth/users/{register()['user']['id']}"
    for _ in range(5):
        etag = api.get(path, token=admin).headers["ETag"]
        change = partial(api.patch, path, token=admin, headers={"If-Match": etag})
        answers = at_once([partial(change, {"role": "staff"}), partial(change, {"disabled": True})])
        assert sorted(answer.status_code for answer in answers) == [200, 412]
        good(api.patch(path, {"role": "customer", "disabled": False}, token=admin))


def test_an_admin_does_what_staff_may(api: Api, admin: str) -> None:
    unit = Keeper(api, admin).unit()
    good(api.patch(f"/store/units/{unit['id']}", {"name": "иначе"}, token=admin))
    assert api.delete(f"/store/units/{unit['id']}", token=admin).status_code == 204


def test_drafts_are_staffs_to_see(api: Api, keeper: Keeper, staff: str, buyer: str) -> None:
    category = keeper.category()
    draft = keeper.product(status="draft", category_id=category["id"])
    path, filters = f"/store/products/{draft['id']}", {"category": category["id"]}
    assert good(api.get(path, token=staff))["status"] == "draft"
    assert [item["id"] for item in good(api.get("/store/products", params=filters, token=staff))["items"]] == [
        draft["id"]
    ]
    for token in (None, buyer):
        problem(api.get(path, token=token), 404, "product_not_found")
        assert good(api.get("/store/products", params=filters, token=token))["items"] == []
        shown = good(api.get("/store/products", params={**filters, "status": "draft"}, token=token))
        assert shown["items"] == []


def test_of_another_status_nothing_is_shown_to_buyers(api: Api, keeper: Keeper, staff: str, buyer: str) -> None:
    """Rather than what is on sale, which nobody asked for."""
    category = keeper.category()
    sold, draft = (keeper.product(status=status, category_id=category["id"])["id"] for status in ("active", "draft"))

    def ids(status: str, token: str | None) -> list[str]:
        filters = {"category": category["id"], "status": status}
        return [item["id"] for item in good(api.get("/store/products", params=filters, token=token))["items"]]

    for token in (None, buyer):
        assert [ids(status, token) for status in ("active", "draft", "archived")] == [[sold], [], []]
        refused = api.get("/store/products", params={"status": "draft", "cursor": "x"}, token=token)
        problem(refused, 422, "invalid_cursor")
    assert [ids(status, staff) for status in ("active", "draft", "archived")] == [[sold], [draft], []]


def test_a_users_basket_is_nobody_elses(api: Api, keeper: Keeper, buyer: str, staff: str) -> None:
    product = keeper.product()
    mine = good(api.post("/basket/items", {"product_id": product["id"], "quantity": 1}, token=buyer))
    for token in (None, staff):
        assert good(api.get("/basket", token=token))["id"] != mine["id"]
