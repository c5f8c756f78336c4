"""The two ways to watch: a WebSocket, and server-sent events."""

from __future__ import annotations

import asyncio
import struct

from aiohttp import WSCloseCode, WSMsgType, hdrs, web

from jellyfish.clock import seconds_now
from jellyfish.server.access import PROTOCOL, Refused
from jellyfish.server.guarding import client_of, gate_of, refusal
from jellyfish.server.sockets import asks_for_socket, close
from jellyfish.server.watching.watcher import Watcher

MOST_HEARD_BYTES = 4096
"""A watcher has nothing to say."""
HEARTBEAT_S = 20.0
"""Between a WebSocket's pings: so that proxies keep the connection, and one that is dead is known."""
SILENCE_S = 10.0
"""Server-sent events say something so often at least, for the same reason."""
CLOSING_S = 5.0
_LENGTH = struct.Struct("<I")


async def over_socket(request: web.Request, watcher: Watcher) -> web.StreamResponse:
    """Each answer is a message: text, or with a picture binary."""
    socket = web.WebSocketResponse(
        max_msg_size=MOST_HEARD_BYTES, compress=False, timeout=1.0, heartbeat=HEARTBEAT_S, protocols=(PROTOCOL,)
    )
    if not asks_for_socket(request, socket):
        return refusal(Refused(400, "this upgrade is no WebSocket's: see docs/watching.md"))
    if (why := _no_room(request, by_socket=True)) is not None:
        return refusal(Refused(503, why))

    async def tell(json: bytes, jpeg: bytes | None) -> None:
        if jpeg is None:
            await socket.send_frame(json, WSMsgType.TEXT)
        else:
            await socket.send_bytes(b"".join((_LENGTH.pack(len(json)), json, jpeg)))

    async def until_it_goes() -> None:
        async for _ in socket:  # whatever it says
            pass
        watcher.subscription.close()

    try:
        await socket.prepare(request)
        await watcher.serve(tell, until_it_goes)
        await socket.close(code=WSCloseCode.GOING_AWAY)
    except* (ConnectionError, TimeoutError):
        pass
    await close(request, socket, CLOSING_S)
    return socket


async def as_events(request: web.Request, watcher: Watcher) -> web.StreamResponse:
    """Each answer is a line that begins with `data: `."""
    if (why := _no_room(request, by_socket=False)) is not None:
        return refusal(Refused(503, why))
    response = web.StreamResponse(
        headers={hdrs.CONTENT_TYPE: "text/event-stream", hdrs.CACHE_CONTROL: "no-store", "X-Accel-Buffering": "no"}
    )
    response.force_close()
    events = _Events(response)
    try:
        await response.prepare(request)
        await response.write(b"retry: 2000\n\n")
        await watcher.serve(events.tell, events.keep_alive)
        await response.write_eof()
    except* (ConnectionError, TimeoutError):
        pass
    return response


class _Events:
    """The body of the answer."""

    def __init__(self, response: web.StreamResponse) -> None:
        self._response, self._told_s = response, seconds_now()

    async def tell(self, json: bytes, jpeg: bytes | None) -> None:
        """There are no pictures in text."""
        self._told_s = seconds_now()
        await self._response.write(b"data: %b\n\n" % json)

    async def keep_alive(self) -> None:
        """A comment, where nothing else was said for a while."""
        while True:
            await asyncio.sleep(SILENCE_S)
            if seconds_now() - self._told_s >= SILENCE_S:
                await self._response.write(b":\n\n")


def _no_room(request: web.Request, by_socket: bool) -> str | None:
    """Why its address may not watch; None where it may, and has its place from now on."""
    gate = gate_of(request)
    return None if gate is None else gate.watches(client_of(request), by_socket)
