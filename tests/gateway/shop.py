"""A client of the running shop, as somebody else's program would speak to it: HTTP and nothing else."""

import time
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import requests
from requests.adapters import HTTPAdapter

from tests.secrets_seen import watching

T = TypeVar("T")
TIMEOUT = 60
PATIENCE = 60.0
FIELDS = {"type", "title", "status", "detail", "instance", "code", "trace_id"}


class Api:
    """Requests to one shop; `token` is an access token, `basket` a guest's basket token."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = watching(requests.Session())
        self.session.mount("http://", HTTPAdapter(pool_maxsize=64))

    def call(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        basket: str | None = None,
        headers: dict[str, str] | None = None,
        **arguments: Any,
    ) -> requests.Response:
        """One request; redirects aren't followed."""
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        if basket is not None:
            sent["X-Basket-Token"] = basket
        return self.session.request(
            method, self.url + path, headers=sent, timeout=TIMEOUT, allow_redirects=False, **arguments
        )

    def get(self, path: str, **arguments: Any) -> requests.Response:
        return self.call("GET", path, **arguments)

    def post(self, path: str, body: Any = None, **arguments: Any) -> requests.Response:
        return self.call("POST", path, **({"json": body} if body is not None else {}), **arguments)

    def patch(self, path: str, body: Any = None, **arguments: Any) -> requests.Response:
        return self.call("PATCH", path, **({"json": body} if body is not None else {}), **arguments)

    def delete(self, path: str, **arguments: Any) -> requests.Response:
        return self.call("DELETE", path, **arguments)


def unique(prefix: str = "t") -> str:
    """A name that nothing else has."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def gtin13() -> str:
    """A barcode that nothing else has, its check digit right."""
    digits = f"2{uuid.uuid4().int % 10**11:011d}"
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return digits + str(-total % 10)


def eventually(look: Callable[[], T], *, seconds: float = PATIENCE) -> T:
    """What `look` gives as soon as it raises no AssertionError."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return look()
        except AssertionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def at_once(work: Iterable[Callable[[], T]]) -> list[T]:
    """What each gives, all begun together."""
    jobs = list(work)
    with ThreadPoolExecutor(len(jobs)) as pool:
        return [started.result() for started in [pool.submit(job) for job in jobs]]


def good(response: requests.Response, status: int = 200) -> Any:
    """The body of an answer that has this status."""
    assert response.status_code == status, f"{response.status_code} {response.text[:500]}"
    return response.json() if response.content else None


def problem(response: requests.Response, status: int, code: str) -> dict[str, Any]:
    """The problem details of a refused request, whole (RFC 9457)."""
    assert response.status_code == status, f"{response.status_code} {response.text[:500]}"
    assert response.headers["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body.keys() >= FIELDS
    assert (body["status"], body["code"]) == (status, code), body
    assert body["type"] == f"urn:problem-type:eatit:{code}"
    assert body["trace_id"] == response.headers["X-Request-Id"]
    assert body["title"]
    assert body["detail"]
    assert body["instance"].startswith("/")
    assert response.headers["Content-Language"] in ("ru", "en")
    return body


def faults(response: requests.Response, status: int = 422, code: str = "invalid_body") -> set[tuple[str, str]]:
    """The faults of a bad body, as (pointer, code)."""
    body = problem(response, status, code)
    assert all(set(fault) == {"pointer", "code", "detail"} and fault["detail"] for fault in body["errors"])
    return {(fault["pointer"], fault["code"]) for fault in body["errors"]}


class Keeper:
    """A shop keeper's hand: makes units, categories and products for tests to use."""

    def __init__(self, api: Api, token: str) -> None:
        self.api = api
        self.token = token
        self._unit: str | None = None
        self._category: str | None = None

    def unit(self, **given: Any) -> Any:
        body = {"code": unique("u"), "name": "килограмм", "dimension": "mass", "factor": "1000", **given}
        return good(self.api.post("/store/units", body, token=self.token), 201)

    def category(self, **given: Any) -> Any:
        body = {"name": "Разное", "slug": unique("c"), **given}
        return good(self.api.post("/store/categories", body, token=self.token), 201)

    def product_body(self, **given: Any) -> dict[str, Any]:
        """A sound product: 129.90 a kilogram, by half kilograms."""
        self._unit = self._unit or self.unit()["id"]
        self._category = self._category or self.category()["id"]
        return {
            "sku": unique("sku"),
            "name": "Сыр",
            "translations": {"en": {"name": "Cheese"}},
            "category_id": self._category,
            "unit_id": self._unit,
            "quantity_step": "0.5",
            "price": {"amount": 12990, "currency": "RUB"},
            "sold_by": "weight",
            **given,
        }

    def product(self, **given: Any) -> Any:
        return good(self.api.post("/store/products", self.product_body(**given), token=self.token), 201)

    def change(self, product: Any, **given: Any) -> Any:
        return good(self.api.patch(f"/store/products/{product['id']}", given, token=self.token))
