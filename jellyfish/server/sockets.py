"""The beginning and the end of a WebSocket, beyond what aiohttp sees to."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib

from aiohttp import hdrs, web

KEY_BYTES = 16


def asks_for_socket(request: web.Request, socket: web.WebSocketResponse) -> bool:
    """Whether the handshake is one: aiohttp fails on keys that are no text of 16 bytes."""
    key = request.headers.get(hdrs.SEC_WEBSOCKET_KEY, "")
    try:
        key_is_right = len(base64.b64decode(key.encode("ascii"), validate=True)) == KEY_BYTES
    except (binascii.Error, UnicodeEncodeError):
        return False
    return key_is_right and bool(socket.can_prepare(request))


async def close(request: web.Request, socket: web.WebSocketResponse, patience_s: float) -> None:
    """Say goodbye; a client that does not take it is cut off."""
    with contextlib.suppress(ConnectionError, TimeoutError):
        async with asyncio.timeout(patience_s):
            await socket.close()
    if request.transport is not None and request.transport.get_write_buffer_size() > 0:
        abort(request)


def abort(request: web.Request) -> None:
    """End the connection without sending what is left: an orderly end would wait for the client for ever."""
    if request.transport is not None:
        request.transport.abort()
