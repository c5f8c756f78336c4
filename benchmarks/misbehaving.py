"""Clients that do everything wrong, one function per kind; each returns in words what it got from the server."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import random
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import numpy as np
from aiohttp import WSMsgType

from jellyfish.media.jpeg import encode_jpeg
from jellyfish.protocol import wire

Misbehaviour = Callable[[aiohttp.ClientSession, str], Awaitable[str]]
Socket = aiohttp.ClientWebSocketResponse

PATIENCE_S = 15.0
"""So long a client waits for what the server does about it."""
JPEG = encode_jpeg(np.random.default_rng(0).integers(0, 255, (108, 192, 3), np.uint8))
HELLO = wire.Hello("misbehaving", 15, 250)
HASTY = wire.Hello("never reads", 240, 250)
SMALL_BUFFER_BYTES = 4096
UNREAD_FPS = 200
"""Of a client that never reads: enough that its answers fill every buffer within seconds."""
BINARY, MASKED = 0x82, 0x80
"""First two bytes of a WebSocket message, before its length."""


@contextlib.asynccontextmanager
async def connected(http: aiohttp.ClientSession, url: str) -> AsyncIterator[Socket]:
    """A connection that has said nothing yet."""
    async with http.ws_connect(url, compress=0, timeout=aiohttp.ClientWSTimeout(ws_close=1.0)) as stream:
        yield stream


@contextlib.asynccontextmanager
async def opened(http: aiohttp.ClientSession, url: str) -> AsyncIterator[Socket]:
    """A stream as it should be, up to its welcome."""
    async with connected(http, url) as stream:
        await stream.send_bytes(wire.encode(HELLO))
        async for received in stream:
            message = wire.decode(received.data)
            if isinstance(message, wire.Ping):
                now = asyncio.get_running_loop().time()
                await stream.send_bytes(wire.encode(wire.Pong(message.server_s, now, now)))
            if isinstance(message, wire.Welcome):
                break
        yield stream


async def reaction(stream: Socket) -> str:
    """What the server says next, pings and plans aside."""
    async with asyncio.timeout(PATIENCE_S):
        while (received := await stream.receive()).type is WSMsgType.BINARY:
            match message := wire.decode(received.data):
                case wire.ErrorMessage():
                    closing = await stream.receive()
                    return f"error {message.code}, closed {stream.close_code if closing.data is None else closing.data}"
                case wire.Result():
                    return "answered" if message.reason is None else f"dropped {message.reason.value}, stream goes on"
    return f"closed {stream.close_code}"


async def send_frame(http: aiohttp.ClientSession, url: str, jpeg: bytes) -> str:
    async with opened(http, url) as stream:
        now = asyncio.get_running_loop().time()
        await stream.send_bytes(wire.encode(wire.Frame(0, 192, now, now, jpeg)))
        return await reaction(stream)


async def send_bytes(http: aiohttp.ClientSession, url: str, data: bytes) -> str:
    async with opened(http, url) as stream:
        await stream.send_bytes(data)
        return await reaction(stream)


async def text(http: aiohttp.ClientSession, url: str) -> str:
    async with connected(http, url) as stream:
        await stream.send_str('{"client": "cam"}')
        return await reaction(stream)


async def truncated_jpeg(http: aiohttp.ClientSession, url: str) -> str:
    return await send_frame(http, url, JPEG[: len(JPEG) // 2])


async def corrupted_jpeg(http: aiohttp.ClientSession, url: str) -> str:
    """Random bytes where the tables are."""
    return await send_frame(http, url, JPEG[:20] + random.randbytes(400) + JPEG[420:])


async def huge_jpeg(http: aiohttp.ClientSession, url: str) -> str:
    """The header says 20,000 x 20,000 pixels."""
    sides = JPEG.index(b"\xff\xc0") + 5
    return await send_frame(http, url, JPEG[:sides] + struct.pack(">HH", 20_000, 20_000) + JPEG[sides + 4 :])


async def large_message(http: aiohttp.ClientSession, url: str) -> str:
    """Somewhat over the limit of 4 MiB."""
    return await send_bytes(http, url, bytes(5 * 1024**2))


async def enormous_message(http: aiohttp.ClientSession, url: str) -> str:
    """Beyond twice the limit. By hand, as client libraries often overlook the reason while they still send."""
    host, port = address(url)
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(upgrade(host))
    await reader.readuntil(b"\r\n\r\n")
    size = 12 * 1024**2
    writer.write(struct.pack(">BBQ4x", BINARY, MASKED | 127, size) + bytes(size))
    async with asyncio.timeout(PATIENCE_S):
        _, code = struct.unpack(">HH", await reader.readexactly(4))
    writer.transport.abort()
    return f"closed {code}"


async def unknown_version(http: aiohttp.ClientSession, url: str) -> str:
    data = bytearray(wire.encode(HELLO))
    data[2] = 9
    return await send_bytes(http, url, bytes(data))


async def wrong_checksum(http: aiohttp.ClientSession, url: str) -> str:
    data = bytearray(wire.encode(wire.Frame(0, 192, 0.0, 0.0, JPEG)))
    data[200] ^= 1
    return await send_bytes(http, url, bytes(data))


async def silent(http: aiohttp.ClientSession, url: str) -> str:
    async with connected(http, url) as stream:
        return await reaction(stream)


async def gone_at_once(http: aiohttp.ClientSession, url: str) -> str:
    """Reset before the server's first word."""
    host, port = address(url)
    _, writer = await asyncio.open_connection(host, port)
    writer.write(upgrade(host))
    reset(writer.get_extra_info("socket"))
    writer.close()
    return "(gone)"


