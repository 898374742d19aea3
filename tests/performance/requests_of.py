"""The events that benchmarks and cold starts call handlers with, and who is signed in in them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import requests

from localstack.template import ROOT
from tests.secrets_seen import watching

EVENTS = ROOT / "tests" / "events"


def rest_event(
    method: str,
    path: str,
    *,
    token: str | None = None,
    body: Any = None,
    query: Mapping[str, str] | None = None,
    address: str = "127.0.0.1",
) -> dict[str, Any]:
    """What API Gateway's REST API gives a function for this request of a client at `address`."""
    event: dict[str, Any] = json.loads((EVENTS / "rest_list_products.json").read_text())
    headers = dict(event["headers"])
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    if body is not None:
        headers["Content-Type"] = "application/json"
    group, _, rest = path.lstrip("/").partition("/")
    event.update(
        resource=f"/{group}/{{proxy+}}", path=path, httpMethod=method, pathParameters={"proxy": rest},
        headers=headers, multiValueHeaders={name: [value] for name, value in headers.items()},
        queryStringParameters=dict(query) if query else None,
        multiValueQueryStringParameters={name: [value] for name, value in query.items()} if query else None,
        body=None if body is None else json.dumps(body),
    )  # fmt: skip
    event["requestContext"].update(
        httpMethod=method, path=f"/staging{path}", resourcePath=f"/{group}/{{proxy+}}",
        identity={"sourceIp": address, "userAgent": "curl/8"},
    )  # fmt: skip
    return event


class Shop:
    """A client of the running shop: signs in, finds goods, fills a basket."""

    def __init__(self, stack: Mapping[str, Any]) -> None:
        self._stack = stack
        self._session = watching(requests.Session())
        self._session.trust_env = False

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def call(self, method: str, path: str, *, token: str | None = None, body: Any = None) -> Any:
        """The JSON of a 2xx answer; raises for any other."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = self._session.request(method, self._stack["url"] + path, headers=headers, json=body, timeout=60)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def sign_in(self, who: str) -> str:
        """An access token of `admin`, `staff` or `customer`."""
        return str(self.call("POST", "/auth/login", body=self._stack["users"][who])["access_token"])

    def goods(self, count: int) -> list[dict[str, Any]]:
        """So many products that are in stock."""
        found = self.call("GET", f"/store/products?in_stock=true&limit={count}")["items"]
        return list(found)

    def fill_basket(self, token: str, count: int) -> list[dict[str, Any]]:
        """Put so many different products into the emptied basket of `token`; those products."""
        self.call("DELETE", "/basket", token=token)
        chosen = self.goods(count)
        for product in chosen:
            line = {"product_id": product["id"], "quantity": product["min_quantity"]}
            self.call("POST", "/basket/items", token=token, body=line)
        return chosen
