"""Every limit that a deployment may set is one that the library reads; the template and the settings agree on them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limits import parse_many

from eatit import settings as module
from eatit.settings import settings
from localstack.template import read

NAMES = {
    "AddressWrongPasswords": "ADDRESS_WRONG_PASSWORDS",
    "NetworkWrongPasswords": "NETWORK_WRONG_PASSWORDS",
    "AddressRequests": "ADDRESS_REQUESTS",
    "NetworkRequests": "NETWORK_REQUESTS",
    "AddressRegistrations": "ADDRESS_REGISTRATIONS",
    "AccountMails": "ACCOUNT_MAILS",
}


@given(st.from_regex(module._LIMIT, fullmatch=True))
def test_the_library_reads_what_is_accepted(text: str) -> None:
    (item,) = parse_many(text)
    assert item.amount == int(text.split()[0])
    assert item.get_expiry() > 0


@pytest.mark.parametrize(("parameter", "name"), NAMES.items())
def test_the_template_has_the_same(monkeypatch: pytest.MonkeyPatch, parameter: str, name: str) -> None:
    template = read()
    described = template["Parameters"][parameter]
    assert described["AllowedPattern"] == module._LIMIT
    assert re.fullmatch(module._LIMIT, described["Default"])
    assert template["Globals"]["Function"]["Environment"]["Variables"][name] == {"Ref": parameter}
    settings.cache_clear()
    monkeypatch.delenv(name, raising=False)
    assert getattr(settings(), name.lower()) == described["Default"]
    settings.cache_clear()
    monkeypatch.setenv(name, "7 per 3 minutes")
    assert getattr(settings(), name.lower()) == "7 per 3 minutes"
