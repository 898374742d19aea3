"""Files of goods for tests of imports, and the way they take: made by hand, uploaded, and worked off here."""

import csv
import io
import json
import urllib.request
import uuid
from typing import Any

from tests.functions.calls import call, good, unique
from tests.functions.events import Context, rmq_event


def gtin() -> str:
    """A barcode that nothing else has, its check digit right."""
    digits = f"2{uuid.uuid4().int % 10**11:011d}"
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return digits + str(-total % 10)


def refused(run: Any) -> set[tuple[int, str | None, str]]:
    """What a run says is wrong: row, column, code."""
    return {(error["row"], error["column"], error["code"]) for error in run["errors"]}


def turn_of(sql: Any, run_id: str, kind: str = "import") -> dict[str, Any]:
    """The `aws:rmq` event of a run's present turn, as the queue would give it."""
    row = sql.execute(
        """SELECT id, type, aggregate_id, version, occurred_at, trace_id, state FROM events.outbox
        WHERE aggregate_id = %s AND type = %s ORDER BY version DESC LIMIT 1""",
        [run_id, f"store.{kind}.advanced"],
    ).fetchone()
    names = ("id", "type", "aggregate_id", "version", "occurred_at", "trace_id", "state")
    body = {**dict(zip(names, row, strict=True)), "schema_version": 1, "occurred_at": row[4].isoformat()}
    return rmq_event(json.dumps(body, default=str).encode(), queue="store.imports")


def turn_event(run_id: str, turn: int = 0, kind: str = "import") -> dict[str, Any]:
    """The same of a run that nobody was told of."""
    body = {
        "id": str(uuid.uuid4()),
        "type": f"store.{kind}.advanced",
        "schema_version": 1,
        "aggregate_id": run_id,
        "version": turn,
        "occurred_at": "2026-11-21T18:00:00Z",
        "trace_id": "trace-1",
        "state": {"id": run_id, "turn": turn},
    }
    return rmq_event(json.dumps(body).encode(), queue="store.imports")


class Importing:
    """A staff member who imports files into a category of their own."""

    def __init__(self, token: str, sql: Any) -> None:
        self.token = token
        self.sql = sql
        category = call("POST", "/store/categories", {"name": "Разное", "slug": unique("c")}, token=token)
        self.category: str = good(category, 201)["slug"]
        self.constants = {"category": self.category, "unit": "piece", "sold_by": "piece", "price": 100}

    def row(self, **given: Any) -> dict[str, Any]:
        """A sound row."""
        return {"name": "Сыр", **{name: str(value) for name, value in self.constants.items()}, **given}

    def csv(self, rows: list[dict[str, Any]], *, delimiter: str = ",", end: str = "\n") -> bytes:
        """The rows as a CSV with all of their columns."""
        out = io.StringIO(newline="")
        writer = csv.DictWriter(
            out, list(dict.fromkeys(name for row in rows for name in row)), delimiter=delimiter, lineterminator=end
        )
        writer.writeheader()
        writer.writerows(rows)
        return out.getvalue().encode()

    def begun(self, content: bytes, *, content_type: str = "text/csv", **given: Any) -> str:
        """The id of a run whose file is up."""
        body = {"content_type": content_type, "size": len(content), **given}
        answer = good(call("POST", "/store/imports", body, token=self.token), 202)
        self.put(answer["upload"], content)
        return str(answer["id"])

    def put(self, upload: dict[str, Any], content: bytes) -> None:
        """Upload as a client would."""
        request = urllib.request.Request(
            upload["url"], data=content, method=upload["method"], headers=upload["headers"]
        )
        with urllib.request.urlopen(request) as answer:
            assert answer.status == 200

    def started(self, content: bytes, **given: Any) -> str:
        """The id of a run that waits for its first turn, which the stack's own worker may do."""
        run_id = self.begun(content, **given)
        good(call("POST", f"/store/imports/{run_id}/complete", token=self.token), 202)
        return run_id

    def untold(self, content: bytes, **given: Any) -> str:
        """The id of a run whose first turn only this test knows of."""
        run_id = self.begun(content, **given)
        self.sql.execute("UPDATE store.imports SET status = 'running' WHERE id = %s", [run_id])
        return run_id

    def ended(self, content: bytes, **given: Any) -> Any:
        """The run as it ended, its first turn done in this process: the stack's own worker knows nothing of it."""
        run_id = self.untold(content, **given)
        self._handle(turn_event(run_id))
        return self.followed(run_id)

    def followed(self, run_id: str) -> Any:
        """The run as it ended, worked off here or by the stack's own worker, whoever comes first."""
        while (run := self.run(run_id))["status"] == "running":
            self._handle(turn_of(self.sql, run_id))
        return run

    def _handle(self, event: dict[str, Any]) -> None:
        from store.imports_worker import handler

        handler(event, Context(seconds=120))

    def done(self, content: bytes, **given: Any) -> Any:
        """The same of one that is done."""
        run = self.ended(content, **given)
        assert run["status"] == "done", run
        assert run["progress"] == 1
        return run

    def failed(self, content: bytes, **given: Any) -> Any:
        """The same of one that failed."""
        run = self.ended(content, **given)
        assert run["status"] == "failed", run
        assert run["detail"]
        return run

    def run(self, run_id: str) -> Any:
        return good(call("GET", f"/store/imports/{run_id}", token=self.token))

    def found(self, sku: str) -> Any:
        """The product with this SKU, or nothing."""
        row = self.sql.execute("SELECT id FROM store.products WHERE sku = %s", [sku]).fetchone()
        return row and good(call("GET", f"/store/products/{row[0]}", token=self.token))

    def product(self, sku: str) -> Any:
        found = self.found(sku)
        assert found, sku
        return found

    def events(self, skus: list[str]) -> list[tuple[str, str, int]]:
        """What was told of these products: SKU, type, version."""
        rows = self.sql.execute(
            """SELECT p.sku, o.type, o.version FROM events.outbox o JOIN store.products p ON p.id = o.aggregate_id
            WHERE p.sku = ANY(%s) ORDER BY o.version""",
            [skus],
        ).fetchall()
        return [tuple(row) for row in rows]
