"""The endpoint `/v1/stream`: hello, pings, welcome, then frames in and results out until goodbye.

One coroutine per client reads; one small coroutine per frame answers. Whatever a client does wrong is
told to that client in an error message and ends its own connection only.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TypeVar

from aiohttp import WSMessage, WSMsgType, web

from jellyfish.clock import seconds_now
from jellyfish.core import CLASSES
from jellyfish.errors import ProtocolError
from jellyfish.protocol import wire
from jellyfish.server.service import Service
from jellyfish.server.session import Session

SERVICE: web.AppKey[Service] = web.AppKey("service", Service)
OPENING_PINGS = 4
"""Exchanges before the welcome: the uplink is idle then, so these are the best ones for the clock offset."""
PING_PERIOD_S = 0.5
WRITE_TIMEOUT_S = 5.0
"""A client that does not read for so long is cut off, so that its answers cannot pile up here."""

_log = logging.getLogger(__name__)
_MessageT = TypeVar("_MessageT", bound=wire.Message)
_ErrorT = TypeVar("_ErrorT", bound=Exception)


async def stream(request: web.Request) -> web.StreamResponse:
    """Serve one client from its hello to its end."""
    service = request.app[SERVICE]
    if service.connections >= service.limits.connections:
        return web.Response(status=503, text="too many connections; try again later")
    service.connections += 1
    try:
        return await _serve(request, service)
    finally:
        service.connections -= 1


async def _serve(request: web.Request, service: Service) -> web.StreamResponse:
    """One connection, from the handshake to its close."""
    # Twice the limit, so that a message somewhat too large gets our clear answer; beyond it aiohttp closes with 1009.
    socket = web.WebSocketResponse(max_msg_size=2 * service.limits.message_bytes, compress=False, timeout=1.0)
    try:
        await socket.prepare(request)
    except ConnectionError as error:
        _log.info("client gone: %s", error)
        return web.Response()  # reaches nobody; aiohttp wants one
    connection = _Connection(request, socket, service)
    try:
        await connection.serve()
    except* ProtocolError as errors:
        await connection.refuse(_first(errors))
    except* (ConnectionError, TimeoutError) as errors:
        _log.info("client gone: %r", _first(errors))
    await _close(request, socket)
    return socket


async def _close(request: web.Request, socket: web.WebSocketResponse) -> None:
    """Say goodbye; a client that does not take it is cut off."""
    with contextlib.suppress(ConnectionError, TimeoutError):
        async with asyncio.timeout(WRITE_TIMEOUT_S):
            await socket.close()
    if request.transport is not None and request.transport.get_write_buffer_size() > 0:
        _abort(request)


def _abort(request: web.Request) -> None:
    """End the connection without sending what is left: an orderly end would wait for the client for ever."""
    if request.transport is not None:
        request.transport.abort()


def _first(errors: BaseExceptionGroup[_ErrorT]) -> _ErrorT:
    """The first error inside a (possibly nested) group."""
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


class _Connection:
    """The reading and writing side of one session."""

    def __init__(self, request: web.Request, socket: web.WebSocketResponse, service: Service) -> None:
        self._request, self._socket, self._service = request, socket, service
        self._loop = asyncio.get_running_loop()
        # Answers that wait for a slow reader are bounded: no further frame is read while so many are open.
        self._open_slots = asyncio.Semaphore(4 * service.limits.in_flight)

    async def serve(self) -> None:
        """The whole stream; raises ProtocolError for what the client does wrong."""
        session = self._service.join(await self._expect(wire.Hello), self.send)
        try:
            await self._open(session)
            await self._converse(session)
        finally:
            self._service.leave(session)

    async def _open(self, session: Session) -> None:
        """The first exchanges for the clock, then the welcome."""
        for _ in range(OPENING_PINGS):
            await self.send(wire.Ping(seconds_now()))
            session.pong(await self._expect(wire.Pong), seconds_now())
        session.last_heard_s = seconds_now()
        self._service.announce("join")
        limits = self._service.limits
        ladder = self._service.ladder
        offers = self._service.offers(seconds_now())
        settings = limits.in_flight, limits.message_bytes, session.plan, offers, self._service.narrows
        await self.send(wire.Welcome(CLASSES, ladder, *settings, reports=True))

    async def _converse(self, session: Session) -> None:
        """Frames in, results out, until the client says bye or is gone."""
        async with asyncio.TaskGroup() as helpers:
            pinging = helpers.create_task(self._keep_pinging(session))
            planning = helpers.create_task(self._send_plans(session))
            closing = helpers.create_task(self._end_when_drained())
            try:
                async with asyncio.TaskGroup() as answers:
                    said_bye = await self._read(session, answers)
                    if not said_bye:
                        raise ConnectionResetError(f"{session.client} closed without goodbye")
            finally:
                pinging.cancel()
                planning.cancel()
                closing.cancel()
        account = session.account
        await self.send(wire.Farewell(account.received, account.answered, dict(account.dropped)))

    async def _read(self, session: Session, answers: asyncio.TaskGroup) -> bool:
        """Read until goodbye (True) or the end of the connection (False)."""
        while (message := await self._receive()) is not None:
            session.last_heard_s = now = seconds_now()
            match message:
                case wire.Frame():
                    await self._open_slots.acquire()
                    answers.create_task(self._answer(session, message, now))
                case wire.Pong():
                    session.pong(message, now)
                    if session.estimator.clock.doubtful:  # do not wait for the next period to find a clock that was set
                        await self.send(wire.Ping(now))
                case wire.Report():
                    session.reported(message, now)
                case wire.Bye():
                    if message.report is not None:
                        session.reported(message.report, now)
                    return True
                case _:
                    raise ProtocolError("unexpected", f"a client does not send {type(message).__name__.lower()} here")
        return False

    async def _answer(self, session: Session, frame: wire.Frame, arrived_s: float) -> None:
        try:
            await session.answer(frame, arrived_s)
        finally:
            self._open_slots.release()

    async def _keep_pinging(self, session: Session) -> None:
        """Repeat the clock exchange and notice clients that have fallen silent."""
        limit_s = self._service.limits.silence_timeout_s
        while True:
            await asyncio.sleep(PING_PERIOD_S)
            now = seconds_now()
            if now - session.last_heard_s > limit_s:
                raise ProtocolError("silent", f"nothing was heard from the client for {limit_s:g} s")
            await self.send(wire.Ping(now))

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

    async def send(self, message: wire.Message) -> None:
        """Write one message; TimeoutError when the client does not read."""
        try:
            async with asyncio.timeout(WRITE_TIMEOUT_S):
                await self._socket.send_bytes(wire.encode(message))
        except TimeoutError:
            _abort(self._request)
            raise

    async def refuse(self, error: ProtocolError) -> None:
        """Tell the client what it did wrong, as far as it still listens."""
        _log.info("client refused: %s: %s", error.code, error)
        with contextlib.suppress(ConnectionError, TimeoutError):
            await self.send(wire.ErrorMessage(error.code, str(error)))

    async def _expect(self, kind: type[_MessageT]) -> _MessageT:
        """The next message, which must be of `kind` and come soon."""
        limit_s = self._service.limits.hello_timeout_s
        try:
            async with asyncio.timeout(limit_s):
                message = await self._receive()
        except TimeoutError:
            raise ProtocolError("silent", f"no {kind.__name__.lower()} came within {limit_s:g} s") from None
        if message is None:
            raise ConnectionResetError("the client left before the stream was open")
        if not isinstance(message, kind):
            raise ProtocolError("unexpected", f"expected {kind.__name__.lower()}, got {type(message).__name__.lower()}")
        return message

    async def _receive(self) -> wire.Message | None:
        """The next message; None when the connection has ended."""
        return self._parse(await self._socket.receive())

    def _parse(self, received: WSMessage) -> wire.Message | None:
        if received.type is WSMsgType.BINARY:
            limit = self._service.limits.message_bytes
            if len(received.data) > limit:
                raise ProtocolError("message_too_large", f"{len(received.data)} bytes; at most {limit} are taken")
            return wire.decode(received.data)
        if received.type is WSMsgType.TEXT:
            raise ProtocolError("text", "messages are binary; this one was text (see docs/protocol.md)")
        return None
