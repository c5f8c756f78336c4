"""Whose a request is: those of one identity are one client to planners."""

from __future__ import annotations

from collections.abc import Callable

from jellyfish.server.gate.addresses import counts_to

Identify = Callable[[str | None, str], str]
"""(the `Authorization` header or what stands for it, the address that it comes from) -> an identity.

RequestError with `not_allowed` for somebody who may not ask.
"""


def by_address(authorization: str | None, address: str) -> str:
    """Where nobody needs to say who he is."""
    return counts_to(address) or "this machine"
