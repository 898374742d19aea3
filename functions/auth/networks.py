"""Where a client's address belongs: what one customer has, and the network that one renter of machines has."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

# What an access provider gives one customer, and what a hoster gives one renter: IPv6, by RFC 6177 and RIPE-690.
PREFIXES = {4: (32, 24), 6: (64, 48)}


def networks(address: str | None) -> tuple[tuple[str, str], ...]:
    """("address", "203.0.113.7/32") and ("network", "203.0.113.0/24"), or the /64 and the /48 of an IPv6 address.

    An IPv4 address written as IPv6 (`::ffff:203.0.113.7`) is the IPv4 one. Nothing for an address that is absent or
    none at all.
    """
    found = _read(address)
    if found is None:
        return ()
    narrow, wide = PREFIXES[found.version]
    return ("address", _network(found, narrow)), ("network", _network(found, wide))


def _read(address: str | None) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address((address or "").partition("%")[0])
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def _network(address: IPv4Address | IPv6Address, prefix: int) -> str:
    return str(ip_network((address, prefix), strict=False))
