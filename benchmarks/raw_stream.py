"""A WebSocket client by hand, for what client libraries will not do: wrong, too fast, in pieces, without listening.

A target may be a socket that discards and never answers; then nothing is waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import struct
import time
from dataclasses import dataclass

from benchmarks.misbehaving import MASKED, address, upgrade
from jellyfish.protocol import wire

FINAL, CONTINUED, BINARY, PING = 0x80, 0x0, 0x2, 0x9
JOIN_LIMIT_S = 30.0
MASK = bytes(4)
"""Zeros, so that what is sent is what was meant."""


@dataclass(frozen=True)
class Target:
    """Where an abuser goes."""

    url: str
    discards: bool = False
    """Whether it is a socket that takes everything and says nothing."""


def piece(first: int, data: bytes) -> bytes:
    """One WebSocket frame of a client's; `first` is its first byte."""
    if len(data) < 126:
        size = bytes([MASKED | len(data)])
    elif len(data) < 2**16:
        size = struct.pack(">BH", MASKED | 126, len(data))
    else:
        size = struct.pack(">BQ", MASKED | 127, len(data))
    return b"".join((bytes([first]), size, MASK, data))


def binary(data: bytes) -> bytes:
    """One whole binary message."""
    return piece(FINAL | BINARY, data)


class RawStream:
    """A stream whose every byte is the caller's. Pings are answered and results counted in the background."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: Target) -> None:
        self._reader, self._writer, self._target = reader, writer, target
        self._welcomed = asyncio.Event()
        self._reading = asyncio.create_task(self._read())
        self.slots = asyncio.Semaphore(0)
        """Frames that may be sent now; filled at the welcome, and by each result."""
        self._numbers = itertools.count()

    @classmethod
    async def open(cls, target: Target, local: str | None = None) -> RawStream:
        """Connected, nothing said; from the address `local` if given."""
        host, port = address(target.url)
        from_where = None if local is None else (local, 0)
        return cls(*await asyncio.open_connection(host, port, local_addr=from_where), target)

    @classmethod
    async def joined(cls, target: Target, name: str, fps: float = 15, in_flight: int = 4) -> RawStream:
        """Up to the welcome, with so many slots for frames."""
        stream = await cls.open(target)
        try:
            stream.write(upgrade("server") + binary(wire.encode(wire.Hello(name, fps, 250))))
            await stream.drain()
            if not target.discards:
                async with asyncio.timeout(JOIN_LIMIT_S):
                    await asyncio.wait([stream._reading, welcomed := asyncio.ensure_future(stream._welcomed.wait())],
                                       return_when=asyncio.FIRST_COMPLETED)  # fmt: skip
                    welcomed.cancel()
                stream.check()
        except BaseException:
            stream.abort()
            raise
        for _ in range(in_flight):
            stream.slots.release()
        return stream

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    async def drain(self) -> None:
        """Until the other side has taken most of it; ConnectionError when it is gone."""
        self.check()
        await self._writer.drain()

    def check(self) -> None:
        """ConnectionError when the other side has ended the connection."""
        if self._reading.done():
            raise ConnectionResetError("the server has ended the stream")

    async def send_frame(self, jpeg: bytes, resolution: int = 448, wait: bool = True) -> None:
        """A frame that was captured just now, when an answer has made room for it."""
        if wait and not self._target.discards:
            slot = asyncio.ensure_future(self.slots.acquire())
            await asyncio.wait([slot, self._reading], return_when=asyncio.FIRST_COMPLETED)
            slot.cancel()
        now = time.monotonic()
        self.write(binary(wire.encode(wire.Frame(next(self._numbers) % 2**32, resolution, now, now, jpeg))))
        await self.drain()

    async def ended(self) -> None:
        """Wait for the other side to end the connection."""
        await asyncio.wait([self._reading])

    def abort(self) -> None:
        """Leave without goodbye."""
        self._reading.cancel()
        self._writer.transport.abort()

    async def _read(self) -> None:
        """Take in what the server says until the end of the connection."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            if (await self._reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1] != b"101":
                return
            while True:
                first, data = await self._piece()
                if first & 0xF == BINARY:
                    self._heard(wire.decode(data))
                elif first & 0xF == 0x8:
                    return

    async def _piece(self) -> tuple[int, bytes]:
        first, size = await self._reader.readexactly(2)
        if size == 126:
            (size,) = struct.unpack(">H", await self._reader.readexactly(2))
        elif size == 127:
            (size,) = struct.unpack(">Q", await self._reader.readexactly(8))
        return first, await self._reader.readexactly(size)

    def _heard(self, message: wire.Message) -> None:
        match message:
            case wire.Ping():
                now = time.monotonic()
                self.write(binary(wire.encode(wire.Pong(message.server_s, now, now))))
            case wire.Result():
                self.slots.release()
            case wire.Welcome():
                self._welcomed.set()
