"""Where warehouses are: the nearest first, and no place that is none or only half of one."""

import random
from typing import Any

import pytest

from tests.functions.calls import call, good, unique


def test_the_nearest_warehouse_comes_first(staff: str) -> None:
    codes, east = [], random.uniform(-179, 179)  # others may have been at this latitude before
    for latitude, longitude in ((-77.85, east - 0.03), (-77.80, east), (None, None)):
        body = {"code": unique("pole"), "name": "Полюс", "address": "станция"}
        place = {} if latitude is None else {"latitude": latitude, "longitude": longitude}
        made = good(call("POST", "/store/warehouses", {**body, **place}, token=staff), 201)
        codes.append(made["code"])
    found: list[Any] = []
    cursor = ""
    while True:
        page = good(call("GET", f"/store/warehouses?near=-77.80,{east:.12f}&limit=2{cursor}"))
        found += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert [item["code"] for item in found[:2]] == [codes[1], codes[0]]
    assert found[0]["distance_km"] == 0
    assert 5 < found[1]["distance_km"] < 6
    assert len({item["id"] for item in found}) == len(found)
    assert "distance_km" not in next(item for item in found if item["code"] == codes[2])


@pytest.mark.parametrize(
    ("half", "lacking"),
    [
        ({"latitude": 1}, "longitude"),
        ({"latitude": None, "longitude": 1}, "latitude"),
        ({"latitude": None}, "longitude"),
    ],
)
def test_half_a_place_is_a_fault_of_what_it_lacks(staff: str, half: dict[str, Any], lacking: str) -> None:
    body = {"code": unique("half"), "name": "Полсклада", "address": "станция"}
    whole = {**body, "latitude": 1, "longitude": 1}
    made = good(call("POST", "/store/warehouses", whole, token=staff), 201)
    tries = [call("PATCH", f"/store/warehouses/{made['id']}", half, token=staff)]
    if any(half.values()):  # a new one without a latitude is one without a place
        tries.append(call("POST", "/store/warehouses", {**body, "code": unique("half"), **half}, token=staff))
    for answer in tries:
        assert (answer.status, answer.body["code"]) == (422, "invalid_body"), answer
        assert [(each["pointer"], each["code"]) for each in answer.body["errors"]] == [(f"/{lacking}", "contradiction")]
    nowhere = {"latitude": None, "longitude": None}
    assert good(call("PATCH", f"/store/warehouses/{made['id']}", nowhere, token=staff))["longitude"] is None


@pytest.mark.parametrize("near", ["", "x", "1", "1,2,3", "91,0", "0,181", "nan,0", "1e1,0", "٣,١"])
def test_a_place_that_is_none_is_422(near: str) -> None:
    from urllib.parse import quote

    refused = call("GET", f"/store/warehouses?near={quote(near)}")
    assert (refused.status, refused.body["code"]) == (422, "invalid_parameter"), refused
