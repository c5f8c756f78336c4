"""`GET /v1/fleet`: how each camera and the whole fare (docs/fleet.md)."""

from __future__ import annotations

import msgspec
from aiohttp import hdrs, web

from jellyfish.server.access import RouteKind
from jellyfish.server.fleet.fleet import FleetHistory
from jellyfish.server.guarding import ALLOWED, guarded

PATH = "/v1/fleet"


def fleet_route(fleet: FleetHistory) -> web.RouteDef:
    """For whoever may watch, of the cameras that he may."""

    async def answer(request: web.Request) -> web.Response:
        told = await fleet.told(request[ALLOWED].may_be_called)
        headers = {hdrs.CACHE_CONTROL: "no-store"}
        return web.Response(body=msgspec.json.encode(told), content_type="application/json", headers=headers)

    return web.get(PATH, guarded(RouteKind.WATCH, answer))
