"""Clients that would harm the others, one function per kind; `benchmarks/misbehaving.py` has those that are only odd.

Each goes on until it is cancelled and comes back whenever it is cut off. It acts as often as its `Pace` lets it: as
fast as it can, or at the rate at which it could before, against a socket that discards.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cache

import msgspec

from benchmarks.bad_pictures import big_picture, repeated_scan, soft_picture
from benchmarks.misbehaving import address
from benchmarks.raw_stream import BINARY, CONTINUED, FINAL, PING, RawStream, Target, binary, piece
from jellyfish.config import Limits
from jellyfish.media.jpeg import encode_jpeg
from jellyfish.protocol import wire

INFERRED, INFERRING, LARGE_SIDE = "simulated", 64, 2364
"""The model of the servers here; who asks at once; a square whose pixels are nearly as large as a body may be."""
AGAIN_S = 0.02
"""From being cut off to the next attempt."""
BATCH_BYTES = 64 * 1024
"""Small things are sent so many at once, as a client that hurries does; each such write is one act."""
LARGE_FRAME_BYTES = 4 * 1024**2 - 256
GZIP_MEGABYTES = 400
REPLY_LIMIT_S = 5.0
FPS = 15
TOO_MANY_TIMES = 20
PONG_PERIOD_S = 0.5
IDLE, ADDRESSES = 1100, 110
IDLE_AGAIN_S = 5.0
"""An idle connection that was closed is opened again after so long: it is patience that is tried here."""
UNREAD_AGAIN_S = 40.0
HALF_A_HEADER = b"GET /v1/stream HTTP/1.1\r\nHost: server\r\nUpgr"


class Pace:
    """When an abuser may act again, and how often it did."""

    def __init__(self, per_s: float | None) -> None:
        """None: as fast as it can."""
        self._per_s = per_s
        self._began_s = time.monotonic()
        self.acts = 0
        self.lost = 0
        """Times that it was cut off or refused."""

    async def turn(self) -> None:
        """Wait for it, and count it."""
        self.acts += 1
        wait_s = 0.0
        if self._per_s is not None:
            due_s = self.acts / self._per_s if self._per_s > 0 else float("inf")
            wait_s = self._began_s + due_s - time.monotonic()
        if wait_s == float("inf"):
            await asyncio.Event().wait()
        await asyncio.sleep(max(0.0, wait_s))


Abuser = Callable[[Target, Pace, int], Awaitable[None]]
"""(where, how often, which of its copies) -> until it is cut off; then it is called again."""


@cache
def as_much_as(once: bytes) -> bytes:
    """`once` so many times as fit into a batch."""
    return once * (BATCH_BYTES // len(once))


@cache
def large_frame() -> bytes:
    """A message near the limit, with header and checksum as they should be."""
    return binary(wire.encode(wire.Frame(0, 448, 0.0, 0.0, bytes(LARGE_FRAME_BYTES))))


@cache
def big() -> bytes:
    return big_picture()


@cache
def repeated() -> bytes:
    return repeated_scan()


@cache
def usual() -> bytes:
    """A frame like a good camera's."""
    return encode_jpeg(soft_picture(448, 252, 8))


@cache
def zipped() -> bytes:
    """A request whose body is 400 MB of zeros, compressed."""
    packing = zlib.compressobj(wbits=31)  # with gzip's header
    body = b"".join([packing.compress(bytes(10**6)) for _ in range(GZIP_MEGABYTES)] + [packing.flush()])
    head = f"POST /livez HTTP/1.1\r\nHost: server\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def _pictures(target: Target, pace: Pace, jpeg: bytes) -> None:
    """As many as are allowed unanswered, a new one with each answer."""
    stream = await RawStream.joined(target, "pictures")
    try:
        while True:
            await pace.turn()
            await stream.send_frame(jpeg)
    finally:
        stream.abort()


async def big_pictures(target: Target, pace: Pace, copy: int) -> None:
    await _pictures(target, pace, big())


async def repeated_scans(target: Target, pace: Pace, copy: int) -> None:
    await _pictures(target, pace, repeated())


async def _flood(target: Target, pace: Pace, once: bytes, first: bytes = b"") -> None:
    """The same bytes over and over, as fast as they are taken."""
    stream = await RawStream.joined(target, "flood")
    try:
        stream.write(first)
        while True:
            await pace.turn()
            stream.write(once)
            await stream.drain()
    finally:
        stream.abort()


