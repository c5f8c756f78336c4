"""Whose a request is: those of one identity are one client to planners. Pure."""

from __future__ import annotations

from jellyfish.server.access import Allowed
from jellyfish.server.gate.addresses import counts_to


def identity(allowed: Allowed, address: str) -> str:
    """By the token, where one was asked for; else by the address that the request comes from."""
    return f"token {allowed.who}" if allowed.who else counts_to(address) or "this machine"
