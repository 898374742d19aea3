"""The callers of the contract's tests: admin, staff, a customer, a guest with a basket, nobody; and what they try."""

import itertools
import uuid
from typing import Any

import requests
from schemathesis import Case, Response
from schemathesis.core.parameters import ParameterLocation

from tests.contract.documents import checks
from tests.secrets_seen import note_exchange, note_text
from tests.who_may import NOBODYS_ID

# Method and version stand on the same line, of which nginx takes 16 KiB.
LONGEST_ADDRESS = 16 * 1024 - 64
TIMEOUT = 60
PLACES = {
    "unit_id": "/store/units",
    "category_id": "/store/categories",
    "warehouse_id": "/store/warehouses",
    "to_warehouse_id": "/store/warehouses",
    "product_id": "/store/products",
}
FILTERS = {"category": "category_id", "warehouse": "warehouse_id", "product": "product_id"}
PASSWORD = "correct horse battery 42"


class Callers:
    """Sends schemathesis's cases for one of five callers and checks the answers.

    Ids, addresses and tokens that schemathesis draws belong to nothing, so in three cases of four real ones stand in:
    else little but 404s and 422s would be tried.
    """

    def __init__(self, stack: dict[str, Any]) -> None:
        self.url: str = stack["url"]
        self.headers: dict[str, dict[str, str]] = {"nobody": {}}
        self._http = requests.Session()
        self.checks = checks()
        self._made: list[str] = []
        self._turn = itertools.count()
        self._staff: dict[str, str] = stack["users"]["staff"]
        self._things: dict[str, str] = {}
        self.headers["staff"] = _bearer(self._post("/auth/login", dict(self._staff)))
        # What is changed at random must be nobody's whom other tests need, and so the admin is one of our own too.
        self._chief: dict[str, str] = stack["users"]["admin"]
        self._accounts = {name: {"email": _new_address(), "password": PASSWORD} for name in ("customer", "admin")}
        for name in ("customer", "admin", "user_id"):
            body = self._accounts.get(name) or {"email": _new_address(), "password": PASSWORD}
            self._things[name] = self._post("/auth/register", body).json()["user"]["id"]
        self._give_role("admin", "admin")
        for name in self._accounts:
            self._sign_in(name)
        for name in PLACES:
            self._things[name] = self._new(name)
        self.headers["guest"] = {"X-Basket-Token": self._basket_token()}

    def check(self, case: Case[Any], caller: str) -> None:
        """Send the case for this caller, with real things in it, and check the answer every way there is."""
        self.prepare(case, caller)
        sent: dict[str, Any] = {"base_url": self.url, "session": self._http, "headers": self.headers[caller]}
        response = case.call(**sent, timeout=TIMEOUT)
        if not self.refused_by_the_edge(response):
            case.validate_response(
                response, self.checks, headers=sent["headers"], transport_kwargs={**sent, "timeout": TIMEOUT}
            )
            self.note(case, response)
            self._stand_again(case.method, case.operation.path, response.status_code)

    def refused_by_the_edge(self, response: Response) -> bool:
        """Whether this is no operation's own answer: the edge refuses an address that the gateway couldn't carry."""
        if response.status_code != 414:
            return False
        assert len(str(response.request.path_url)) > LONGEST_ADDRESS
        assert response.json()["code"] == "address_too_long"
        return True

    def prepare(self, case: Case[Any], caller: str, *, walking: bool = False) -> None:
        """Put real things in the place of drawn ones; `walking`: the path leads somewhere already."""
        meta = case.meta
        assert meta is not None
        real = next(self._turn) % 4 != 0
        in_path = next((name for name in self._things if name in case.path_parameters), None)
        if in_path and real and not walking and not meta.is_negative_at(ParameterLocation.PATH):
            # What is to be deleted must be used by nothing.
            lone = case.method == "DELETE" and caller == "staff" and in_path in PLACES
            case.path_parameters[in_path] = self._new(in_path, lone=True) if lone else self._things[in_path]
        if meta.generation.mode.is_positive:
            case.body = _whole(case.body)
            if real and isinstance(case.body, dict):
                self._make_real(case.body, case.operation.path)
            if real and "If-Match" in case.headers:
                case.headers["If-Match"] = "*"
            if real:
                case.query.update({name: self._things[FILTERS[name]] for name in FILTERS if name in case.query})

    def note(self, case: Case[Any], response: Response) -> None:
        """Remember what a request made, and replace what it spoilt."""
        if response.status_code == 201:
            self._made += [place for place in response.headers["location"] if place.startswith("/store/")]
        if case.operation.path.startswith("/auth/"):
            # What is drawn at random may stand in any log; what is answered may not.
            note_text(response.content)
        if response.status_code == 200 and case.operation.path in ("/auth/refresh", "/auth/token"):
            self._refresh_token = response.json()["refresh_token"]
        if response.status_code == 200 and case.method == "PATCH" and case.operation.path.startswith("/store/"):
            # What was changed at random is no longer fit to be sold or measured by.
            for name in PLACES:
                self._things[name] = self._new(name)

    def send(self, method: str, path: str, headers: dict[str, str], body: Any = None) -> requests.Response:
        """Send a request of one's own."""
        response = self._http.request(method, self.url + path, headers=headers, json=body, timeout=TIMEOUT)
        self._stand_again(method, path, response.status_code)
        return response

    def thing(self, name: str) -> str:
        """The id of a real unit, category, warehouse, product or user (`unit_id`, …), or the product's `gtin`; nobody's
        where there is none to try."""
        return self._things.get(name, NOBODYS_ID)

    def clear(self) -> None:
        """Take away what was made, the last first; whoever became an admin is none any more."""
        for path in reversed(self._made):
            self.send("DELETE", path, self.headers["staff"])
        for name in ("admin", "user_id"):
            self._give_role(name, "customer")
        self._http.close()

    def _sign_in(self, name: str) -> None:
        session = self._post("/auth/login", self._accounts[name])
        self.headers[name] = _bearer(session)
        self._refresh_token = session.json()["refresh_token"]

    def _stand_again(self, method: str, path: str, status: int) -> None:
        """Sign in anew after what ends sessions."""
        if method in ("POST", "DELETE") and path.startswith("/auth/") and status == 204:
            for name in self._accounts:
                self._sign_in(name)

    def _give_role(self, name: str, role: str) -> None:
        chief = _bearer(self._post("/auth/login", dict(self._chief)))
        answer = self.send("PATCH", f"/auth/users/{self._things[name]}", chief, {"role": role, "disabled": False})
        assert answer.status_code == 200, answer.text

    def _make_real(self, body: dict[str, Any], path: str) -> None:
        known: dict[str, Any] = {**self._things, "parent_id": self._things["category_id"]}
        if path == "/auth/login":
            known.update(self._staff)
        elif path == "/auth/token":
            known.update(username=self._staff["email"], password=self._staff["password"])
            known["refresh_token"] = self._refresh_token
        elif path == "/auth/register":
            known.update(email=_new_address(), password=PASSWORD)
        elif path == "/auth/refresh":
            known["refresh_token"] = self._refresh_token
        elif path.startswith("/store/products"):
            known.update(sku=uuid.uuid4().hex, barcode=_new_barcode(), quantity_step="0.001", sold_by="weight")
            if isinstance(body.get("price"), dict):
                body["price"]["currency"] = "RUB"
        elif path == "/basket/merge" and "basket_token" in body:
            known["basket_token"] = self._basket_token()
        elif path.startswith("/store/"):
            known.update(code=f"c-{uuid.uuid4().hex[:12]}", slug=f"c-{uuid.uuid4().hex}")
        body.update({name: value for name, value in known.items() if name in body})

    def _basket_token(self) -> str:
        item = {"product_id": self._things["product_id"], "quantity": "0.5"}
        return self._post("/basket/items", item).headers["X-Basket-Token"]

    def _new(self, name: str, *, lone: bool = False) -> str:
        word = uuid.uuid4().hex[:12]
        warehouse = {"code": f"c-{word}", "name": "Контрактный", "address": "Тверская, 1", "active": True}
        barcode = _new_barcode()
        if name == "product_id" and not lone:
            self._things["gtin"] = barcode
        bodies: dict[str, Any] = {
            "unit_id": {"code": f"c-{word}", "name": "Контрактная", "dimension": "mass", "factor": "1000"},
            "category_id": {"name": "Контрактная", "slug": f"c-{word}"},
            "warehouse_id": warehouse,
            "to_warehouse_id": warehouse,
            "product_id": {
                "barcode": barcode,
                "sku": f"c-{word}", "name": "Контрактный товар", "sold_by": "weight", "quantity_step": "0.001",
                "price": {"amount": 12_990, "currency": "RUB"},
                **{known: self._things.get(known) for known in ("category_id", "unit_id")},
            },
        }  # fmt: skip
        response = self._post(PLACES[name], bodies[name], self.headers["staff"])
        self._made.append(response.headers["Location"])
        return str(response.json()["id"])

    def _post(self, path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> requests.Response:
        response = self.send("POST", path, headers or {}, body)
        note_exchange(response)
        assert response.status_code in (200, 201), response.text
        return response


def _bearer(session: requests.Response) -> dict[str, str]:
    return {"Authorization": f"Bearer {session.json()['access_token']}"}


def _new_address() -> str:
    return f"contract-{uuid.uuid4().hex}@example.org"


def _new_barcode() -> str:
    digits = f"2{uuid.uuid4().int % 10**11:011d}"
    odd, even = sum(map(int, digits[0::2])), sum(map(int, digits[1::2]))
    return f"{digits}{-(odd + 3 * even) % 10}"


def _whole(value: Any) -> Any:
    """`2` for `2.0`: a whole number to JSON Schema, but no way to write an amount of money."""
    if isinstance(value, dict):
        return {name: _whole(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_whole(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
