"""Whose share of the connections an address counts to. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

NETWORK_BITS = 64
"""Of an IPv6 address, what tells one network from another: within its own anybody can have any number of addresses."""


def counts_to(address: str) -> str:
    """IPv4: the address itself. IPv6: its network of 64 bits. What is no address: what it says."""
    parsed = _parsed(address)
    if parsed is None:
        return address
    if isinstance(parsed, ipaddress.IPv4Address) or parsed.is_loopback:
        return str(parsed)
    return str(ipaddress.IPv6Network((int(parsed), NETWORK_BITS), strict=False))


def loopback(address: str) -> bool:
    """Whether it is this machine's own; also that of a local socket, which has none."""
    parsed = _parsed(address)
    return not address if parsed is None else parsed.is_loopback


def within(address: str, networks: Iterable[str]) -> bool:
    """Whether it is in one of some networks, such as `10.0.0.0/8`; a single address is one, too."""
    parsed = _parsed(address)
    return parsed is not None and any(parsed in ipaddress.ip_network(network) for network in networks)


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Some proxies add a port; a socket adds the interface, and writes IPv4 as IPv6 where it listens to both."""
    bare = address.partition("]")[0].removeprefix("[").partition("%")[0]
    if bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        parsed = ipaddress.ip_address(bare)
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed
