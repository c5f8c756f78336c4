"""The endpoint `/v1/stream`: a WebSocket around a conversation, and a session behind it.

One coroutine per client reads; one small coroutine per frame answers. What a message means and when it is too late is
the conversation's (`jellyfish.protocol.server_stream`), what becomes of a frame the session's. Whatever a client does
wrong is told to that client in an error message and ends its own connection only.
"""

from __future__ import annotations

import asyncio
import contextlib

from aiohttp import WSMessage, WSMsgType, web

from jellyfish.clock import seconds_now
from jellyfish.errors import ProtocolError, each_error
from jellyfish.protocol import wire
from jellyfish.protocol.server_stream import (
    ByeSaid,
    Event,
    FrameCame,
    HelloSaid,
    MeasuringDone,
    PongCame,
    ReportCame,
    ServerStream,
    State,
)
from jellyfish.server.access import PROTOCOL, Refused
from jellyfish.server.events import ClientJoined, ClientLeft, ClientRefused
from jellyfish.server.gate.gate import Gate
from jellyfish.server.guarding import ACCESS, ALLOWED, client_of, gate_of
from jellyfish.server.service import Service
from jellyfish.server.session import Session
from jellyfish.server.sockets import abort, asks_for_socket, close
from jellyfish.waiting import Patience, sleep_until

SERVICE: web.AppKey[Service] = web.AppKey("service", Service)
WRITE_TIMEOUT_S = 5.0
"""A client that does not read for so long is cut off, so that its answers cannot pile up here."""
ELSEWHERE_CODES = frozenset({"full", "idle", "draining"})
"""Errors of a client that another server may have a place for."""


async def stream(request: web.Request) -> web.StreamResponse:
    """Serve one client from its hello to its end."""
    service = request.app[SERVICE]
    gate = gate_of(request)
    # Twice the limit, so that a message somewhat too large gets our clear answer; beyond it aiohttp closes with 1009.
    socket = web.WebSocketResponse(
        max_msg_size=2 * service.limits.message_bytes, compress=False, timeout=1.0, protocols=(PROTOCOL,)
    )
    if not asks_for_socket(request, socket):
        return _refused(400, "this is a WebSocket: see docs/protocol.md")
    address = client_of(request)
    if gate is not None and (why := gate.begins(None if request[ALLOWED].own else address)) is not None:
        service.happened(ClientRefused("", address, "full", why))
        return _refused(503, why)
    try:
        await socket.prepare(request)
    except ConnectionError:
        return web.Response()  # reaches nobody; aiohttp wants one
    connection = _Connection(request, socket, service, gate, address)
    try:
        await connection.serve()
        connection.ended("bye", "it said goodbye")
    except* ProtocolError as errors:
        await connection.refuse(each_error(errors))
    except* (ConnectionError, TimeoutError):
        connection.ended("gone", "its connection ended")
    await close(request, socket, WRITE_TIMEOUT_S)
    return socket


def not_let_in(request: web.Request, refused: Refused) -> None:
    """Tell people of one who may not have a stream."""
    event = ClientRefused("", client_of(request), refused.code, refused.why)
    request.app[SERVICE].happened(event)


def _refused(status: int, why: str) -> web.Response:
    """An answer after which the connection is closed, whatever the client does."""
    response = web.Response(status=status, text=f"{why}\n")
    response.force_close()
    return response


