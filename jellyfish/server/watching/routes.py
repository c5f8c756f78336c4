"""`GET /v1/watch`, over a WebSocket or as server-sent events, and a camera's newest picture (docs/watching.md)."""

from __future__ import annotations

import asyncio
import socket as sockets
import struct
from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import WSCloseCode, WSMsgType, hdrs, web

from jellyfish.clock import seconds_now
from jellyfish.errors import InputError
from jellyfish.server.access import PROTOCOL, Allowed, RouteKind
from jellyfish.server.guarding import ACCESS, ALLOWED, client_of, gate_of, guarded
from jellyfish.server.service import Service
from jellyfish.server.sockets import abort, asks_for_socket, close
from jellyfish.server.stream import SERVICE
from jellyfish.server.watching.fleet_news import PERIOD_S
from jellyfish.server.watching.hub import Subscription
from jellyfish.server.watching.wish import WatchWish, wish_of
from jellyfish.waiting import Patience

Tell = Callable[[bytes, bytes | None], Awaitable[None]]
"""Sends JSON, and the picture that belongs to it."""
MOST_HEARD_BYTES = 4096
"""A watcher has nothing to say."""
UNREAD_S = 30.0
"""A watcher that takes nothing for so long is cut off; what waits for it until then is bounded."""
UNSENT_BYTES = 64 * 1024
"""What the system may hold for a watcher before it is sent: answers beyond it wait here, where old ones are lost."""
LOOK_S = 1.0
"""How often it is looked whether a watcher is still there, and may still be."""
SILENCE_S = 10.0
"""Server-sent events say something so often at least, so that proxies keep the connection."""
CLOSING_S = 5.0
PICTURE_S = 2.0
"""How long the next picture of a camera is waited for."""
_LENGTH = struct.Struct("<I")


def add_watching(app: web.Application) -> None:
    """Routes for those who watch."""
    app.router.add_get("/v1/watch", guarded(RouteKind.WATCH, watch))
    app.router.add_get("/v1/cameras/{camera}/picture", guarded(RouteKind.WATCH, picture))


async def watch(request: web.Request) -> web.StreamResponse:
    """Tell somebody of each answer until he goes, the server stops or his token is taken back."""
    service, allowed = request.app[SERVICE], request[ALLOWED]
    by_socket = hdrs.UPGRADE in request.headers
    try:
        wish = wish_of(request.query.items())
    except InputError as error:
        return _refused(400, str(error))
    if (refused := _why_not(wish, allowed, service, by_socket)) is not None:
        return _refused(*refused)
    subscription = service.hub.subscribe(
        wish.cameras or None, wish.pictures, wish.pictures_fps, allowed.may_be_called, gives_way=True
    )
    try:
        return await (_over_socket if by_socket else _as_events)(request, subscription, wish)
    finally:
        subscription.close()


def _why_not(wish: WatchWish, allowed: Allowed, service: Service, by_socket: bool) -> tuple[int, str] | None:
    """HTTP's status, and why it cannot be; None where it can."""
    hidden = next((camera for camera in wish.cameras if not allowed.may_be_called(camera)), None)
    if hidden is not None:
        return 403, f"the token {allowed.who} is for {', '.join(allowed.cameras)}, not for {hidden}"
    if wish.now and service.hub.following is None:
        return 400, "now=1 needs objects that are followed: start the server with --track"
    if wish.pictures and not by_socket:
        return 400, "pictures come over a WebSocket alone; server-sent events are text"
    if service.hub.watchers >= service.limits.watchers:
        return 503, f"the server has its {service.limits.watchers} watchers; try again later"
    return None


async def picture(request: web.Request) -> web.StreamResponse:
    """The next picture of a camera that is answered; 404 where there is no such camera, or none comes."""
    service, camera, allowed = request.app[SERVICE], request.match_info["camera"], request[ALLOWED]
    here = any(camera in (each.client, each.says) for each in list(service.sessions.values()))
    if not (here and allowed.may_be_called(camera)):
        return _refused(404, f"no camera of that name is here: {camera[:100]}")
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
    return _refused(404, f"no picture of {camera[:100]} was answered within {PICTURE_S:g} s")


def _shown(jpeg: bytes) -> web.Response:
    headers = {hdrs.CACHE_CONTROL: "no-store", "X-Content-Type-Options": "nosniff"}
    return web.Response(body=jpeg, content_type="image/jpeg", headers=headers)


async def _over_socket(request: web.Request, subscription: Subscription, wish: WatchWish) -> web.StreamResponse:
    socket = web.WebSocketResponse(
        max_msg_size=MOST_HEARD_BYTES, compress=False, timeout=1.0, heartbeat=UNREAD_S, protocols=(PROTOCOL,)
    )
    if not asks_for_socket(request, socket):
        return _refused(400, "this upgrade is no WebSocket's: see docs/watching.md")
    if (why := _no_room(request, by_socket=True)) is not None:
        return _refused(503, why)

    async def tell(json: bytes, jpeg: bytes | None) -> None:
        if jpeg is None:
            await socket.send_frame(json, WSMsgType.TEXT)
        else:
            await socket.send_bytes(b"".join((_LENGTH.pack(len(json)), json, jpeg)))

    async def until_it_goes() -> None:
        async for _ in socket:  # whatever it says
            pass
        subscription.close()

    try:
        await socket.prepare(request)
        await _Watcher(request, subscription, tell, wish).serve(until_it_goes)
        await socket.close(code=WSCloseCode.GOING_AWAY)
    except* (ConnectionError, TimeoutError):
        pass
    await close(request, socket, CLOSING_S)
    return socket


async def _as_events(request: web.Request, subscription: Subscription, wish: WatchWish) -> web.StreamResponse:
    if (why := _no_room(request, by_socket=False)) is not None:
        return _refused(503, why)
    headers = {hdrs.CONTENT_TYPE: "text/event-stream", hdrs.CACHE_CONTROL: "no-store", "X-Accel-Buffering": "no"}
    response = web.StreamResponse(headers=headers)
    response.force_close()
    told_s = seconds_now()

    async def tell(json: bytes, jpeg: bytes | None) -> None:
        nonlocal told_s
        told_s = seconds_now()
        await response.write(b"data: %b\n\n" % json)

    async def keep_alive() -> None:
        nonlocal told_s
        while True:
            await asyncio.sleep(SILENCE_S)
            if seconds_now() - told_s >= SILENCE_S:
                await response.write(b":\n\n")

    try:
        await response.prepare(request)
        await response.write(b"retry: 2000\n\n")
        await _Watcher(request, subscription, tell, wish).serve(keep_alive)
        await response.write_eof()
    except* (ConnectionError, TimeoutError):
        pass
    return response


def _no_room(request: web.Request, by_socket: bool) -> str | None:
    """Why its address may not watch; None where it may, and has its place from now on."""
    gate = gate_of(request)
    return None if gate is None else gate.watches(client_of(request), by_socket)


class _Watcher:
    """The writing side of one who watches, whichever way."""

    def __init__(self, request: web.Request, subscription: Subscription, tell: Tell, wish: WatchWish) -> None:
        self._request, self._subscription, self._tell, self._wish = request, subscription, tell, wish
        self._writing = Patience(asyncio.get_running_loop(), UNREAD_S, lambda: abort(request))
        _hold_little(request)

    async def serve(self, beside: Callable[[], Awaitable[None]]) -> None:
        """Until the subscription ends. `beside`: what else is done meanwhile. ConnectionError, in a group, where the
        watcher has gone."""
        async with asyncio.TaskGroup() as helpers:
            tasks = [helpers.create_task(each) for each in (self._look(), self._tell_of_fleet(), _run(beside))]
            try:
                await self._tell_all()
            finally:
                for task in tasks:
                    task.cancel()

    async def _tell_all(self) -> None:
        told_lost = 0
        async for seen in self._subscription:
            lost, told_lost = self._subscription.lost - told_lost, self._subscription.lost
            if lost:
                await self._say(msgspec.json.encode({"lost": lost}), None)
            moved = seen.carried_to(seconds_now()) if self._wish.now else seen
            await self._say(moved.json, seen.jpeg)

    async def _tell_of_fleet(self) -> None:
        """Once a second, as far as it reads."""
        news = self._request.app[SERVICE].hub.fleet
        while self._wish.fleet and news is not None:
            await self._say(await news.json(self._request[ALLOWED]), None)
            await asyncio.sleep(PERIOD_S)

    async def _say(self, json: bytes, jpeg: bytes | None) -> None:
        with self._writing:
            await self._tell(json, jpeg)

    async def _look(self) -> None:
        """End when it has gone, or may not watch any more."""
        request = self._request
        while True:
            await asyncio.sleep(LOOK_S)
            there = request.transport is not None and not request.transport.is_closing()
            if not there or not request.app[ACCESS].still(request[ALLOWED], RouteKind.WATCH):
                self._subscription.close()
                return


async def _run(beside: Callable[[], Awaitable[None]]) -> None:
    await beside()


def _hold_little(request: web.Request) -> None:
    """Have what a slow watcher does not take wait here, not in the system's buffers, where it would grow old."""
    own = None if request.transport is None else request.transport.get_extra_info("socket")
    if own is not None and hasattr(sockets, "TCP_NOTSENT_LOWAT"):
        own.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_NOTSENT_LOWAT, UNSENT_BYTES)


def _refused(status: int, why: str) -> web.Response:
    """An answer after which the connection is closed."""
    response = web.json_response({"error": why}, status=status)
    response.force_close()
    return response
