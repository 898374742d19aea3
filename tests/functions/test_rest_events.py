"""REST events of every kind that gateways send, straight into the handlers."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.functions.calls import call, good, invoke, product, unique
from tests.functions.events import rest_event

EVENTS = Path(__file__).parent.parent / "events"
GROUPS = ("auth", "store", "basket")


@pytest.mark.parametrize("file", sorted(EVENTS.glob("rest_*.json")), ids=lambda file: file.stem)
def test_the_events_that_are_kept_as_files_are_served(file: Path) -> None:
    answer = invoke(json.loads(file.read_text()))
    assert answer.status == 200
    assert answer.headers["x-request-id"]


def test_a_kept_list_event_lists(shop: dict[str, Any]) -> None:
    answer = invoke(json.loads((EVENTS / "rest_list_products.json").read_text()))
    assert len(answer.body["items"]) == 2
    assert answer.headers["content-language"] == "en"


@pytest.mark.parametrize("base64_body", [False, True], ids=["text", "base64"])
def test_a_body_may_come_as_text_or_base64(staff: str, base64_body: bool) -> None:
    body = {"code": unique("u"), "name": "Ёж 🧀", "dimension": "mass", "factor": "1"}
    sent = json.dumps(body, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json"}
    made = call("POST", "/store/units", sent, token=staff, headers=headers, base64_body=base64_body)
    assert good(made, 201)["name"] == "Ёж 🧀"


def test_bytes_in_base64_that_are_no_text_are_400() -> None:
    answer = call("POST", "/auth/login", bytes(range(256)), base64_body=True)
    assert (answer.status, answer.body["code"]) == (400, "unreadable_json")


def test_the_limit_of_a_body_counts_its_own_bytes_not_base64s(staff: str) -> None:
    for size, status in ((1_048_576, 422), (1_048_577, 413)):
        start, end = b'{"email": "', b'"}'
        body = start + b"x" * (size - len(start) - len(end)) + end
        for base64_body in (False, True):
            assert call("POST", "/auth/login", body, base64_body=base64_body).status == status


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("gone", ["headers", "multiValueHeaders", "both null", "both absent"])
def test_headers_may_be_missing(group: str, gone: str) -> None:
    event = rest_event("GET", f"/{group}/health", headers={"Accept-Language": "ru"})
    names = ["headers", "multiValueHeaders"] if gone.startswith("both") else [gone]
    for name in names:
        if gone.endswith("absent"):
            del event[name]
        else:
            event[name] = None
    assert good(invoke(event))["status"] == "ok"


def test_a_query_may_come_in_one_value_or_many() -> None:
    event = rest_event("GET", "/store/products?limit=1")
    event["multiValueQueryStringParameters"] = None
    assert len(good(invoke(event))["items"]) == 1
    event = rest_event("GET", "/store/products?limit=1")
    event["queryStringParameters"] = None
    assert len(good(invoke(event))["items"]) == 1


@pytest.mark.parametrize("stage", ["local", "prod", "v1"])
def test_the_stage_is_in_no_path_that_the_app_sees(staff: str, stage: str) -> None:
    answer = call("GET", "/store/nothing", stage=stage)
    assert (answer.status, answer.body["instance"]) == (404, "/store/nothing")
    assert call("GET", "/store/docs", stage=stage).status == 200


def test_a_location_leads_to_what_was_made(staff: str) -> None:
    body = {"code": unique("u"), "name": "x", "dimension": "mass", "factor": "1"}
    made = call("POST", "/store/units", body, token=staff)
    location = made.headers["location"]
    assert location.endswith(f"/store/units/{good(made, 201)['id']}")
    path = location[location.index("/store/") :]
    assert good(call("GET", path))["code"] == body["code"]


def test_answers_are_text_and_never_base64(staff: str) -> None:
    import store.app
    from tests.functions.events import Context

    for path in ("/store/units", "/store/nothing", "/store/docs", "/store/docs/swagger-ui.css", "/store/openapi.json"):
        result = store.app.handler(rest_event("GET", path), Context())
        assert result["isBase64Encoded"] is False, path
        assert isinstance(result["body"], str)


def test_header_names_are_read_whatever_their_case(customer: Any) -> None:
    token = customer["access_token"]
    for name in ("authorization", "AUTHORIZATION"):
        good(call("GET", "/auth/me", headers={name: f"Bearer {token}"}))


def test_a_session_is_noted_under_the_callers_device_and_address(customer: Any, sql: Any) -> None:
    body = {"email": customer["user"]["email"], "password": "correct horse battery 42"}
    good(call("POST", "/auth/login", body, headers={"User-Agent": "phone/1"}))
    rows = sql.execute(
        "SELECT device, address FROM auth.sessions WHERE user_id = %s ORDER BY id", [customer["user"]["id"]]
    ).fetchall()
    assert rows[-1] == ("phone/1", "203.0.113.7")


def test_the_answers_of_one_caller_never_reach_the_next(staff: str, customer: Any) -> None:
    draft = product(staff, status="draft")
    path = f"/store/products/{draft['id']}"
    for _ in range(3):
        assert good(call("GET", path, token=staff))["status"] == "draft"
        assert call("GET", path, token=customer["access_token"]).status == 404
        assert call("GET", path).status == 404
    first, second = (call("GET", "/store/nothing", headers={"X-Request-Id": given}) for given in ("one", "two"))
    assert (first.body["trace_id"], second.body["trace_id"]) == ("one", "two")


def test_text_in_the_path_stays_what_it_was() -> None:
    answer = call("GET", "/store/я/../x")
    assert answer.status == 404
    assert answer.body["instance"].startswith("/store/%D1%8F/../x")


def test_the_reader_of_base64_isnt_fooled_by_text_that_looks_like_it() -> None:
    looks = base64.b64encode(b'{"email": "x", "password": "y"}')
    answer = call("POST", "/auth/login", looks)
    assert (answer.status, answer.body["code"]) == (400, "unreadable_json")


def test_head_is_answered_without_a_body_by_the_function_itself() -> None:
    for path, status in (("/store/units", 200), ("/store/nothing", 404), ("/store/docs", 200)):
        head = call("HEAD", path)
        assert (head.status, head.content) == (status, b"")
