"""Calls into the three groups' handlers in this process, as API Gateway would make them."""

import base64
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from tests.functions.events import Context, rest_event
from tests.secrets_seen import note_headers, note_text

T = TypeVar("T")


@dataclass(frozen=True)
class Answer:
    """What a handler gave API Gateway."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.content)


def answered(result: dict[str, Any]) -> Answer:
    """A handler's result, its headers by lower-case name."""
    many = result.get("multiValueHeaders") or {}
    headers = {name.lower(): ", ".join(values) for name, values in many.items()}
    headers |= {name.lower(): value for name, value in (result.get("headers") or {}).items()}
    content = result["body"].encode()
    if result.get("isBase64Encoded"):
        content = base64.b64decode(content)
    return Answer(result["statusCode"], headers, content)


def call(method: str, path: str, body: Any = None, *, token: str | None = None, **given: Any) -> Answer:
    """One request to the group that its path names."""
    headers = dict(given.pop("headers", {}))
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    return invoke(rest_event(method, path, body, headers=headers, **given))


def invoke(event: dict[str, Any]) -> Answer:
    """One REST event to the group that its path names."""
    import auth.app
    import basket.app
    import store.app

    handlers = {"auth": auth.app.handler, "store": store.app.handler, "basket": basket.app.handler}
    group = event["path"].split("/")[1]
    answer = answered(handlers[group](event, Context()))
    _note(event, answer)
    return answer


def _note(event: dict[str, Any], answer: Answer) -> None:
    """Note the secrets that went to and fro: no log may tell them."""
    sent = event.get("headers") or {}
    note_headers(sent.items())
    note_headers(answer.headers.items())
    if not event["isBase64Encoded"]:
        note_text(event["body"], form="form" in sent.get("Content-Type", ""))
    note_text(answer.content)


def good(answer: Answer, status: int = 200) -> Any:
    """The body of an answer that has this status."""
    assert answer.status == status, answer
    return answer.body if answer.content else None


def eventually(look: Callable[[], T], *, seconds: float = 20.0) -> T:
    """What `look` gives as soon as it raises no AssertionError."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return look()
        except AssertionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def unique(prefix: str = "f") -> str:
    """A name that nothing else has."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def unit(token: str, **given: Any) -> Any:
    """A new unit."""
    body = {"code": unique("u"), "name": "килограмм", "dimension": "mass", "factor": "1000", **given}
    return good(call("POST", "/store/units", body, token=token), 201)


def product(token: str, **given: Any) -> Any:
    """A new product, 129.90 a kilogram."""
    if "category_id" not in given:
        category = call("POST", "/store/categories", {"name": "Разное", "slug": unique("c")}, token=token)
        given["category_id"] = good(category, 201)["id"]
    body = {
        "sku": unique("sku"),
        "name": "Сыр",
        "unit_id": given.pop("unit_id", None) or unit(token)["id"],
        "quantity_step": "0.5",
        "price": {"amount": 12990, "currency": "RUB"},
        "sold_by": "weight",
        **given,
    }
    return good(call("POST", "/store/products", body, token=token), 201)
