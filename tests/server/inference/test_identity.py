"""Whose requests are one client's."""

from __future__ import annotations

from jellyfish.server.access import Allowed
from jellyfish.server.inference.identity import identity


def test_a_token_goes_before_an_address() -> None:
    assert identity(Allowed("one", b"digest"), "203.0.113.7") == identity(Allowed("one", b"digest"), "203.0.113.8")
    assert identity(Allowed("one", b"digest"), "203.0.113.7") != identity(Allowed("other", b"digest"), "203.0.113.7")


def test_without_tokens_it_is_the_address_or_its_network() -> None:
    assert identity(Allowed(), "203.0.113.7") == "203.0.113.7"
    assert identity(Allowed(), "2001:db8::1") == identity(Allowed(), "2001:db8::2")
    assert identity(Allowed(), "") == "this machine"
