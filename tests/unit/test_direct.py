"""Plain endpoints are called past FastAPI: to the caller it must be all the same."""

import json
from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from eatit.errors import NotFound, Unavailable
from eatit.http import bodies
from eatit.http.app import create_app, create_handler, endpoint_router
from eatit.http.callers import Anyone, Staff
from eatit.http.parameters import Limit
from eatit.http.shapes import Body, Quantity, Text100
from tests.performance.requests_of import rest_event

ID = "019a0000-0000-7000-8000-00000000000a"
OTHER = "019A0000-0000-7000-8000-00000000000B"
THINGS = "/things/{thing_id:uuid}"
Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


class Thing(Body):
    """What a thing is made of."""

    name: Text100
    quantity: Quantity


def _said(**values: Any) -> Response:
    return Response(json.dumps(values, default=str), media_type="application/json")


def _app() -> FastAPI:
    router = endpoint_router()

    @router.get(THINGS)
    async def get_thing(request: Request, thing_id: UUID, caller: Anyone) -> Response:
        if thing_id.int % 2:
            raise NotFound
        return _said(id=thing_id, caller=caller, path=request.url.path, header=request.headers.get("host"))

    @router.get(THINGS + "/parts/{part_id:uuid}")
    async def get_part(part_id: UUID, thing_id: UUID) -> Response:
        return _said(thing=thing_id, part=part_id)

    @router.patch(THINGS)
    async def change_thing(thing_id: UUID, body: Thing) -> Response:
        return _said(id=thing_id, body=body.model_dump())

    @router.delete(THINGS)
    async def delete_thing(thing_id: UUID, _caller: Staff) -> Response:
        return Response(None, 204)

    @router.get("/things")
    async def list_things(limit: Limit = 20) -> Response:
        return _said(limit=limit)

    @router.post("/things")
    async def make_thing(body: Annotated[Thing, "in any form"], request: Request) -> Response:
        return _said(body=body.model_dump(), method=request.method)

    @router.put("/things")
    async def break_things() -> Response:
        raise Unavailable(what="things")

    return create_app("things", [router], {}, title="Things", description="Things.", tags={})


@pytest.fixture
def direct() -> Handler:
    return create_handler(_app())


@pytest.fixture
def fastapis(monkeypatch: pytest.MonkeyPatch) -> Handler:
    """The same endpoints, with FastAPI alone."""
    monkeypatch.setattr(bodies, "direct_app", lambda *_: None)
    return create_handler(_app())


def test_these_are_plain_and_those_are_not() -> None:
    plain = {
        (method, getattr(route, "path", "")): getattr(route, "direct", None) is not None
        for route in _app().routes
        for method in getattr(route, "methods", ())
    }
    assert plain["GET", THINGS]
    assert plain["GET", THINGS + "/parts/{part_id:uuid}"]
    assert plain["PATCH", THINGS]
    assert plain["DELETE", THINGS]
    assert plain["POST", "/things"]
    assert not plain["GET", "/things"], "query parameters are FastAPI's"
    assert not plain["GET", "/things/docs"]


GOOD = {"name": "Pear", "quantity": "1.250"}
REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", f"/things/{ID}", {}),
    ("HEAD", f"/things/{ID}", {}),
    ("OPTIONS", f"/things/{ID}", {}),
    ("PUT", f"/things/{ID}", {}),
    ("GET", f"/things/{OTHER}", {}),
    ("GET", f"/things/{ID.upper()}", {}),
    ("GET", f"/things/{ID.replace('-', '')}", {}),
    ("GET", f"/things/{ID}/", {}),
    ("GET", f"/things/{ID}x", {}),
    ("GET", f"/things/x{ID}", {}),
    ("GET", f"/things/{ID}{ID}", {}),
    ("GET", "/things/*", {}),
    ("GET", "/things/*/parts/*", {}),
    ("GET", f"/things/*/parts/{ID}", {}),
    ("GET", f"/things/{ID}/parts/{OTHER}", {}),
    ("GET", f"/things/{ID}/parts/*", {}),
    ("GET", f"/{ID}", {}),
    ("GET", f"/things/{ID}", {"token": "not-a-token"}),
    ("DELETE", f"/things/{ID}", {}),
    ("GET", "/things", {"query": {"limit": "5"}}),
    ("GET", "/things", {"query": {"limit": "x"}}),
    ("POST", "/things", {"body": GOOD}),
    ("POST", "/things", {"body": {**GOOD, "quantity": "1.2345", "other": 1}}),
    ("POST", "/things", {"body": []}),
    ("POST", "/things", {"body": None}),
    ("POST", "/things", {"raw": "{"}),
    ("POST", "/things", {"raw": ""}),
    ("POST", "/things", {"raw": "null"}),
    ("POST", "/things", {"raw": '{"name": NaN}'}),
    ("POST", "/things", {"raw": '{"name": "a", "name": "b"}'}),
    ("POST", "/things", {"raw": "a=1", "type": "application/x-www-form-urlencoded"}),
    ("POST", "/things", {"raw": json.dumps(GOOD), "type": "application/vnd.thing+json; charset=utf-8"}),
    ("PATCH", f"/things/{ID}", {"body": GOOD}),
    ("PATCH", f"/things/{ID}", {"body": {"name": ""}}),
    ("PATCH", f"/things/{ID}", {}),
    ("PUT", "/things", {}),
]


def _event(method: str, path: str, given: dict[str, Any]) -> dict[str, Any]:
    event = rest_event(method, path, token=given.get("token"), body=given.get("body"), query=given.get("query"))
    if "raw" in given:
        event["body"] = given["raw"]
        event["headers"] = {**event["headers"], "Content-Type": given.get("type", "application/json")}
    event["headers"]["X-Request-Id"] = "the-same-for-both"
    event["multiValueHeaders"] = {name: [value] for name, value in event["headers"].items()}
    return event


@pytest.mark.parametrize(("method", "path", "given"), REQUESTS)
def test_answers_are_fastapis(
    method: str, path: str, given: dict[str, Any], direct: Handler, fastapis: Handler
) -> None:
    ours, theirs = direct(_event(method, path, given), None), fastapis(_event(method, path, given), None)
    assert ours == theirs
    assert ours["statusCode"] < 500 or (method, path) == ("PUT", "/things")