async def pongs(target: Target, pace: Pace, copy: int) -> None:
    """Pongs of the stream's protocol that answer nothing."""
    await _flood(target, pace, as_much_as(binary(wire.encode(wire.Pong(1.0, 1.0, 1.0)))))


async def websocket_pings(target: Target, pace: Pace, copy: int) -> None:
    await _flood(target, pace, as_much_as(piece(FINAL | PING, b"")))


async def empty_fragments(target: Target, pace: Pace, copy: int) -> None:
    """One message that never ends and never grows."""
    await _flood(target, pace, as_much_as(piece(CONTINUED, b"")), piece(BINARY, b""))


async def single_bytes(target: Target, pace: Pace, copy: int) -> None:
    """A message in fragments of one byte."""
    await _flood(target, pace, as_much_as(piece(CONTINUED, b"x")), piece(BINARY, b"x"))


async def large_frames(target: Target, pace: Pace, copy: int) -> None:
    await _flood(target, pace, large_frame())


async def too_many_frames(target: Target, pace: Pace, copy: int) -> None:
    """A good camera's frames, 20 times as many as it said."""
    stream = await RawStream.joined(target, "hurried", FPS)
    try:
        while True:
            await pace.turn()
            await stream.send_frame(usual(), wait=False)
    finally:
        stream.abort()


async def idle_connections(target: Target, pace: Pace, copy: int, local: str | None = None) -> None:
    """Half of them say nothing, half of them begin a request."""
    await pace.turn()
    stream = await RawStream.open(target, local)
    try:
        if copy % 2:
            stream.write(HALF_A_HEADER)
        await stream.ended()
    finally:
        stream.abort()
    await asyncio.sleep(IDLE_AGAIN_S)


async def idle_from_everywhere(target: Target, pace: Pace, copy: int) -> None:
    """The same from 110 addresses, ten from each."""
    await idle_connections(target, pace, copy, f"127.1.{copy % ADDRESSES}.1")


async def connecting(target: Target, pace: Pace, copy: int) -> None:
    """It connects and hangs up."""
    while True:
        await pace.turn()
        (await RawStream.open(target, None)).abort()


def watching(*headers: str) -> bytes:
    return "\r\n".join(("GET /v1/watch?pictures=1 HTTP/1.1", "Host: localhost", *headers, "", "")).encode()


async def unread(target: Target, pace: Pace, copy: int) -> None:
    """They watch all cameras, with pictures, and read nothing."""
    await pace.turn()
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    _, writer = await asyncio.open_connection(*address(target.url), limit=1)
    try:
        writer.write(watching("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", key))
        await asyncio.sleep(
            UNREAD_AGAIN_S
        )  # the server has cut it off before, which whoever reads nothing does not see
    finally:
        writer.transport.abort()


async def talking(target: Target, pace: Pace, copy: int) -> None:
    """They watch server-sent events, and send whatever they can beside."""
    _, writer = await asyncio.open_connection(*address(target.url))
    try:
        writer.write(watching().replace(b"?pictures=1", b""))
        while True:
            await pace.turn()
            writer.write(bytes(BATCH_BYTES))
            await writer.drain()
    finally:
        writer.transport.abort()


async def phantoms(target: Target, pace: Pace, copy: int) -> None:
    """They say hello with a rate, answer every ping and send no frame."""
    await pace.turn()
    stream = await RawStream.joined(target, f"phantom-{copy}", FPS)
    try:
        while not target.discards:
            await stream.ended()
            stream.check()
        while True:
            stream.write(binary(wire.encode(wire.Pong(1.0, 1.0, 1.0))))
            await asyncio.sleep(PONG_PERIOD_S)
    finally:
        stream.abort()


async def joining_again(target: Target, pace: Pace, copy: int) -> None:
    """It joins, says goodbye and joins again."""
    while True:
        await pace.turn()
        stream = await RawStream.joined(target, f"again-{copy}", FPS)
        stream.write(binary(wire.encode(wire.Bye())))
        await stream.drain()
        stream.abort()


async def zipped_bodies(target: Target, pace: Pace, copy: int) -> None:
    await pace.turn()
    reader, writer = await asyncio.open_connection(*address(target.url))
    try:
        async with asyncio.timeout(REPLY_LIMIT_S):
            writer.write(zipped())
            await writer.drain()
            if not target.discards:
                await reader.read(1)
    finally:
        writer.transport.abort()