async def gone_in_mid_frame(http: aiohttp.ClientSession, url: str) -> str:
    """Reset after a third of a WebSocket message."""
    async with opened(http, url) as stream:
        raw = stream.get_extra_info("socket")
        os.write(raw.fileno(), struct.pack(">BBH4x", BINARY, MASKED | 126, 30_000) + bytes(10_000))
        reset(raw)
        raw.shutdown(socket.SHUT_RDWR)
    return "(gone)"


async def never_reads(http: aiohttp.ClientSession, url: str) -> str:
    """Sends frames, takes no answer, until the server cuts it off. By hand, as client libraries read ahead."""
    loop = asyncio.get_running_loop()
    own = socket.socket()
    own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER_BYTES)
    own.setblocking(False)
    await loop.sock_connect(own, address(url))
    reader, writer = await asyncio.open_connection(sock=own, limit=SMALL_BUFFER_BYTES)
    writer.write(upgrade("server"))
    await reader.readuntil(b"\r\n\r\n")
    writer.write(masked(wire.encode(HASTY)))
    while not isinstance(message := wire.decode(await unmasked(reader)), wire.Welcome):
        if isinstance(message, wire.Ping):
            writer.write(masked(wire.encode(wire.Pong(message.server_s, loop.time(), loop.time()))))
    try:
        async with asyncio.timeout(2 * PATIENCE_S):
            for frame in itertools.count():
                writer.write(masked(wire.encode(wire.Frame(frame, 192, 0.0, 0.0, b"no image"))))
                await writer.drain()
                await asyncio.sleep(1 / UNREAD_FPS)
    except ConnectionError:
        return "cut off"
    except TimeoutError:
        writer.transport.abort()
    return f"NOT CUT OFF in {2 * PATIENCE_S:g} s"


def masked(data: bytes) -> bytes:
    """A short WebSocket message of a client's; the mask is zeros."""
    size = bytes([MASKED | len(data)]) if len(data) < 126 else struct.pack(">BH", MASKED | 126, len(data))
    return bytes([BINARY]) + size + bytes(4) + data


async def unmasked(reader: asyncio.StreamReader) -> bytes:
    """The server's next message."""
    size = (await reader.readexactly(2))[1]
    if size == 126:
        (size,) = struct.unpack(">H", await reader.readexactly(2))
    return await reader.readexactly(size)


async def no_http(http: aiohttp.ClientSession, url: str) -> str:
    """Random bytes on the port."""
    reader, writer = await asyncio.open_connection(*address(url))
    writer.write(b"\x16\x03\x01" + random.randbytes(200) + b"\r\n\r\n")
    async with asyncio.timeout(PATIENCE_S):
        line = await reader.readline()
    writer.close()
    return line.decode(errors="replace").strip() or "closed"


def address(url: str) -> tuple[str, int]:
    host, _, port = url.removeprefix("ws://").partition("/")[0].partition(":")
    return host, int(port)


def upgrade(host: str) -> bytes:
    """The request that opens a WebSocket."""
    lines = [
        "GET /v1/stream HTTP/1.1",
        f"Host: {host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def reset(raw: Any) -> None:
    """Have the connection end with a reset instead of a goodbye."""
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


KINDS: dict[str, Misbehaviour] = {
    "text for binary": text,
    "truncated JPEG": truncated_jpeg,
    "corrupted JPEG": corrupted_jpeg,
    "JPEG of 20,000 x 20,000": huge_jpeg,
    "message of 5 MiB": large_message,
    "message of 12 MiB": enormous_message,
    "unknown version": unknown_version,
    "wrong checksum": wrong_checksum,
    "silent": silent,
    "gone at once": gone_at_once,
    "gone in mid-frame": gone_in_mid_frame,
    "never reads": never_reads,
    "no HTTP": no_http,
}
