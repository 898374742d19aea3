"""What every deployment runs: migrations and keys, each as good twice as once, and upkeep's sweeps."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from eatit.identifiers import uuid7
from localstack.deploy import get_secret, put_secret
from tests.functions.calls import unique
from tests.functions.conftest import _forget
from tests.functions.events import Context


def test_migrating_again_changes_nothing(sql: Any) -> None:
    from operations.migrate import handler

    def schema() -> Any:
        return sql.execute(
            """SELECT table_schema, table_name, column_name, data_type, column_default FROM information_schema.columns
            WHERE table_schema IN ('auth', 'store', 'basket', 'events') ORDER BY 1, 2, 3"""
        ).fetchall()

    before = schema()
    first, second = handler({}, Context()), handler({}, Context())
    assert first == second
    assert first["revision"]
    assert first["queues"] == ["basket.product-sync", "auth.mail", "store.imports"]
    assert schema() == before


def test_the_roles_have_limits_of_their_own(sql: Any) -> None:
    rows = dict(
        sql.execute(
            """SELECT r.rolname, s.setconfig FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole
            WHERE r.rolname LIKE 'eatit_%'"""
        ).fetchall()
    )
    for role in ("auth", "store", "basket", "operations"):
        settings = dict(each.split("=") for each in rows[f"eatit_{role}"])
        assert settings["idle_in_transaction_session_timeout"] == "5s"
        assert settings["lock_timeout"] == "2s"
        assert settings["statement_timeout"] == ("30s" if role == "operations" else "5s")


@pytest.fixture
def keyless(shop: dict[str, Any]) -> Iterator[str]:
    """A deployment whose key secrets are as the template makes them: its prefix."""
    prefix, before = f"eatit/{unique('test')}", os.environ["SECRETS_PREFIX"]
    for name in ("signing", "jwks"):
        put_secret(os.environ["AWS_ENDPOINT_URL"], f"{prefix}/auth/{name}", {})
    os.environ["SECRETS_PREFIX"] = prefix
    _forget()
    yield prefix
    os.environ["SECRETS_PREFIX"] = before
    _forget()


def test_keys_are_made_once(keyless: str) -> None:
    from auth.key_rotation import handler

    endpoint = os.environ["AWS_ENDPOINT_URL"]
    first = handler({"action": "ensure"}, Context())
    signing = get_secret(endpoint, f"{keyless}/auth/signing")
    jwks = get_secret(endpoint, f"{keyless}/auth/jwks")
    second = handler({}, Context())
    assert (first["made"], second["made"]) == (True, False)
    assert first["kids"] == second["kids"] == [key["kid"] for key in jwks["keys"]]
    assert get_secret(endpoint, f"{keyless}/auth/signing") == signing
    assert get_secret(endpoint, f"{keyless}/auth/jwks") == jwks
    assert all("d" not in key for key in jwks["keys"])
    assert signing["current"]["d"]
    assert len(signing["refresh"]) >= 43


def test_lost_public_keys_are_told_again(keyless: str) -> None:
    from auth.key_rotation import handler

    endpoint = os.environ["AWS_ENDPOINT_URL"]
    handler({}, Context())
    jwks = get_secret(endpoint, f"{keyless}/auth/jwks")
    put_secret(endpoint, f"{keyless}/auth/jwks", {})
    assert handler({}, Context())["made"] is False
    assert get_secret(endpoint, f"{keyless}/auth/jwks") == jwks


def test_another_action_is_refused() -> None:
    from auth.key_rotation import handler

    with pytest.raises(ValueError, match="ensure"):
        handler({"action": "destroy"}, Context())


@pytest.fixture
def aged(sql: Any) -> Iterator[Callable[[str], Any]]:
    """Two rows in each swept table, one past its time and one not: the rows left, by table."""
    old, young = uuid7(), uuid7()
    answer = """INSERT INTO {}.idempotency (scope, body_digest, status, headers, body, created_at)
        VALUES (%s, '', 200, '{{}}', '', now() - %s::interval)"""
    for row, hours in ((old, "25 hours"), (young, "23 hours")):
        for group in ("store", "basket"):
            sql.execute(answer.format(group), [row.bytes, hours])
    for row, days in ((old, "15 days"), (young, "13 days")):
        for group in ("basket", "auth"):
            inbox = f"INSERT INTO {group}.inbox (event_id, received_at) VALUES (%s, now() - %s::interval)"
            sql.execute(inbox, [row, days])
        sql.execute(
            """INSERT INTO events.outbox
                (id, type, schema_version, aggregate_id, version, trace_id, state, published_at)
            VALUES (%s, 'tests.aged', 1, %s, 1, '', '{}', now() - %s::interval)""",
            [row, row, days],
        )
    user = sql.execute("SELECT id FROM auth.users LIMIT 1").fetchone()[0]
    for row, hours in ((old, "25 hours"), (young, "23 hours")):
        sql.execute(
            """INSERT INTO auth.mail_tokens (digest, user_id, kind, email, event_id, expires_at)
            VALUES (%s, %s, 'verify', 'a@example.org', %s, now() - %s::interval)""",
            [row.bytes, user, row, hours],
        )
    queries = {
        "store.idempotency": ("SELECT scope FROM store.idempotency WHERE scope = ANY(%s)", [old.bytes, young.bytes]),
        "basket.idempotency": ("SELECT scope FROM basket.idempotency WHERE scope = ANY(%s)", [old.bytes, young.bytes]),
        "basket.inbox": ("SELECT event_id FROM basket.inbox WHERE event_id = ANY(%s)", [old, young]),
        "auth.inbox": ("SELECT event_id FROM auth.inbox WHERE event_id = ANY(%s)", [old, young]),
        "auth.mail_tokens": ("SELECT digest FROM auth.mail_tokens WHERE digest = ANY(%s)", [old.bytes, young.bytes]),
        "events.outbox": ("SELECT id FROM events.outbox WHERE id = ANY(%s)", [old, young]),
    }

    def left(table: str) -> Any:
        query, ids = queries[table]
        return [row[0] for row in sql.execute(query, [ids]).fetchall()]

    yield left
    for table in ("store.idempotency", "basket.idempotency"):
        sql.execute(f"DELETE FROM {table} WHERE scope = ANY(%s)", [[old.bytes, young.bytes]])
    for group in ("basket", "auth"):
        sql.execute(f"DELETE FROM {group}.inbox WHERE event_id = ANY(%s)", [[old, young]])
    sql.execute("DELETE FROM auth.mail_tokens WHERE digest = ANY(%s)", [[old.bytes, young.bytes]])
    sql.execute("DELETE FROM events.outbox WHERE id = ANY(%s)", [[old, young]])


def test_upkeep_sweeps_what_has_served_its_time_and_no_more(
    aged: Callable[[str], Any], customer: Any, sql: Any
) -> None:
    from operations.upkeep import SWEEPS, handler

    sql.execute(
        """UPDATE auth.refresh_tokens SET expires_at = now() - interval '1 second'
        WHERE session_id IN (SELECT id FROM auth.sessions WHERE user_id = %s)""",
        [customer["user"]["id"]],
    )
    swept = handler({}, Context())
    assert set(swept) == {*SWEEPS, "store.photo_uploads"}
    swept_by_age = ("store.idempotency", "basket.idempotency", "basket.inbox", "events.outbox")
    for table in (*swept_by_age, "auth.inbox", "auth.mail_tokens"):
        assert len(aged(table)) == 1, table
    tokens = sql.execute(
        """SELECT count(*) FROM auth.refresh_tokens t JOIN auth.sessions s ON s.id = t.session_id
        WHERE s.user_id = %s""",
        [customer["user"]["id"]],
    ).fetchone()
    assert tokens == (0,)


def test_what_wasnt_published_is_never_swept(sql: Any) -> None:
    from operations.upkeep import handler

    row = uuid7()
    sql.execute(
        """INSERT INTO events.outbox (id, type, schema_version, aggregate_id, version, occurred_at, trace_id, state)
        VALUES (%s, 'tests.aged', 1, %s, 1, now() - interval '60 days', '', '{}')""",
        [row, row],
    )
    handler({}, Context())
    assert sql.execute("SELECT 1 FROM events.outbox WHERE id = %s", [row]).fetchone() == (1,)
    sql.execute("DELETE FROM events.outbox WHERE id = %s", [row])