@cache
def inference(data: bytes, shape: tuple[int, ...] = (1,)) -> bytes:
    """A request for inference on a file, or on pixels of a shape, that may take a second."""
    form = "image", "BYTES", len(data).to_bytes(4, "little") + data
    if len(shape) > 1:
        form = "pixels", "UINT8", data
    name, datatype, raw = form
    one = {"name": name, "shape": shape, "datatype": datatype, "parameters": {"binary_data_size": len(raw)}}
    told = msgspec.json.encode({"inputs": [one], "parameters": {"timeout": 1_000_000}})
    lengths = f"Content-Length: {len(told) + len(raw)}\r\nInference-Header-Content-Length: {len(told)}"
    head = f"POST /v2/models/{INFERRED}/infer HTTP/1.1\r\nHost: localhost\r\n{lengths}\r\n\r\n"
    return head.encode() + told + raw


@cache
def usual_inference() -> bytes:
    return inference(usual())


@cache
def large_inference() -> bytes:
    return inference(bytes(3 * LARGE_SIDE**2), (1, LARGE_SIDE, LARGE_SIDE, 3))


async def inferring(target: Target, pace: Pace, copy: int) -> None:
    """It asks for inference, and again with each answer."""
    await _asking(target, pace, usual_inference())


async def inferring_large(target: Target, pace: Pace, copy: int) -> None:
    """The same on 16 MB of pixels."""
    await _asking(target, pace, large_inference())


async def promising_large(target: Target, pace: Pace, copy: int) -> None:
    """It says that 16 MB will come, and sends a few bytes of them."""
    await pace.turn()
    await _asked(target, large_inference()[:1000])


async def _asking(target: Target, pace: Pace, request: bytes) -> None:
    while True:
        await pace.turn()
        await _asked(target, request)


async def _asked(target: Target, request: bytes) -> None:
    """Send it over a connection of its own, and wait for the beginning of an answer."""
    reader, writer = await asyncio.open_connection(*address(target.url))
    try:
        async with asyncio.timeout(REPLY_LIMIT_S):
            writer.write(request)
            await writer.drain()
            if not target.discards:
                await reader.read(1)
    finally:
        writer.transport.abort()


async def again_and_again(once: Abuser, target: Target, pace: Pace, copy: int) -> None:
    """Whatever the server does about it."""
    while True:
        try:
            await once(target, pace, copy)
        except (OSError, TimeoutError, EOFError):
            pace.lost += 1
            await asyncio.sleep(AGAIN_S)


@dataclass(frozen=True)
class Abuse:
    """One kind of abuser."""

    once: Abuser
    copies: int = 1
    """At the same time, in one process."""
    per_s: float | None = None
    """What it does by nature; None: as fast as it can."""
    prepare: Callable[[], object] = lambda: None
    """What takes long and must not be done during a measurement."""
    is_served: bool = False
    """Whether some of its frames may be answered, as any client's: what its share costs the others is no harm."""
    limits: Limits = field(default_factory=Limits)
    """Of the server that it is tried on alone."""


ABUSES: dict[str, Abuse] = {
    "big pictures": Abuse(big_pictures, prepare=big, is_served=True),
    "repeated scans": Abuse(repeated_scans, prepare=repeated, is_served=True),
    "pongs": Abuse(pongs),
    "WebSocket pings": Abuse(websocket_pings),
    "empty fragments": Abuse(empty_fragments),
    "one-byte fragments": Abuse(single_bytes),
    "4 MiB frames": Abuse(large_frames, prepare=large_frame),
    "20 x its rate": Abuse(too_many_frames, per_s=TOO_MANY_TIMES * FPS, prepare=usual, is_served=True),
    "1,100 idle": Abuse(idle_connections, IDLE),
    "1,100 idle, 110 addresses": Abuse(idle_from_everywhere, IDLE, limits=Limits(count_loopback=True)),
    "connection flood": Abuse(connecting, 8),
    "60 phantoms": Abuse(phantoms, 60),
    "60 watch unread": Abuse(unread, 60),
    "8 watch and talk": Abuse(talking, 8),
    "40 join again": Abuse(joining_again, 40),
    "gzip bodies": Abuse(zipped_bodies, prepare=zipped),
    "inferences": Abuse(inferring, INFERRING, prepare=usual_inference, is_served=True),
    "16 MB inferences": Abuse(inferring_large, 8, prepare=large_inference, is_served=True),
    "promised inferences": Abuse(promising_large, INFERRING, prepare=large_inference),
}


async def abuse(kind: str, target: Target, pace: Pace) -> None:
    """All copies of one kind, until cancelled."""
    chosen = ABUSES[kind]
    async with asyncio.TaskGroup() as copies:
        for copy in range(chosen.copies):
            copies.create_task(again_and_again(chosen.once, target, pace, copy))
