"""Routes of the HTTP server behind `access`: each says what kind of thing it is, and is asked for only by who may."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web

from jellyfish.server.access import Access, Allowed, Refused, RouteKind
from jellyfish.server.gate.gate import Gate, Outlet

ACCESS: web.AppKey[Access] = web.AppKey("access", Access)
ALLOWED: web.RequestKey[Allowed] = web.RequestKey("allowed", Allowed)
"""As whom a request goes on."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
KIND = "route_kind"
"""Attribute of each handler that is guarded: of which kind it is."""


def guarded(
    kind: RouteKind,
    handler: Handler,
    refused: Callable[[web.Request, Refused], None] | None = None,
    without_tokens: RouteKind | None = None,
) -> Handler:
    """`handler` for those who may; others get 401 or 403 and why, as JSON. `refused` is told of them.

    `without_tokens`: of which kind it is where the server has no tokens at all.
    """

    async def judged(request: web.Request) -> web.StreamResponse:
        access = request.app[ACCESS]
        asked = kind if access.rules.tokens or without_tokens is None else without_tokens
        verdict = access.judge(request.headers, peer_of(request), asked)
        if isinstance(verdict, Refused):
            if refused is not None:
                refused(request, verdict)
            return refusal(verdict)
        request[ALLOWED] = verdict
        return await handler(request)

    setattr(judged, KIND, kind)
    return judged


def refusal(refused: Refused) -> web.Response:
    """The answer to who may not, after which the connection is closed."""
    headers = {hdrs.WWW_AUTHENTICATE: 'Bearer realm="jellyfish"'} if refused.status == 401 else {}
    response = web.json_response({"error": refused.why}, status=refused.status, headers=headers)
    response.force_close()
    return response


def gate_of(request: web.Request) -> Gate | None:
    """What stands between the network and the request."""
    return request.transport.gate if isinstance(request.transport, Outlet) else None


def peer_of(request: web.Request) -> str:
    """The address at the other end of the connection."""
    gate = gate_of(request)
    return (request.remote or "") if gate is None else gate.address


def client_of(request: web.Request) -> str:
    """Whose connection it is: a proxy that is known for one says for whom it connects, behind all that it was told."""
    peer = peer_of(request)
    forwarded = request.headers.getall(hdrs.X_FORWARDED_FOR, [""])[-1]
    if gate_of(request) is not None and peer in request.app[ACCESS].rules.proxies and forwarded:
        return forwarded.rpartition(",")[2].strip()
    return peer
