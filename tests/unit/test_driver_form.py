"""Core statements in the driver's own form."""

import pytest
from sqlalchemy import bindparam, select

from auth.tables import users
from eatit.database import driver_form


def test_names_its_parameters_as_the_driver_does() -> None:
    sql = driver_form(select(users.c.id).where(users.c.email == bindparam("email")))
    assert sql.split() == ["SELECT", "auth.users.id", "FROM", "auth.users", "WHERE", "auth.users.email", "=",
                           "%(email)s::VARCHAR"]  # fmt: skip


def test_refuses_a_statement_with_a_value_of_its_own() -> None:
    with pytest.raises(ValueError, match="role_1"):
        driver_form(select(users.c.id).where(users.c.role == "admin"))
