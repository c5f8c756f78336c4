"""The gate around aiohttp's real server, in virtual time: deadlines, makers of noise, and who has to make room."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import aiohttp
import pytest

from jellyfish.clock import seconds_now
from jellyfish.config import Limits
from jellyfish.lab.simulation.network import HOST, PORT, URL
from jellyfish.protocol import wire
from tests.server.peer import SMALL, Peer, connected, everyone_on, http, running, welcomed
from tests.virtual import virtual

REQUEST = b"GET /livez HTTP/1.1\r\nHost: server\r\n\r\n"
STREAM = (
    b"GET /v1/stream HTTP/1.1\r\nHost: server\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
CLOSE = b"\x88\x82" + bytes(4) + b"\x03\xe8"
"""The least that says something: a WebSocket's own goodbye."""


class Caller(asyncio.Protocol):
    """A bare connection."""

    def __init__(self) -> None:
        self.heard, self.ended_s = b"", float("inf")
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.heard += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended_s = seconds_now()


async def call(*pieces: bytes) -> Caller:
    _, caller = await asyncio.get_running_loop().create_connection(Caller, HOST, PORT)
    assert isinstance(caller, Caller)
    for piece in pieces:
        caller.transport.write(piece)
        await asyncio.sleep(0.01)
    return caller


@pytest.mark.parametrize("said", [b"", b"GET /livez HTTP/1.1\r\nHost: ser"])
@virtual
async def test_a_request_that_does_not_come_is_not_waited_for(said: bytes) -> None:
    async with running(Limits(request_timeout_s=5.0)):
        caller = await call(said)
        await asyncio.sleep(10)
        assert caller.ended_s == pytest.approx(5.0, abs=0.1)
        assert caller.heard.startswith(b"HTTP/1.1 408 ")


@virtual
async def test_a_request_may_come_in_pieces_and_be_followed_by_another() -> None:
    async with running(Limits(keep_alive_s=15.0)):
        caller = await call(REQUEST[:7], REQUEST[7:], REQUEST + REQUEST)
        await asyncio.sleep(20)
        assert caller.heard.count(b'{"status": "alive"}') == 3
        assert caller.ended_s == pytest.approx(15.0, abs=0.2)


@virtual
async def test_a_body_is_neither_read_nor_waited_for() -> None:
    async with running():
        begins = b"GET /livez HTTP/1.1\r\nHost: server\r\nContent-Encoding: gzip\r\nContent-Length: 400000000\r\n\r\n"
        caller = await call(begins, bytes(100_000), bytes(100_000))
        await asyncio.sleep(1)
        assert caller.heard.startswith(b"HTTP/1.1 413 ")
        assert caller.ended_s < 1


@virtual
async def test_an_endless_request_is_refused() -> None:
    async with running():
        caller = await call(b"GET /livez HTTP/1.1\r\n", *[b"X-More: " + bytes(b"a" * 4000) + b"\r\n"] * 12)
        assert caller.heard.startswith(b"HTTP/1.1 431 ")
        assert caller.ended_s < 1


