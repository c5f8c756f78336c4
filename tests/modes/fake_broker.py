"""A broker for tests: MQTT 3.1.1 as far as a publisher needs it (QoS 0, last will, what is retained), on a real socket.

It can be killed, and started again at the same port with what it keeps.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

CONNECT, CONNACK, PUBLISH, SUBSCRIBE, SUBACK, PINGREQ, PINGRESP, DISCONNECT = 1, 2, 3, 8, 9, 12, 13, 14


@dataclass
class Session:
    """One client's connection."""

    writer: asyncio.StreamWriter
    login: tuple[str, str] | None = None
    will: tuple[str, bytes, bool] | None = None
    filters: list[str] = field(default_factory=list)


class FakeBroker:
    def __init__(self) -> None:
        self.port = 0
        self.kept: dict[str, bytes] = {}
        self.heard: list[tuple[str, bytes, bool]] = []
        self.sessions: list[Session] = []
        self.refuses = False
        self._changed = asyncio.Event()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def kill(self) -> None:
        assert self._server is not None
        self._server.close()
        for session in list(self.sessions):
            session.will = None  # a broker that is killed publishes nothing
            session.writer.transport.abort()
        await self.until(lambda: not self.sessions)

    async def until(self, so: Callable[[], bool]) -> None:
        while not so():
            self._changed.clear()
            await self._changed.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(writer)
        self.sessions.append(session)
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while await self._packet(session, reader):
                    self._changed.set()
        finally:
            self.sessions.remove(session)
            if session.will is not None:
                self._publish(*session.will)
            writer.close()
            self._changed.set()

    async def _packet(self, session: Session, reader: asyncio.StreamReader) -> bool:
        first, *_ = await reader.readexactly(1)
        size, shift = 0, 0
        while True:
            (digit,) = await reader.readexactly(1)
            size |= (digit & 0x7F) << shift
            shift += 7
            if not digit & 0x80:
                break
        body = await reader.readexactly(size)
        kind = first >> 4
        if kind == CONNECT:
            return self._connect(session, body)
        if kind == PUBLISH:
            topic, payload = _text(body)
            self._publish(topic, payload, bool(first & 1))
        elif kind == SUBSCRIBE:
            self._subscribe(session, body)
        elif kind == PINGREQ:
            session.writer.write(bytes((PINGRESP << 4, 0)))
        elif kind == DISCONNECT:
            session.will = None
            return False
        return True

    def _connect(self, session: Session, body: bytes) -> bool:
        _, rest = _text(body)
        flags, rest = rest[1], rest[4:]
        _, rest = _text(rest)
        if flags & 4:
            topic, rest = _text(rest)
            (size,) = struct.unpack(">H", rest[:2])
            session.will = topic, rest[2 : 2 + size], bool(flags & 32)
            rest = rest[2 + size :]
        if flags & 128:
            user, rest = _text(rest)
            session.login = user, _text(rest)[0] if flags & 64 else ""
        if self.refuses:
            session.will = None
        session.writer.write(bytes((CONNACK << 4, 2, 0, 5 if self.refuses else 0)))
        return not self.refuses

    def _subscribe(self, session: Session, body: bytes) -> None:
        number, rest = body[:2], body[2:]
        new = []
        while rest:
            topic_filter, rest = _text(rest)
            new.append(topic_filter)
            rest = rest[1:]
        session.filters += new
        session.writer.write(bytes((SUBACK << 4, 2 + len(new))) + number + bytes(len(new)))
        for topic, payload in self.kept.items():
            if any(_matches(topic, each) for each in new):
                _send(session, topic, payload, retain=True)

    def _publish(self, topic: str, payload: bytes, retain: bool) -> None:
        self.heard.append((topic, payload, retain))
        if retain:
            self.kept[topic] = payload
        for session in self.sessions:
            if any(_matches(topic, each) for each in session.filters):
                _send(session, topic, payload, retain=False)
        self._changed.set()


def _text(data: bytes) -> tuple[str, bytes]:
    (size,) = struct.unpack(">H", data[:2])
    return data[2 : 2 + size].decode(), data[2 + size :]


def _matches(topic: str, topic_filter: str) -> bool:
    levels, wanted = topic.split("/"), topic_filter.split("/")
    return len(levels) == len(wanted) and all(want in ("+", level) for level, want in zip(levels, wanted, strict=True))


def _send(session: Session, topic: str, payload: bytes, retain: bool) -> None:
    body = struct.pack(">H", len(topic.encode())) + topic.encode() + payload
    assert len(body) < 128
    session.writer.write(bytes((PUBLISH << 4 | retain, len(body))) + body)


@contextlib.asynccontextmanager
async def fake_broker() -> AsyncIterator[FakeBroker]:
    broker = FakeBroker()
    await broker.start()
    try:
        yield broker
    finally:
        await broker.kill()