class _Connection:
    """The reading and writing side of one session."""

    def __init__(
        self, request: web.Request, socket: web.WebSocketResponse, service: Service, gate: Gate | None, address: str
    ) -> None:
        self._request, self._socket, self._service, self._gate = request, socket, service, gate
        self._address, self._client = address, ""
        self._allowed = request[ALLOWED]
        self._welcomed = self._told = False
        self._loop = asyncio.get_running_loop()
        self._conversation = ServerStream(service.limits, seconds_now(), service.next_phase())
        self._session: Session | None = None
        self._writing = Patience(self._loop, WRITE_TIMEOUT_S, lambda: abort(request))
        # Answers that wait for a slow reader are bounded: no further frame is read while so many are open.
        self._open_slots = asyncio.Semaphore(4 * service.limits.in_flight)
        self._helpers: list[asyncio.Task[None]] = []

    async def serve(self) -> None:
        """The whole stream; raises ProtocolError for what the client does wrong, in a group."""
        try:
            async with asyncio.TaskGroup() as helpers:
                self._helpers.append(helpers.create_task(self._keep_time()))
                try:
                    async with asyncio.TaskGroup() as answers:
                        await self._read(answers, helpers)
                finally:
                    for task in self._helpers:
                        task.cancel()
            assert self._session is not None  # goodbye is said by those who have said hello
            account = self._session.account
            await self.send(wire.Farewell(account.received, account.answered, dict(account.dropped)))
        finally:
            if self._session is not None:
                self._service.leave(self._session)

    async def _read(self, answers: asyncio.TaskGroup, helpers: asyncio.TaskGroup) -> None:
        """Read until goodbye; ConnectionResetError when the connection ends without one."""
        while self._conversation.state is not State.ENDING:
            data = _bytes(await self._socket.receive())
            now = seconds_now()
            self._service.received_bytes += len(data)
            for event in self._conversation.receive(data, now):
                await self._take(event, now, answers, helpers)
            await self._send_due()

    async def _take(self, event: Event, now: float, answers: asyncio.TaskGroup, helpers: asyncio.TaskGroup) -> None:
        session = self._session
        match event:
            case FrameCame(frame) if session is not None:
                await self._open_slots.acquire()
                answers.create_task(self._answer(session, frame, now))
            case PongCame(pong) if session is not None:
                session.pong(pong, now)
                if session.estimator.clock.doubtful:  # do not wait for the next ping to find a clock that was set
                    self._conversation.ping(now)
            case ReportCame(report) if session is not None:
                session.reported(report, now)
            case HelloSaid(hello):
                self._client = hello.client
                self._check_name(hello.client)
                self._session = self._service.join(hello, self.send)
                self._session.fetched = self._allowed.own
                if self._gate is not None:
                    self._gate.agree(hello.fps)
            case MeasuringDone() if session is not None:
                self._conversation.open(self._welcome(session), now)
                self._service.welcomed(session, now)
                self._welcomed = True
                self._service.happened(ClientJoined(session.client, self._address, session.fps, 1000 * session.slo_s))
                for ends in (self._send_plans(session), self._end_when_drained(), self._end_when_dismissed(session)):
                    self._helpers.append(helpers.create_task(ends))
            case ByeSaid() if session is not None:
                session.said_goodbye = True

    def _check_name(self, client: str) -> None:
        """ProtocolError for a camera that calls itself as its token does not allow."""
        if not self._allowed.may_be_called(client):
            cameras = ", ".join(self._allowed.cameras)
            raise ProtocolError("forbidden", f"the token {self._allowed.who} is for {cameras}, not for {client}")
        if client in self._service.settings.fetched and not self._allowed.own:
            raise ProtocolError("forbidden", f"the server fetches the camera {client} itself: call yourself otherwise")

    def _welcome(self, session: Session) -> wire.Welcome:
        service, limits, model = self._service, self._service.limits, self._service.model
        return wire.Welcome(
            model.classes,
            tuple(service.told),
            limits.in_flight,
            limits.message_bytes,
            session.plan,
            service.offers(seconds_now()),
            service.narrows,
            reports=True,
            model=model.name,
            version=model.version,
            task=model.task,
            inputs=tuple(service.told.values()),
            alternatives=self._alternatives,
        )

    @property
    def _alternatives(self) -> tuple[str, ...]:
        """Where the client may go on elsewhere: not a camera that the server fetches itself, whose token is its own."""
        return () if self._allowed.own else self._service.elsewhere[: wire.MOST_ALTERNATIVES]

    async def _answer(self, session: Session, frame: wire.Frame, arrived_s: float) -> None:
        try:
            await session.answer(frame, arrived_s)
        finally:
            self._open_slots.release()

    async def _keep_time(self) -> None:
        """Do what is due by the clock: pings, and noticing clients that have fallen silent or may be here no more."""
        while True:
            # What is due moves with what comes, mostly on; for what moves forward it is looked at this often.
            look_s = seconds_now() + self._conversation.ping_period_s
            await sleep_until(self._loop, min(self._conversation.next_timer_s, look_s))
            self._conversation.timeout(seconds_now())
            if not self._request.app[ACCESS].still(self._allowed):
                raise ProtocolError("forbidden", "the token of this stream is no longer one of this server's")
            await self._send_due()

    async def _send_plans(self, session: Session) -> None:
        """Send the newest plan whenever it has changed."""
        while True:
            await session.plan_changed.wait()
            session.plan_changed.clear()
            await self.send(session.plan)

    async def _end_when_drained(self) -> None:
        """Tell the client that the server goes, instead of leaving it to wait for answers."""
        await self._service.drained.wait()
        raise ProtocolError("draining", "the server is shutting down")

    async def _end_when_dismissed(self, session: Session) -> None:
        """Tell the client that somebody else has got its place."""
        await session.dismissed.wait()
        raise ProtocolError("idle", "the server is full, and this client sent no frames: another one took its place")

    async def _send_due(self) -> None:
        for message in self._conversation.to_send():
            await self.send(message)

    async def send(self, message: wire.Message) -> None:
        """Write one message. The connection of a client that does not read is cut."""
        data = wire.encode(message)
        self._service.sent_bytes += len(data)
        with self._writing:
            await self._socket.send_bytes(data)

    def ended(self, code: str, why: str) -> None:
        """Tell people that the stream is over; nothing of a client that went before it was let in."""
        session, told, self._told = self._session, self._told, True
        if told:
            return
        if session is not None and self._welcomed:
            fared, seconds = session.attained, seconds_now() - session.joined_s
            self._service.happened(
                ClientLeft(session.client, self._address, code, why, seconds, fared.ended, fared.on_time)
            )
        elif code != "gone":
            self._service.happened(ClientRefused(self._client, self._address, code, why))

    async def refuse(self, errors: list[ProtocolError]) -> None:
        """Tell the client what it did wrong first, as far as it still listens."""
        code = errors[0].code
        self.ended(code, str(errors[0]))
        elsewhere = self._alternatives if code in ELSEWHERE_CODES else ()
        with contextlib.suppress(ConnectionError, TimeoutError):
            await self.send(wire.ErrorMessage(code, str(errors[0]), elsewhere))


def _bytes(received: WSMessage) -> bytes:
    """What a WebSocket message carries."""
    if received.type is WSMsgType.BINARY:
        return bytes(received.data)
    if received.type is WSMsgType.TEXT:
        raise ProtocolError("text", "messages are binary; this one was text (see docs/protocol.md)")
    raise ConnectionResetError("the client closed without goodbye")
