"""What network a client's address belongs to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.networks import networks


@pytest.mark.parametrize(
    ("address", "narrow", "wide"),
    [
        ("203.0.113.7", "203.0.113.7/32", "203.0.113.0/24"),
        ("::ffff:203.0.113.7", "203.0.113.7/32", "203.0.113.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("2001:DB8:1:2::", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/64", "fe80::/48"),
        ("::1", "::/64", "::/48"),
    ],
)
def test_an_address_has_two(address: str, narrow: str, wide: str) -> None:
    assert networks(address) == (("address", narrow), ("network", wide))


@pytest.mark.parametrize("address", [None, "", " ", "unknown", "203.0.113", "203.0.113.7:80", "203.0.113.7, 10.0.0.1"])
def test_what_is_no_address_has_none(address: str | None) -> None:
    assert networks(address) == ()


@given(st.one_of(st.none(), st.text(), st.ip_addresses().map(str)))
def test_nothing_breaks_it(address: str | None) -> None:
    assert len(networks(address)) in (0, 2)