@pytest.mark.parametrize("said", [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\r\n\r\n", b"\n\r\n\r\n" + REQUEST])
@virtual
async def test_what_the_http_server_would_wait_behind_is_refused(said: bytes) -> None:
    async with running():
        caller = await call(said)
        await asyncio.sleep(100)
        assert caller.heard.startswith(b"HTTP/1.1 400 ") and caller.heard.endswith(b"this is no HTTP/1.1 request\n")
        assert caller.ended_s < 1


@virtual
async def test_those_that_say_nothing_keep_nobody_out() -> None:
    async with running(Limits(newcomers=20)):
        idle = [await call() for _ in range(50)]
        await asyncio.sleep(0.01)
        assert sum(caller.ended_s < float("inf") for caller in idle) == 30
        assert b"alive" in (await call(REQUEST)).heard
        async with welcomed() as peer:
            await peer.send_frame(0)
            assert (await peer.until(wire.Result)).reason is None


@virtual
async def test_many_that_join_at_once_are_let_on_one_after_the_other() -> None:
    async with running(Limits(joins_per_s=10.0)) as service, contextlib.AsyncExitStack() as stack:
        began_s, joined_s = seconds_now(), []

        async def join(name: str) -> None:
            await stack.enter_async_context(welcomed(name))
            joined_s.append(seconds_now() - began_s)

        async with asyncio.TaskGroup() as joining:
            for number in range(40):
                joining.create_task(join(f"camera {number}"))
            await asyncio.sleep(0.5)
            assert b"alive" in (await call(REQUEST)).heard  # other requests do not wait behind them
        assert sum(each < 0.1 for each in joined_s) == 20
        assert max(joined_s) == pytest.approx(2.0, abs=0.2)
        assert len(service.sessions) == 40


@pytest.mark.parametrize("wrong", [(b"Upgrade: websocket\r\n", b""), (b"Version: 13", b"Version: 99")])
@virtual
async def test_a_request_that_becomes_no_stream_takes_no_place_of_one(wrong: tuple[bytes, bytes]) -> None:
    limits = Limits(clients=1)
    async with running(limits):
        callers = [await call(STREAM.replace(*wrong) + b"\r\n") for _ in range(limits.connections)]
        await asyncio.sleep(0.1)
        assert {caller.heard[:13] for caller in callers} == {b"HTTP/1.1 400 "}
        assert all(caller.ended_s < 10 for caller in callers)
        assert (await call(STREAM + b"\r\n")).heard.startswith(b"HTTP/1.1 101 ")


@pytest.mark.parametrize(
    "request_", [STREAM, STREAM.replace(b"HTTP/1.1", b"HTTP/1.0"), STREAM + b"Expect: 100-continue\r\n"]
)
@virtual
async def test_whatever_comes_behind_a_request_for_a_stream_is_the_streams(request_: bytes) -> None:
    async with running(Limits(hello_timeout_s=5.0)):
        caller = await call(request_ + b"\r\n" + CLOSE)
        await asyncio.sleep(10)
        assert b" 101 " in caller.heard
        assert caller.ended_s < 1
        assert b"408" not in caller.heard


@virtual
async def test_a_stream_for_which_there_is_no_place_is_closed() -> None:
    async with running(Limits(per_address=1, count_loopback=True)):
        await call(STREAM + b"\r\n")
        refused = await call(STREAM + b"\r\n")
        await asyncio.sleep(0.1)
        assert refused.heard.startswith(b"HTTP/1.1 503 ")
        assert refused.ended_s < 1


@virtual
async def test_a_client_cannot_say_to_a_proxy_who_it_is() -> None:
    async with running(Limits(per_address=1, proxies=frozenset({"memory"}))):
        heard = []
        for number in range(2):
            said, added = f"X-Forwarded-For: 203.0.113.{number}\r\n", "X-Forwarded-For: 203.0.113.9\r\n"
            caller = await call(STREAM + said.encode() + added.encode() + b"\r\n")
            heard.append(caller.heard[9:12])
        assert heard == [b"101", b"503"]


@contextlib.asynccontextmanager
async def flooding(peer: Peer, message: bytes) -> AsyncIterator[list[int]]:
    """Sends all the time; how often so far."""
    sent = [0]

    async def flood() -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                await peer.socket.send_bytes(message)
                sent[0] += 1

    async def read() -> None:
        with contextlib.suppress(AssertionError):
            await peer.until(wire.Farewell)

    tasks = [asyncio.create_task(flood()), asyncio.create_task(read())]
    try:
        yield sent
    finally:
        for task in tasks:
            task.cancel()


@pytest.mark.parametrize(
    ("message", "most"),
    [
        (wire.encode(wire.Pong(0.0, 0.0, 0.0)), 5000),
        (wire.encode(wire.Frame(0, 128, 0.0, 0.0, bytes(60_000))), 1500),
    ],
    ids=["pongs", "large frames"],
)
@virtual
async def test_a_flood_is_not_read(message: bytes, most: int) -> None:
    async with running(), welcomed("flood") as peer, flooding(peer, message) as sent:
        await asyncio.sleep(5)
        assert sent[0] < most
        async with welcomed("good") as good:
            await good.send_frame(0)
            assert (await good.until(wire.Result)).reason is None


@virtual
async def test_pings_of_the_websocket_are_answered_at_a_rate() -> None:
    async with running(), http() as session, session.ws_connect(URL, autoping=False) as socket:
        peer, pongs = Peer(socket, seconds_now), 0
        await peer.send(wire.Hello("camera", 15, 100))

        async def flood() -> None:
            while True:
                await socket.ping(b"x")

        task = asyncio.create_task(flood())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(4):
                while (message := await socket.receive()).type is not aiohttp.WSMsgType.CLOSED:
                    pongs += message.type is aiohttp.WSMsgType.PONG
        task.cancel()
        assert 100 < pongs < 400


@virtual
async def test_silent_clients_make_room_for_one_that_comes() -> None:
    async with (
        running(Limits(clients=2, idle_s=5.0)) as service,
        welcomed("silent") as silent,
        welcomed("sends") as sends,
    ):
        waiting = asyncio.create_task(silent.until(wire.ErrorMessage))
        sending = asyncio.create_task(sends.until(wire.Farewell))
        for number in range(60):
            await sends.send_frame(number)
            await asyncio.sleep(0.1)
        async with connected() as late:
            await late.send(wire.Hello("late", 15, 100))
            await late.until(wire.Welcome)
            assert set(service.sessions) == {"sends", "late"}
            assert (await waiting).code == "idle"
        sending.cancel()


@virtual
async def test_plans_count_with_those_that_send() -> None:
    async with running() as service:
        causes: list[str] = []
        service.on_change = causes.append
        async with welcomed("silent"), welcomed("sends") as peer:
            assert len(service.observe(seconds_now()).clients) == 2
            await asyncio.sleep(2.1)
            assert service.observe(seconds_now()).clients == ()
            await peer.send_frame(0)
            await peer.until(wire.Result)
            assert [demand.client for demand in service.observe(seconds_now()).clients] == ["sends"]
            service.apply(everyone_on(SMALL, "sends"))
            await peer.until(wire.PlanMessage)
            await asyncio.sleep(4)
            assert service.observe(seconds_now()).clients == ()
        assert causes[:4] == ["join", "join", "join", "leave"]


@virtual
async def test_the_word_of_many_that_join_again_is_not_taken() -> None:
    async with running() as service, contextlib.AsyncExitStack() as stack:
        for number in range(50):
            await stack.enter_async_context(welcomed(f"camera {number}"))
        assert len(service.observe(seconds_now()).clients) <= 26


@virtual
async def test_what_strangers_do_does_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async with running(Limits(request_timeout_s=0.5)):
        with caplog.at_level(logging.INFO, "jellyfish.server"):
            for _ in range(100):
                await call(b"GET /livez HTTP/9.9\r\n\r\n")
            await asyncio.sleep(30)
            await call(b"GET /livez HTTP/9.9\r\n\r\n")
    lines = [record.getMessage() for record in caplog.records if "bad request" in record.getMessage()]
    assert len(lines) < 25
    assert "more were not logged" in lines[-1]
    assert not any(record.exc_info for record in caplog.records)


@virtual
async def test_a_subprotocol_that_a_stranger_asks_for_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with running():
        with caplog.at_level(logging.WARNING):
            caller = await call(STREAM + b"Sec-WebSocket-Protocol: " + b"x" * 4000 + b"\r\n\r\n")
    assert b" 101 " in caller.heard
    assert caplog.records == []
