"""The books: a shop that was used balances, whatever is wrong is found by its check, and looking is in nobody's way."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from localstack.check_books import told
from tests.books import assert_books, in_process
from tests.functions.broken_books import RIGHT, WRONG
from tests.functions.buyers import PASSWORD, Buyer
from tests.functions.calls import call, good
from tests.functions.quiet_shop import QuietShop, quiet_shop
from tests.functions.used_shop import UsedShop

STRANGER = "019aa7c0-0000-7000-8000-000000000001"
Found = Callable[[list[str]], dict[str, Any]]


@pytest.fixture(scope="module")
def quiet(shop: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[QuietShop]:
    with quiet_shop(tmp_path_factory.mktemp("quiet"), shop) as made:
        yield made


@pytest.fixture(scope="module")
def used(quiet: QuietShop) -> UsedShop:
    """A shop that was used, its events delivered."""
    keeper = Buyer()
    quiet.admin.execute("UPDATE auth.users SET role = 'staff' WHERE id = %s", [keeper.id])
    (email,) = quiet.admin.execute("SELECT email FROM auth.users WHERE id = %s", [keeper.id]).fetchone() or ("",)
    session = good(call("POST", "/auth/login", {"email": email, "password": PASSWORD}))
    made = UsedShop(session["access_token"])
    quiet.deliver()
    return made


@pytest.fixture
def found(quiet: QuietShop, used: UsedShop) -> Found:
    """What is found after these statements, with the rights of the function's own role; afterwards they are undone."""
    from eatit.database import Transaction
    from operations.check_books import GRACE_SECONDS, look

    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(quiet.url), poolclass=NullPool)

    def after(statements: list[str]) -> dict[str, Any]:
        with engine.connect() as connection:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            for statement in statements:
                changed = connection.exec_driver_sql(statement, {**used.names, "stranger": STRANGER})
                assert changed.rowcount, f"nothing to spoil: {statement}"
            connection.exec_driver_sql("SET LOCAL ROLE eatit_operations")
            try:
                return look(Transaction(connection), GRACE_SECONDS)
            finally:
                connection.rollback()

    return after


def wrong(answer: dict[str, Any]) -> set[str]:
    return {check["name"] for check in answer["checks"] if check["broken"]}


def test_a_shop_that_was_used_balances_and_every_check_has_seen_something(quiet: QuietShop, used: UsedShop) -> None:
    answer = assert_books(within=0)
    assert answer["balanced"] is True
    assert {check["name"] for check in answer["checks"] if not check["looked_at"]} == {"outbox"}
    assert all(check["examples"] == [] for check in answer["checks"])


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_found_by_its_check(found: Found, what: str) -> None:
    names, statements = WRONG[what]
    answer = found(statements)
    assert wrong(answer) == names, told(answer, what)
    assert answer["balanced"] is False
    for check in answer["checks"]:
        assert len(check["examples"]) == min(check["broken"], 10)
        assert "broken" not in str(check["examples"])


def test_no_check_is_without_something_that_it_finds(quiet: QuietShop) -> None:
    from operations.check_books import CHECKS

    assert {name for names, _ in WRONG.values() for name in names} == {check.name for check in CHECKS}


@pytest.mark.parametrize("what", RIGHT)
def test_what_is_under_way_or_long_past_is_not_wrong(found: Found, what: str) -> None:
    answer = found(RIGHT[what])
    assert wrong(answer) == set(), told(answer, what)


def test_examples_are_ids_and_numbers_ten_at_most(found: Found) -> None:
    answer = found(["UPDATE basket.order_lines SET line_total = line_total + 1"])
    (lines,) = [check for check in answer["checks"] if check["name"] == "line_totals"]
    assert (lines["broken"], lines["looked_at"], len(lines["examples"])) == (20, 20, 10)
    assert lines["examples"][0].keys() == {"order_id", "product_id", "price", "quantity", "line_total"}
    assert {type(value) for value in lines["examples"][0].values()} <= {str, int}


def test_all_is_seen_at_one_moment_and_nobody_is_locked_out(used: UsedShop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever writes goes on: the locks are those of any reader. The last check tells how the others were made."""
    from operations import check_books
    from operations.books.check import Check

    how = """
        SELECT current_setting('transaction_isolation') AS isolation, current_setting('transaction_read_only') AS only,
            (SELECT array_agg(DISTINCT mode) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype <> 'virtualxid')
                AS locks, true AS broken
    """
    monkeypatch.setattr(check_books, "CHECKS", (*check_books.CHECKS, Check("how", "", how)))
    examples = in_process({})["checks"][-1]["examples"]
    assert examples == [{"isolation": "repeatable read", "only": "on", "locks": ["AccessShareLock"]}]


def test_the_steps_are_those_that_orders_take(quiet: QuietShop) -> None:
    """A group's rules can't be imported there."""
    from basket.orders import NEXT
    from operations.books.orders import STEP_OF_CASH, STEPS

    assert set(STEPS) == {(before, after) for before, allowed in NEXT.items() for after in allowed}
    assert STEP_OF_CASH not in STEPS


@pytest.mark.parametrize("grace", ["120", None, True, -1, float("nan"), 86401, [1]])
def test_a_grace_that_is_no_number_of_seconds_is_refused(grace: Any) -> None:
    with pytest.raises(ValueError, match="grace_seconds"):
        in_process({"grace_seconds": grace})


def test_within_a_grace_of_nothing_all_must_have_arrived(quiet: QuietShop, used: UsedShop) -> None:
    Buyer({used.names["bread"]: 1}).checkout(warehouse_id=used.names["place"])
    assert wrong(in_process({})) == set()
    assert wrong(in_process({"grace_seconds": 0})) == {"outbox"}
    with pytest.raises(AssertionError, match=r"WRONG  outbox(.|\n)*may settle by itself"):
        assert_books(within=0)
    # Out of the outbox, and not yet where it is heard.
    waited = quiet.admin.execute(
        "UPDATE events.outbox SET published_at = now() WHERE published_at IS NULL RETURNING id"
    ).fetchall()
    assert wrong(in_process({})) == set()
    assert wrong(in_process({"grace_seconds": 0})) == {"stock_copies_older"}
    quiet.admin.execute("UPDATE events.outbox SET published_at = NULL WHERE id = ANY(%s)", [[row[0] for row in waited]])
    quiet.deliver()
    assert_books(within=0)
