"""Where a new entity is: under the stage that the caller asked, whether told the first time or again."""

import uuid

import pytest

from tests.functions.calls import invoke, unique
from tests.functions.events import rest_event


@pytest.mark.parametrize(
    ("asked", "prefix"),
    [
        ("/staging/store/units", "/staging"),
        ("/store/units", ""),
        ("/{proxy+}", ""),
        (None, ""),
    ],
)
def test_a_location_carries_the_stage(staff: str, asked: str | None, prefix: str) -> None:
    headers = {"Authorization": f"Bearer {staff}", "Idempotency-Key": uuid.uuid4().hex}
    body = {"code": unique("u"), "name": "килограмм", "dimension": "mass", "factor": "1000"}
    event = rest_event("POST", "/store/units", body, headers=headers)
    event["requestContext"]["path"] = asked
    first = invoke(event)
    assert first.status == 201, first
    assert first.headers["location"] == f"{prefix}/store/units/{first.body['id']}"
    again = invoke(event)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    event["requestContext"]["path"] = "/other/store/units"
    assert invoke(event).headers["location"] == f"/other/store/units/{first.body['id']}"
