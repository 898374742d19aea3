"""A thousand product changes while the servers die and come back: every copy is right in the end."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
import requests

from localstack.deploy import InvocationFailed
from tests.faults.books import differences, parked, settled, waiting
from tests.faults.servers import Servers, eventually_true
from tests.gateway.shop import Api, Keeper, eventually, good

CHANGES = 1000
WRITERS = 4
PRODUCTS = 5  # of each writer
PACE = 0.1
GONE_SECONDS = 20.0
MORE = 40  # changes between one fault and the next
PATIENCE = 120.0
UP, AWAY, BETWEEN = "up", "Postgres is away", "in between"
# The relay alone takes this lock, with its first read.
IN_THE_MIDDLE = """
    SELECT count(*) FROM pg_locks WHERE relation = 'events.outbox'::regclass AND mode = 'RowShareLock' AND granted
"""


class Writer(threading.Thread):
    """Changes the prices of its own products, one after the other, until it is told to end."""

    def __init__(self, storm: Storm, products: list[Any], token: str, url: str) -> None:
        super().__init__(daemon=True)
        self._storm = storm
        self._token = token
        self._url = url
        self.products = products
        # By product: how many changes were answered 200, the price that was, and the prices whose fate nobody told.
        self.done: Counter[str] = Counter()
        self.price: dict[str, int] = {product["id"]: product["price"]["amount"] for product in products}
        self.unsure: dict[str, list[int]] = {product["id"]: [] for product in products}
        self.doubts: Counter[str] = Counter()

    def run(self) -> None:
        api = Api(self._url)
        amount = 1000
        while not self._storm.over.wait(PACE):
            amount += 1
            product_id = self.products[amount % len(self.products)]["id"]
            price = {"amount": amount, "currency": "RUB"}
            began = self._storm.phase
            try:
                status = api.patch(f"/store/products/{product_id}", {"price": price}, token=self._token).status_code
            except requests.RequestException:
                status = 0
            # One that is under way when Postgres is killed is of neither time.
            self._storm.note(began if began == self._storm.phase else BETWEEN, status)
            if status == 200:
                self.done[product_id] += 1
                self.price[product_id] = amount
                self.unsure[product_id].clear()
            else:
                self.doubts[product_id] += 1
                self.unsure[product_id].append(amount)
        api.session.close()


class Storm:
    """What goes on at once: the writers, and whoever kills the sync function now and then."""

    def __init__(self, servers: Servers) -> None:
        self.servers = servers
        self.over = threading.Event()
        self.phase = UP
        self.statuses: Counter[tuple[str, int]] = Counter()
        self.killed: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._chance = random.Random(20261129)

    def note(self, phase: str, status: int) -> None:
        with self._lock:
            self.statuses[phase, status] += 1

    @property
    def changes(self) -> int:
        """How many were answered 200."""
        with self._lock:
            return sum(count for (_, status), count in self.statuses.items() if status == 200)

    def go_on(self, more: int = MORE) -> None:
        """Wait until so many more changes were made."""
        wanted = self.changes + more
        eventually_true(lambda: self.changes >= wanted, PATIENCE, "the writers stand still")

    def kill_sync_now_and_then(self) -> None:
        while not self.over.wait(self._chance.uniform(1.0, 6.0)):
            self.killed["sync"] += self.servers.kill_worker("BasketSyncFunction", self._chance)

    def relay_in_vain(self) -> None:
        """Let the relay try while there is no broker: it has to leave what it can't publish."""

        def left() -> None:
            assert self.servers.invoke("OutboxRelayFunction")["left"] > 0

        eventually(left)

    def kill_the_relay_in_the_middle(self) -> None:
        """Kill it between its read of the outbox and its commit, with a broker that holds it up there."""
        with psycopg.connect(self.servers.stack["database_url"], autocommit=True) as sql:
            with self.servers.frozen("rabbitmq"), ThreadPoolExecutor(1) as pool:
                eventually_true(lambda: waiting(sql) > MORE, PATIENCE, "nothing waits for the relay")
                until = time.monotonic() + PATIENCE
                while time.monotonic() < until:
                    call = pool.submit(self.servers.invoke, "OutboxRelayFunction")
                    while not call.done():
                        if sql.execute(IN_THE_MIDDLE).fetchone() != (0,):
                            for _ in self.servers.workers("OutboxRelayFunction"):
                                self.killed["relay"] += self.servers.kill_worker("OutboxRelayFunction", self._chance)
                            with pytest.raises(InvocationFailed):
                                call.result()
                            return
            raise AssertionError("the relay was never in the middle")


def test_every_copy_is_right_in_the_end(servers: Servers, api: Api, keeper: Keeper, staff: str) -> None:
    storm = Storm(servers)
    writers = [
        Writer(storm, [keeper.product() for _ in range(PRODUCTS)], staff, servers.stack["url"]) for _ in range(WRITERS)
    ]
    killer = threading.Thread(target=storm.kill_sync_now_and_then, daemon=True)
    for thread in (*writers, killer):
        thread.start()
    try:
        storm.go_on()
        with servers.away("rabbitmq"):
            storm.go_on()
            storm.relay_in_vain()
        storm.kill_the_relay_in_the_middle()
        with servers.away("redis"):
            storm.go_on()
        with servers.away("rabbitmq"):
            storm.go_on()
            storm.relay_in_vain()
        storm.phase = AWAY
        servers.kill("postgres")
        gone = time.monotonic()
        storm.over.wait(GONE_SECONDS)
        servers.bring_back("postgres")
        assert time.monotonic() - gone >= GONE_SECONDS
        eventually(lambda: good(api.get("/store/health")))
        storm.go_on()
        storm.phase = UP
        storm.kill_the_relay_in_the_middle()
        with servers.away("rabbitmq"):
            storm.go_on()
            storm.relay_in_vain()
        storm.go_on(max(MORE, CHANGES - storm.changes))
    finally:
        storm.over.set()
        for thread in (*writers, killer):
            thread.join(PATIENCE)
    assert storm.changes >= CHANGES
    assert storm.killed["relay"] >= 2
    assert storm.killed["sync"] >= 3
    # Without Redis or RabbitMQ nobody notices; without Postgres it is told, and nothing else.
    assert {status for phase, status in storm.statuses if phase == UP} == {200}, storm.statuses
    assert {status for _, status in storm.statuses} <= {200, 503}, storm.statuses

    settled(servers)
    assert parked(servers) == {}
    with psycopg.connect(servers.stack["database_url"], autocommit=True) as sql:
        assert differences(sql) == []
        for writer in writers:
            for product in writer.products:
                check_product(sql, writer, product["id"])


def check_product(sql: psycopg.Connection[Any], writer: Writer, product_id: str) -> None:
    """Its last price is the last that was answered, each of its versions was told once, and was heard once."""
    row = sql.execute("SELECT version, price_amount FROM store.products WHERE id = %s", [product_id]).fetchone()
    assert row is not None
    version, price = row
    assert price in (writer.price[product_id], *writer.unsure[product_id])
    done, doubts = writer.done[product_id], writer.doubts[product_id]
    assert 1 + done <= version <= 1 + done + doubts
    told = sql.execute(
        """SELECT o.version, count(*), count(o.published_at), count(i.event_id)
        FROM events.outbox o LEFT JOIN basket.inbox i ON i.event_id = o.id
        WHERE o.aggregate_id = %s AND o.type LIKE 'store.product.%%' GROUP BY o.version ORDER BY o.version""",
        [product_id],
    ).fetchall()
    assert told == [(each, 1, 1, 1) for each in range(1, version + 1)]
