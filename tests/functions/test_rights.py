"""The database's own rights: each role in its own schema alone, and what the store offers to the basket's role only."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from localstack.deploy import get_secret

ROLES = ("auth", "store", "basket", "operations")
SCHEMAS = ("auth", "store", "basket")
# What the functions that the store offers write with their owner's rights; the group only reads it.
OF_THE_FUNCTIONS = ("reservations", "reserved_lines")
# What the check of the books reads: nothing of whoever bought or did something.
_PRODUCT = "id version sku name price_amount currency status quantity_step min_quantity max_quantity"
BOOKS = {
    "store.movements": "kind product_id warehouse_id to_warehouse_id quantity order_id",
    "store.stock": "product_id warehouse_id on_hand reserved",
    "store.stock_versions": "product_id version available",
    "store.reservations": "order_id warehouse_id state",
    "store.reserved_lines": "order_id product_id quantity",
    "store.warehouses": "id active",
    "store.products": f"{_PRODUCT} updated_at",
    "basket.products": _PRODUCT,
    "basket.stock": "product_id version available",
    "basket.orders": "id status payment_method payment_status warehouse_id currency subtotal discount_total fee_total"
    " total version created_at updated_at",
    "basket.order_lines": "order_id product_id quantity price line_total",
    "basket.order_history": "order_id version status",
    "basket.payments": "id order_id status amount currency",
    "basket.refunds": "order_id payment_id amount currency",
}


@pytest.fixture(scope="module")
def logins(shop: dict[str, Any]) -> Iterator[dict[str, "psycopg.Connection[Any]"]]:
    """A connection of each role."""
    parts = urlsplit(shop["environment"]["DATABASE_URL"])
    opened = {}
    for role in ROLES:
        login = get_secret(shop["environment"]["AWS_ENDPOINT_URL"], f"{shop['secrets_prefix']}/database/{role}")
        opened[role] = psycopg.connect(
            host=parts.hostname,
            port=parts.port,
            dbname="eatit",
            user=login["username"],
            password=login["password"],
            autocommit=True,
        )
    yield opened
    for connection in opened.values():
        connection.close()


def tables(sql: Any, schema: str) -> list[str]:
    rows = sql.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [schema]).fetchall()
    assert rows
    return [row[0] for row in rows]


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("role", SCHEMAS)
def test_a_role_reads_and_writes_its_own_schema_alone(logins: dict[str, Any], sql: Any, role: str, schema: str) -> None:
    for table in tables(sql, schema):
        for statement in (
            f"SELECT * FROM {schema}.{table} LIMIT 0",
            f"INSERT INTO {schema}.{table} SELECT * FROM {schema}.{table} LIMIT 0",
            f"TRUNCATE {schema}.{table}",
            f"DROP TABLE {schema}.{table}",
        ):
            allowed = ("SELECT",) if table in OF_THE_FUNCTIONS else ("SELECT", "INSERT")
            if role == schema and statement.startswith(allowed):
                logins[role].execute(statement)
            else:
                with pytest.raises(psycopg.errors.Error):
                    logins[role].execute(statement)


def test_operations_sees_keys_and_dates_and_what_the_books_are_made_of(sql: Any) -> None:
    rows = sql.execute(
        """SELECT table_schema || '.' || table_name, column_name FROM information_schema.columns
        WHERE table_schema = ANY(%s) AND has_column_privilege('eatit_operations',
            format('%%I.%%I', table_schema, table_name), column_name, 'SELECT')""",
        [list(SCHEMAS)],
    ).fetchall()
    assert set(rows) == {
        ("auth.inbox", "event_id"),
        ("auth.inbox", "received_at"),
        ("auth.mail_tokens", "digest"),
        ("auth.mail_tokens", "expires_at"),
        ("auth.refresh_tokens", "digest"),
        ("auth.refresh_tokens", "expires_at"),
        ("auth.sessions", "id"),
        ("auth.sessions", "last_seen_at"),
        ("basket.inbox", "event_id"),
        ("basket.inbox", "received_at"),
        *(
            ("store.photo_uploads", column)
            for column in ("id", "key", "state", "claimed_until", "created_at", "ended_at")
        ),
        *((f"store.{table}", column) for table in ("imports", "exports") for column in ("id", "created_at")),
        ("store.imports", "status"),
        ("store.import_errors", "id"),
        ("store.import_errors", "at"),
        *((f"{group}.idempotency", column) for group in ("store", "basket") for column in ("scope", "created_at")),
        *((table, column) for table, columns in BOOKS.items() for column in columns.split()),
    }


@pytest.mark.parametrize("role", ROLES)
def test_nobody_but_the_basket_may_ask_for_a_products_state(logins: dict[str, Any], role: str) -> None:
    statement = "SELECT store.product_state('019aa7c0-0000-7000-8000-000000000001')"
    if role == "basket":
        assert logins[role].execute(statement).fetchone() == (None,)
    else:
        with pytest.raises(InsufficientPrivilege):
            logins[role].execute(statement)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("function", "lines"), [("reserve", ", '[]'"), ("release", ""), ("sell", "")])
def test_nobody_but_the_basket_may_reserve_and_sell(
    logins: dict[str, Any], role: str, function: str, lines: str
) -> None:
    statement = f"SELECT store.{function}('019aa7c0-0000-7000-8000-000000000001'{lines})"
    if role != "basket":
        with pytest.raises(InsufficientPrivilege):
            logins[role].execute(statement)
    elif function == "reserve":
        with pytest.raises(psycopg.errors.InvalidParameterValue):  # no lines: it was let in
            logins[role].execute(statement)
    else:
        assert logins[role].execute(statement).fetchone() == (False,)


def test_what_the_basket_may_ask_is_all_it_may(logins: dict[str, Any]) -> None:
    for function in ("stock_state", "state_of_product"):
        with pytest.raises(InsufficientPrivilege):
            logins["basket"].execute(f"SELECT store.{function}('019aa7c0-0000-7000-8000-000000000001')")


def test_what_is_offered_runs_with_a_powerless_owners_rights(sql: Any) -> None:
    rows = sql.execute(
        """SELECT p.prosecdef, p.proconfig, r.rolcanlogin, r.rolsuper, r.rolcreaterole, r.rolbypassrls
        FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner
        WHERE p.proname IN ('product_state', 'reserve', 'release', 'sell')"""
    ).fetchall()
    assert rows == [(True, ["search_path=pg_catalog, store, pg_temp"], False, False, False, False)] * 4


def test_no_function_is_everybodys(sql: Any) -> None:
    rows = sql.execute(
        """SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname IN ('auth', 'store', 'basket', 'events')
        AND has_function_privilege('public', p.oid, 'EXECUTE')"""
    ).fetchall()
    assert rows == []


def test_the_roles_are_no_more_than_logins(sql: Any) -> None:
    rows = sql.execute(
        """SELECT rolname FROM pg_roles WHERE rolname IN ('eatit_auth', 'eatit_store', 'eatit_basket',
        'eatit_operations') AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)"""
    ).fetchall()
    assert rows == []
    for schema in (*SCHEMAS, "events", "public", "operations"):
        for role in ROLES:
            may = sql.execute("SELECT has_schema_privilege(%s, %s, 'CREATE')", [f"eatit_{role}", schema]).fetchone()
            assert may == (False,), (role, schema)


def test_the_outbox_is_written_by_groups_and_swept_by_operations(logins: dict[str, Any]) -> None:
    change = "UPDATE events.outbox SET state = '{}' WHERE false"
    for role in ROLES:
        with pytest.raises(InsufficientPrivilege):
            logins[role].execute(change)
        logins[role].execute("UPDATE events.outbox SET published_at = now() WHERE false")
    for role in SCHEMAS:
        with pytest.raises(InsufficientPrivilege):
            logins[role].execute("DELETE FROM events.outbox WHERE false")


def test_no_temporary_table_can_stand_in_for_the_stores(logins: dict[str, Any]) -> None:
    for role in ROLES:
        with pytest.raises(InsufficientPrivilege):
            logins[role].execute("CREATE TEMP TABLE products (id uuid)")
