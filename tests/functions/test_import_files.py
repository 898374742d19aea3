"""Files that nobody should send: what can't be read, what never ends, what bursts; each told, and nothing half done."""

import gzip
import json
import os
import urllib.request
from typing import Any
from urllib.error import HTTPError
from uuid import UUID

import pytest

import store.import_turn
from eatit.identifiers import uuid7
from store.database import files
from tests.functions.calls import call, good, unique
from tests.functions.goods_files import Importing, refused
from tests.unit.test_routes import USER

GIBIBYTE = 1024**3


@pytest.fixture
def importing(staff: str, sql: Any) -> Importing:
    return Importing(staff, sql)


def problem(answer: Any, status: int, code: str) -> Any:
    assert (answer.status, answer.body.get("code")) == (status, code), answer
    return answer.body


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"size": 5 * GIBIBYTE}, "/size"),
        ({"size": 2 * GIBIBYTE + 1}, "/size"),
        ({"size": -1}, "/size"),
        ({"size": "9"}, "/size"),
        ({"content_type": "application/pdf"}, "/content_type"),
        ({"mapping": {"columns": {"a": "colour"}}}, "/mapping/columns/a"),
        ({"mapping": {"columns": {"a": ["name", "colour"]}}}, "/mapping/columns/a"),
        ({"mapping": {"columns": {"a": []}}}, "/mapping/columns/a"),
        ({"mapping": {"constants": {"colour": "red"}}}, "/mapping/constants/colour"),
        ({"mapping": {"constants": {"price": 1.5}}}, "/mapping/constants/price"),
        ({"mapping": {"constants": {"price": True}}}, "/mapping/constants/price"),
        ({"mapping": {"constants": {"name": " "}}}, "/mapping/constants/name"),
        ({"mapping": {"encoding": "koi8-r"}}, "/mapping/encoding"),
        ({"mapping": {"delimiter": "|"}}, "/mapping/delimiter"),
        ({"mapping": {"rounded": ["price"]}}, "/mapping/rounded/0"),
        ({"note": "x"}, "/note"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused_at_once(staff: str, body: dict[str, Any], pointer: str) -> None:
    given = {"content_type": "text/csv", "size": 10, **body}
    told = problem(call("POST", "/store/imports", given, token=staff), 422, "invalid_body")
    assert [fault["pointer"] for fault in told["errors"]] == [pointer], told
    assert "function" not in json.dumps(told)


def test_the_upload_is_bound_to_its_size_and_type(staff: str) -> None:
    begun = call("POST", "/store/imports", {"content_type": "text/csv", "size": 2 * GIBIBYTE}, token=staff)
    upload = good(begun, 202)["upload"]
    assert begun.headers["location"].endswith(f"/store/imports/{begun.body['id']}")
    assert upload["method"] == "PUT"
    assert upload["headers"] == {"Content-Type": "text/csv", "Content-Length": str(2 * GIBIBYTE)}
    assert "X-Amz-SignedHeaders=content-length%3Bcontent-type%3Bhost" in upload["url"]
    run = good(call("GET", f"/store/imports/{begun.body['id']}", token=staff))
    assert (run["status"], run["rows"], run["progress"]) == ("waiting", 0, 0)


def test_unknown_runs_are_404(staff: str) -> None:
    for method, path in (
        ("GET", f"/store/imports/{USER}"),
        ("POST", f"/store/imports/{USER}/complete"),
        ("GET", f"/store/exports/{USER}"),
    ):
        problem(call(method, path, token=staff), 404, "not_found")


def test_without_its_file_a_run_doesnt_start(staff: str) -> None:
    begun = good(call("POST", "/store/imports", {"content_type": "text/csv", "size": 9}, token=staff), 202)
    path = f"/store/imports/{begun['id']}"
    problem(call("POST", f"{path}/complete", token=staff), 409, "upload_missing")
    assert good(call("GET", path, token=staff))["status"] == "waiting"


def test_a_file_of_another_size_fails(importing: Importing, staff: str) -> None:
    begun = good(call("POST", "/store/imports", {"content_type": "text/csv", "size": 9}, token=staff), 202)
    with pytest.raises(HTTPError, match="403"):
        importing.put({**begun["upload"], "headers": {"Content-Type": "text/csv"}}, b"sku\n1\n")
    # However it came there all the same.
    files.write(f"imports/{begun['id']}/file", b"sku\n1\n", "text/csv", cache_control="no-store")
    run = good(call("POST", f"/store/imports/{begun['id']}/complete", token=staff), 202)
    assert (run["status"], run["reason"]) == ("failed", "size_mismatch")


def test_a_file_that_is_gone_fails_its_run(importing: Importing) -> None:
    run_id = importing.begun(b"sku\n1\n")
    # Between the check and the first turn, which the stack's own worker may have begun: a file without rows then.
    good(call("POST", f"/store/imports/{run_id}/complete", token=importing.token), 202)
    files.remove([f"imports/{run_id}/file"])
    run = importing.followed(run_id)
    assert (run["status"], run["reason"]) == ("failed", "upload_missing") or run["rows"] == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty_file"),
        (b"\n\n\n", "empty_file"),
        ("sku,name\n".encode("utf-16"), "unsupported_encoding"),
        (b"sku,na\0me\n", "unreadable_header"),
        (b"x" * 3_000_000, "unreadable_header"),
        (b'"sku,name\n' + b"a,b\n" * 2000, "unreadable_header"),
        (b",".join(b"c%d" % each for each in range(100_000)) + b"\n", "too_many_columns"),
        (b"\x1f\x8b" + b"nonsense" * 10, "unreadable_gzip"),
        (gzip.compress(os.urandom(5000).hex().encode())[:-2000], "unreadable_gzip"),
        (b"colour,sku\n1,2\n", "bad_header"),
        (b"sku,name,sku\n1,2,3\n", "bad_header"),
        (b"fat_g,nutrition_fat_g\n1,2\n", "bad_header"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_that_cant_be_imported_fails_with_its_reason(importing: Importing, content: bytes, reason: str) -> None:
    run = importing.failed(content)
    assert (run["reason"], run["rows"]) == (reason, 0)
    if reason == "bad_header":
        assert {(row, code) for row, _, code in refused(run)} <= {(1, "unknown_column"), (1, "repeated_column")}
        assert run["errors"]


def test_empty_json_lines_fail_too(importing: Importing) -> None:
    assert importing.failed(b"\n \n", content_type="application/jsonl")["reason"] == "empty_file"


def test_no_cell_of_the_errors_is_a_formula(importing: Importing) -> None:
    run = importing.failed(b"=cmd|x,sku\n1,a\n")
    assert [(error["column"], error["code"]) for error in run["errors"]] == [("=cmd|x", "unknown_column")]
    with urllib.request.urlopen(run["errors_url"]) as answer:
        assert b"\r\n1,'=cmd|x,unknown_column," in answer.read()


def test_a_mapped_column_that_the_file_hasnt_fails(importing: Importing) -> None:
    run = importing.failed(b"sku\n1\n", mapping={"columns": {"Товар": "name"}})
    assert refused(run) == {(1, "Товар", "missing_column")}


def test_monstrous_rows_cost_themselves_alone(importing: Importing) -> None:
    first, last = unique("imp"), unique("imp")
    head, *body = importing.csv([importing.row(sku=name) for name in (first, last)]).splitlines(keepends=True)
    cells = head.count(b",") + 1
    monsters = [
        b"a" * 5_000_000 + b"\n",
        b"," * 100_000 + b"\n",
        b"\xd0,\xff" + b"," * (cells - 2) + b"\n",
        b"\0," + b"," * (cells - 2) + b"\n",
        b'x"y,"a"b' + b"," * (cells - 2) + b"\n",
        head,
        b'"never closed' + b"," * (cells - 1) + b"\n",
    ]
    run = importing.done(head + body[0] + b"".join(monsters) + body[1])
    assert (run["rows"], run["created"], run["failed"]) == (9, 2, 7)
    told = {error["row"]: error["code"] for error in reversed(run["errors"])}
    assert told == {
        3: "row_too_large",
        4: "wrong_cell_count",
        5: "unreadable_text",
        6: "unreadable_text",
        7: "unreadable_row",
        8: "repeated_header",
        9: "unreadable_row",
    }
    assert importing.found(last)


def test_a_file_of_one_endless_line_is_one_bad_row(importing: Importing) -> None:
    run = importing.done(b"sku\n" + b"a" * 100_000_000)
    assert (run["rows"], run["failed"]) == (1, 1)
    assert refused(run) == {(2, None, "row_too_large")}


def test_a_bomb_is_unpacked_no_further_than_is_allowed(importing: Importing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store.import_turn, "MAX_SIZE", 3_000_000)
    run_id = importing.begun(gzip.compress(b"sku\n" + b"\n" * 10_000_000))
    # Started by hand, so that no worker with the true limit takes it.
    importing.sql.execute("UPDATE store.imports SET status = 'running' WHERE id = %s", [run_id])
    store.import_turn.run(UUID(run_id), 0, uuid7(), until=float("inf"))
    run = importing.run(run_id)
    assert (run["status"], run["reason"]) == ("failed", "expands_too_much")


def test_said_to_be_complete_twice_it_starts_once(importing: Importing, staff: str) -> None:
    name = unique("imp")
    run_id = importing.begun(importing.csv([importing.row(sku=name)]))
    for _ in range(3):
        good(call("POST", f"/store/imports/{run_id}/complete", token=staff), 202)
    assert importing.followed(run_id)["created"] == 1
    good(call("POST", f"/store/imports/{run_id}/complete", token=staff), 202)
    told = importing.sql.execute(
        "SELECT count(*) FROM events.outbox WHERE aggregate_id = %s AND type LIKE 'store.import.%%'", [run_id]
    ).fetchone()
    assert told == (1,)
