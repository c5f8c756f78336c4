"""`GET /v1/watch`, and a camera's newest picture (docs/watching.md): who may see what."""

from __future__ import annotations

import asyncio

from aiohttp import hdrs, web

from jellyfish.errors import InputError
from jellyfish.server.access import Allowed, Refused, RouteKind
from jellyfish.server.guarding import ALLOWED, guarded, refusal
from jellyfish.server.service import Service
from jellyfish.server.stream import SERVICE
from jellyfish.server.watching.watcher import Watcher
from jellyfish.server.watching.ways import as_events, over_socket
from jellyfish.server.watching.wish import WatchWish, wish_of

PICTURE_S = 2.0
"""How long the next picture of a camera is waited for."""


def add_watching(app: web.Application) -> None:
    """Routes for those who watch."""
    app.router.add_get("/v1/watch", guarded(RouteKind.WATCH, watch), allow_head=False)
    app.router.add_get("/v1/cameras/{camera}/picture", guarded(RouteKind.WATCH, picture), allow_head=False)


async def watch(request: web.Request) -> web.StreamResponse:
    """Tell somebody of each answer until he goes, the server stops or his token is taken back."""
    service, allowed = request.app[SERVICE], request[ALLOWED]
    by_socket = hdrs.UPGRADE in request.headers
    try:
        wish = wish_of(request.query.items())
    except InputError as error:
        return refusal(Refused(400, str(error)))
    if (refused := _why_not(wish, allowed, service, by_socket)) is not None:
        return refusal(refused)
    hub = service.hub
    subscription = hub.subscribe(
        wish.cameras or None, wish.pictures, wish.pictures_fps, allowed.may_be_called, gives_way=True
    )
    watcher = Watcher(request, subscription, wish.now, hub.fleet if wish.fleet else None)
    try:
        return await (over_socket if by_socket else as_events)(request, watcher)
    finally:
        subscription.close()


def _why_not(wish: WatchWish, allowed: Allowed, service: Service, by_socket: bool) -> Refused | None:
    """Why it cannot be; None where it can."""
    hidden = next((camera for camera in wish.cameras if not allowed.may_be_called(camera)), None)
    if hidden is not None:
        return Refused(403, f"the token {allowed.who} is for {', '.join(allowed.cameras)}, not for {hidden}")
    if wish.now and service.hub.following is None:
        return Refused(400, "now=1 needs objects that are followed: start the server with --track")
    if wish.pictures and not by_socket:
        return Refused(400, "pictures come over a WebSocket alone; server-sent events are text")
    if service.hub.watchers >= service.limits.watchers:
        return Refused(503, f"the server has its {service.limits.watchers} watchers; try again later")
    return None


async def picture(request: web.Request) -> web.StreamResponse:
    """The next picture of a camera that is answered; 404 where there is no such camera, or none comes."""
    service, camera, allowed = request.app[SERVICE], request.match_info["camera"], request[ALLOWED]
    here = any(camera in (each.client, each.says) for each in list(service.sessions.values()))
    if not (here and allowed.may_be_called(camera)):
        return refusal(Refused(404, f"no camera of that name is here: {camera[:100]}"))
    subscription = service.hub.subscribe([camera], pictures=True, may=allowed.may_be_called)
    try:
        async with asyncio.timeout(PICTURE_S):
            async for seen in subscription:
                if seen.jpeg is not None:
                    return _shown(seen.jpeg)
    except TimeoutError:
        pass
    finally:
        subscription.close()
    return refusal(Refused(404, f"no picture of {camera[:100]} was answered within {PICTURE_S:g} s"))


def _shown(jpeg: bytes) -> web.Response:
    headers = {hdrs.CACHE_CONTROL: "no-store", "X-Content-Type-Options": "nosniff"}
    return web.Response(body=jpeg, content_type="image/jpeg", headers=headers)
