"""Changing oneself: versions that no column holds are merely stale, and nothing changed is nothing counted."""

from typing import Any

import pytest

from tests.functions.calls import call, good


@pytest.mark.parametrize("version", ["2147483648", "999999999999999999", "9" * 30, "0"])
def test_a_version_that_cannot_be_is_stale(customer: Any, version: str) -> None:
    headers = {"If-Match": f'"{version}.x"'}
    answer = call("PATCH", "/auth/me", {"display_name": "Анна"}, token=customer["access_token"], headers=headers)
    assert (answer.status, answer.body["code"]) == (412, "version_mismatch")


def test_what_is_so_already_counts_no_version_up(customer: Any) -> None:
    token = customer["access_token"]
    changed = call("PATCH", "/auth/me", {"display_name": "Анна"}, token=token)
    for given in ({}, {"display_name": "Анна"}):
        again = call("PATCH", "/auth/me", given, token=token, headers={"If-Match": changed.headers["etag"]})
        assert good(again) == changed.body
        assert again.headers["etag"] == changed.headers["etag"]
