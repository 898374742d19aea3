"""Handlers in this process against the running shop's servers, with wires to those servers that tests can cut."""

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import redis

from tests.functions.buyers import Buyer, Sold
from tests.functions.calls import call, good, product, unique
from tests.functions.events import Context
from tests.functions.mails import Person, parking, people
from tests.functions.members import registered
from tests.functions.owners import CodeClock
from tests.functions.wire import Wire


def _forget() -> None:
    """Close what the functions keep open and drop what they remember, as a new environment would begin."""
    import eatit.outbox
    from auth.database import database as auth
    from auth.mail import database as mail
    from basket.database import database as basket
    from basket.order_expiry import database as expiry
    from basket.product_sync import database as sync
    from eatit.redis_connection import shared
    from eatit.secrets import forget_secrets
    from eatit.security import forget_keys
    from eatit.settings import settings
    from operations.check_books import database as books
    from operations.events import database as events
    from operations.outbox_relay import database as relay
    from operations.upkeep import database as upkeep
    from operations.upkeep import files as sweeping
    from store.database import cache, files
    from store.database import database as store
    from store.resync import database as resync

    for database in (auth, mail, store, basket, expiry, sync, relay, upkeep, resync, events, books):
        database.close()
    cache.close()
    files.close()
    sweeping.close()
    shared.close()
    eatit.outbox.close_publisher()
    eatit.outbox._paused_until = 0.0
    for module in _publishers():
        module._publisher.close()
    settings.cache_clear()
    forget_secrets()
    forget_keys()


def _publishers() -> tuple[Any, ...]:
    import auth.mail
    import basket.product_sync
    import operations.outbox_relay
    import store.imports_worker

    return auth.mail, basket.product_sync, operations.outbox_relay, store.imports_worker


@pytest.fixture(scope="session", autouse=True)
def shop(in_process: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The running shop, the functions' environment standing in this process."""
    _forget()
    yield in_process
    _forget()


@pytest.fixture
def context() -> Context:
    return Context()


@pytest.fixture(scope="module")
def staff(shop: dict[str, Any]) -> str:
    """A staff member's access token; each file has its own, since none lasts longer than a quarter of an hour."""
    return str(good(call("POST", "/auth/login", dict(shop["users"]["staff"])))["access_token"])


@pytest.fixture(scope="module")
def admin(shop: dict[str, Any]) -> str:
    """An admin's access token, each file's own too."""
    return str(good(call("POST", "/auth/login", dict(shop["users"]["admin"])))["access_token"])


@pytest.fixture
def customer() -> Any:
    """A new customer's session."""
    body = {"email": f"{unique()}@example.org", "password": "correct horse battery 42"}
    return good(call("POST", "/auth/register", body), 201)


@pytest.fixture
def member(shop: dict[str, Any]) -> Callable[..., Any]:
    """`member(role=..., display_name=...)` registers somebody nobody has met and gives their session."""
    return partial(registered, shop["users"]["admin"])


@pytest.fixture
def marks(shop: dict[str, Any]) -> Iterator["redis.Redis"]:
    """The shop's Redis, where it is marked which tokens hold no more."""
    with redis.Redis.from_url(shop["redis_url"], decode_responses=True) as client:
        yield client


@pytest.fixture
def sql(shop: dict[str, Any]) -> Iterator["psycopg.Connection[Any]"]:
    """The shop's database as its owner, in autocommit."""
    with psycopg.connect(shop["database_url"], autocommit=True) as connection:
        yield connection


@pytest.fixture
def person(sql: Any) -> Iterator[Callable[..., Person]]:
    """Makes users without a password: `person(language="en")` gives the id and the address."""
    with people(sql) as make:
        yield make


@pytest.fixture
def parked_mail(shop: dict[str, Any]) -> Iterator[Callable[[], dict[str, Any]]]:
    """Takes what MailFunction parked."""
    with parking(shop, "auth.mail.parked") as take:
        yield take


@pytest.fixture
def sending_to(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Mails go to the server at this URL until the test's end."""
    from eatit.settings import settings

    def send(url: str) -> None:
        monkeypatch.setenv("MAIL_URL", url)
        settings.cache_clear()

    yield send
    monkeypatch.undo()
    settings.cache_clear()


@pytest.fixture
def wired() -> Iterator[Callable[[str], Wire]]:
    """`wired("REDIS_URL")` puts a wire between the functions of this process and that server, until the test's end."""
    wires: list[Wire] = []
    before: dict[str, str] = {}

    def wire(name: str) -> Wire:
        before[name] = os.environ[name]
        parts = urlsplit(before[name])
        made = Wire((parts.hostname or "127.0.0.1", parts.port or 0))
        wires.append(made)
        os.environ[name] = urlunsplit(parts._replace(netloc=f"127.0.0.1:{made.port}"))
        _forget()
        return made

    yield wire
    os.environ.update(before)
    _forget()
    for made in wires:
        made.cut()


@pytest.fixture
def code_clock(monkeypatch: pytest.MonkeyPatch) -> CodeClock:
    """The clock that the codes of second factors go by, which stands until a test moves it on."""
    made = CodeClock()
    monkeypatch.setattr("auth.totp.time", made)
    return made


@pytest.fixture
def warehouse(staff: str) -> Callable[..., str]:
    """Makes warehouses: `warehouse(latitude=10, longitude=10)` gives the id."""

    def make(**given: Any) -> str:
        body = {"code": unique("w"), "name": "Склад", "address": "улица Первая, 1", **given}
        return str(good(call("POST", "/store/warehouses", body, token=staff), 201)["id"])

    return make


@pytest.fixture
def goods(staff: str) -> Callable[..., str]:
    """Makes products with so much of them in each warehouse: `goods({place: 5}, name="Сыр")` gives the id."""

    def make(stock: dict[str, Any], **given: Any) -> str:
        thing = product(staff, **given)
        for place, quantity in stock.items():
            body = {"kind": "receive", "product_id": thing["id"], "warehouse_id": place, "reason": "test"}
            good(call("POST", "/store/stock/movements", {**body, "quantity": str(quantity)}, token=staff), 201)
        return str(thing["id"])

    return make


@pytest.fixture
def buyer() -> Callable[..., Buyer]:
    """Makes new customers: `buyer({bread: 2})` has that in the basket."""
    return Buyer


@pytest.fixture
def sold(buyer: Any, goods: Any, warehouse: Any, staff: str, sql: Any) -> Callable[..., Sold]:
    """Makes orders of two of something, of which there were ten: `sold(payment_method="telegram")`."""

    def make(**given: Any) -> Sold:
        thing = goods({warehouse(): 10})
        anna: Buyer = buyer({thing: 2})
        return Sold(anna, thing, anna.checkout(**given), staff, sql)

    return make


@pytest.fixture
def change(staff: str) -> Callable[[str, dict[str, Any]], None]:
    """Changes a product, which the basket's copy has at once."""

    def patch(thing: str, body: dict[str, Any]) -> None:
        from basket.product_copies import fill_gap
        from eatit.database import Database

        good(call("PATCH", f"/store/products/{thing}", body, token=staff))
        database = Database("basket")
        assert fill_gap(database, thing)  # type: ignore[arg-type]
        database.close()

    return patch


@pytest.fixture
def category(staff: str) -> str:
    """A new category's id."""
    return str(good(call("POST", "/store/categories", {"name": "Раздел", "slug": unique("c")}, token=staff), 201)["id"])
