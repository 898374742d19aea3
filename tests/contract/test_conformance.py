"""Schemathesis over the three OpenAPI documents against the running shop, for each kind of caller."""

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from schemathesis import Case

from tests.contract.callers import Callers
from tests.contract.documents import loaded

auth, store, basket = loaded("auth"), loaded("store"), loaded("basket")
# Drawing a body that holds can be slow on a busy machine; that says nothing of the shop.
patient = settings(derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))


@auth.parametrize()
@patient
@pytest.mark.parametrize("caller", ["nobody", "customer"])
def test_auth(case: Case[Any], caller: str, callers: Callers) -> None:
    callers.check(case, caller)


@auth.include(path_regex="^/auth/(users|audit)").parametrize()
@patient
def test_auth_for_admins(case: Case[Any], callers: Callers) -> None:
    callers.check(case, "admin")


@store.parametrize()
@patient
def test_store_for_staff(case: Case[Any], callers: Callers) -> None:
    callers.check(case, "staff")


@store.include(method="GET").parametrize()
@patient
@pytest.mark.parametrize("caller", ["nobody", "customer"])
def test_store_for_buyers(case: Case[Any], caller: str, callers: Callers) -> None:
    callers.check(case, caller)


@basket.parametrize()
@patient
@pytest.mark.parametrize("caller", ["nobody", "guest", "customer"])
def test_basket(case: Case[Any], caller: str, callers: Callers) -> None:
    callers.check(case, caller)
