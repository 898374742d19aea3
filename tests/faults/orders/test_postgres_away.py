"""Postgres killed under load through the gateway, twice: 503 while it is away, service by itself when it is back, and
nothing half done or done twice."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.faults.orders.balances import assert_adds_up
from tests.faults.orders.customers import Customer, checkout, customers
from tests.faults.servers import Servers
from tests.functions.buyers import Buyer
from tests.gateway.shop import Api, at_once, eventually, problem, unique

TIMES = 2
BUYERS, MOVERS, CHANGERS, READERS = 5, 2, 2, 3
STOCK, PRICE = 100_000, 12990
FUNCTION_SECONDS = 10.0  # a function's limit
BACK_SECONDS = 5.0
ENOUGH = 3  # answers of each kind, before a kill and after it
PATIENCE = 60.0


@dataclass(frozen=True)
class Seen:
    """One answer: to whom, of what kind of request, when it was sent, and what it said."""

    client: int
    kind: str
    sent: float
    took: float
    status: int


@dataclass
class Load:
    """All that was answered, and when it is to end."""

    url: str
    seen: list[Seen] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def wait_for(self, condition: Callable[[list[Seen]], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition(list(self.seen)):
            assert not self.failures, self.failures
            assert time.monotonic() < deadline, f"never {what}: {Counter((s.kind, s.status) for s in self.seen)}"
            self.over.wait(0.05)


class Client:
    """Somebody who does the same thing again and again, and what was refused for the moment once more."""

    def __init__(self, load: Load, kind: str, token: str) -> None:
        self.load, self.kind, self.token = load, kind, token
        self.api = Api(load.url)

    def run(self, work: Callable[["Client"], None]) -> None:
        try:
            while not self.load.over.is_set():
                work(self)
        except BaseException as failure:
            self.load.failures.append(failure)
        finally:
            self.api.session.close()

    def ask(self, method: str, path: str, body: Any = None, *, key: str | None = None, kind: str = "") -> Any:
        """The body of the answer that comes at last. Raises `AssertionError` after `PATIENCE` seconds of waiting."""
        until = time.monotonic() + PATIENCE
        headers = {"Idempotency-Key": key} if key else {}
        given = {"json": body} if body is not None else {}
        while True:
            sent = time.monotonic()
            answer = self.api.call(method, path, token=self.token, headers=headers, **given)
            self.load.seen.append(Seen(id(self), kind or self.kind, sent, time.monotonic() - sent, answer.status_code))
            if answer.status_code not in (429, 503):
                assert answer.status_code in (200, 201), f"{method} {path}: {answer.status_code} {answer.text[:300]}"
                return answer.json()
            if answer.status_code == 503:
                problem(answer, 503, "unavailable")
            assert time.monotonic() < until, f"{method} {path}: told to wait for ever"
            time.sleep(float(answer.headers["Retry-After"]))  # as it was told


class Buying:
    """A customer's checkouts: which key was answered with which order."""

    def __init__(self, customer: Customer, thing: str) -> None:
        self.customer, self.thing = customer, thing
        self.orders: dict[str, Any] = {}

    def __call__(self, client: Client) -> None:
        client.ask("PATCH", f"/basket/items/{self.thing}", {"quantity": "1"}, kind="basket")
        wanted = checkout(self.customer, PRICE, unique("key"))
        self.orders[wanted["key"]] = client.ask("POST", wanted["path"], wanted["body"], key=wanted["key"])


@pytest.fixture
def load(servers: Servers, api: Api) -> Iterator[Load]:
    """The running shop, all of its workers started: a small machine takes long over each."""

    def warm() -> None:
        for group in ("store", "basket"):
            answers = at_once([lambda group=group: api.get(f"/{group}/health")] * BUYERS)  # type: ignore[misc]
            assert {answer.status_code for answer in answers} == {200}

    eventually(warm)
    made = Load(servers.stack["url"])
    yield made
    made.over.set()


def test_postgres_is_killed_and_comes_back(
    servers: Servers, load: Load, goods: Any, warehouse: Any, staff: str, shop: Any
) -> None:
    place = warehouse()
    bought, changed = goods({place: STOCK}), goods({place: 1})
    Buyer({bought: 1})
    with psycopg.connect(servers.stack["database_url"], autocommit=True) as sql:
        buyings = [Buying(customer, bought) for customer in customers(sql, BUYERS)]
    received: list[str] = []

    def receive(client: Client) -> None:
        body = {"kind": "receive", "warehouse_id": place, "product_id": bought, "quantity": "1", "reason": "load"}
        received.append(client.ask("POST", "/store/stock/movements", body, key=unique("key"))["id"])

    def change(client: Client) -> None:
        client.ask("PATCH", f"/store/products/{changed}", {"name": unique("Сыр")})

    def read(client: Client) -> None:
        for path in (f"/store/products/{bought}/stock", "/basket", "/basket/orders"):
            client.ask("GET", path, kind=f"GET {path.split('/')[1]}")

    works: list[tuple[str, str, Callable[[Client], None]]] = [
        ("checkout", buying.customer.token, buying) for buying in buyings
    ]
    works += [("movement", staff, receive)] * MOVERS + [("change", staff, change)] * CHANGERS
    works += [("read", buyings[0].customer.token, read)] * READERS
    clients = [(Client(load, kind, token), work) for kind, token, work in works]
    threads = [threading.Thread(target=client.run, args=(work,)) for client, work in clients]
    for thread in threads:
        thread.start()
    outages: list[tuple[float, float]] = []
    kinds = {"checkout", "basket", "movement", "change", "GET store", "GET basket"}
    try:
        for _ in range(TIMES):
            _all_served(load, kinds)
            gone = time.monotonic()
            with servers.away("postgres"):
                _all_told_to_wait(load, {id(client) for client, _ in clients})
            outages.append((gone, time.monotonic()))
            _all_served(load, kinds)
            load.wait_for(lambda seen: seen[-1].sent > outages[-1][1] + BACK_SECONDS, "for long enough")
    finally:
        load.over.set()
        for thread in threads:
            thread.join(PATIENCE)
    assert not load.failures, load.failures
    _assert_served(load.seen, kinds, outages)
    with psycopg.connect(servers.stack["database_url"], autocommit=True) as sql:
        _assert_whole(sql, buyings, place, received)
        assert_adds_up(sql, [bought])


def _all_served(load: Load, kinds: set[str]) -> None:
    """Until so many of each kind, sent from now on, were served."""
    now = time.monotonic()

    def enough(seen: list[Seen]) -> bool:
        found = Counter(each.kind for each in seen if each.sent > now and each.status < 300)
        return all(found[kind] >= ENOUGH for kind in kinds)

    load.wait_for(enough, "served")


def _all_told_to_wait(load: Load, clients: set[int]) -> None:
    """Until every client, whatever it is at, was told to wait so often from now on."""
    now = time.monotonic()

    def enough(seen: list[Seen]) -> bool:
        found = Counter(each.client for each in seen if each.sent > now and each.status == 503)
        return all(found[client] >= ENOUGH for client in clients)

    load.wait_for(enough, "told to wait")


def _assert_served(seen: list[Seen], kinds: set[str], outages: list[tuple[float, float]]) -> None:
    counted = Counter(each.status for each in seen)
    assert counted.keys() <= {200, 201, 429, 503}, counted
    longest = max(each.took for each in seen)
    assert longest < FUNCTION_SECONDS
    firsts = [
        min(each.sent + each.took for each in seen if each.kind == kind and each.sent > back and each.status < 300)
        - back
        for _, back in outages
        for kind in sorted(kinds)
    ]
    refused = [each for each in seen if each.status == 503]
    late = [
        each
        for each in refused
        if not any(gone - each.took < each.sent < back + BACK_SECONDS for gone, back in outages)
    ]
    print(f"{counted}, longest {longest:.1f} s, each kind served {max(firsts):.1f} s after the return")
    assert max(firsts) < BACK_SECONDS
    assert late == []


def _assert_whole(sql: Any, buyings: list[Buying], place: str, received: list[str]) -> None:
    """What was answered is there as it was answered; each key made one order, or one movement."""
    for buying in buyings:
        rows = sql.execute("SELECT id, total FROM basket.orders WHERE user_id = %s", [buying.customer.id]).fetchall()
        answered = {UUID(order["id"]): order["total"]["amount"] for order in buying.orders.values()}
        assert len(answered) == len(buying.orders)
        assert dict(rows) == answered
    rows = sql.execute(
        "SELECT id FROM store.movements WHERE warehouse_id = %s AND reason = 'load' ORDER BY id", [place]
    ).fetchall()
    assert sorted(str(each) for (each,) in rows) == sorted(received)
