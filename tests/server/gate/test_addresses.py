"""Whose share an address counts to."""

import pytest

from jellyfish.server.gate.addresses import counts_to, loopback


def test_what_is_loopback() -> None:
    assert loopback("127.0.0.9")
    assert loopback("::1")
    assert loopback("::ffff:127.0.0.1")
    assert loopback("")
    assert not loopback("203.0.113.7")
    assert not loopback("fe80::1%eth0")
    assert not loopback("unknown")


@pytest.mark.parametrize(
    ("address", "owner"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:4711", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("[2001:db8::1:2]:443", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::1"),
        ("unknown", "unknown"),
        ("", ""),
    ],
)
def test_whose_share(address: str, owner: str) -> None:
    assert counts_to(address) == owner
