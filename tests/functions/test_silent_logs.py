"""What an error's log may not tell: addresses, names, passwords and their hashes."""

from typing import Any

import pytest

from tests.functions.calls import call, unique


def test_a_failed_statement_tells_no_parameters(sql: Any, caplog: pytest.LogCaptureFixture) -> None:
    address, password, name = f"{unique()}@example.org", "correct horse battery 42", unique("Name")
    account = {"email": address, "password": password, "display_name": name}
    with sql.transaction():
        sql.execute("LOCK TABLE auth.users IN ACCESS EXCLUSIVE MODE")
        registering = call("POST", "/auth/register", account)
        signing_in = call("POST", "/auth/login", {"email": address, "password": password})

    assert (registering.status, signing_in.status) == (503, 503)
    said = caplog.text
    assert "LockNotAvailable" in said
    assert not [secret for secret in (address, password, name, "$argon2id$") if secret in said]
