"""Whose request it is, where proxies stand between."""

from __future__ import annotations

from collections.abc import Container

from aiohttp import hdrs, web

from jellyfish.server.gate.gate import Outlet


def peer_address(request: web.Request) -> str:
    """Who has connected; empty for a local socket."""
    transport = request.transport
    return transport.gate.address if isinstance(transport, Outlet) else request.remote or ""


def client_address(request: web.Request, proxies: Container[str]) -> str | None:
    """The address of whoever asks; None where a proxy that is not known says that it asks for somebody else.

    A known proxy says for whom it connects behind all that it was told itself.
    """
    peer = peer_address(request)
    forwarded = request.headers.getall(hdrs.X_FORWARDED_FOR, [])
    if not forwarded and hdrs.FORWARDED not in request.headers:
        return peer
    if peer not in proxies or not forwarded or not forwarded[-1]:
        return None
    return forwarded[-1].rpartition(",")[2].strip()
