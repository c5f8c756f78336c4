"""The virtual loop: time jumps, order holds, connections end the way real ones do."""

from __future__ import annotations

import asyncio

import pytest

from jellyfish.lab.simulation.virtual_loop import NothingLeftError, VirtualLoop
from tests.virtual import run_virtual, virtual


@virtual
async def test_an_hour_passes_at_once_and_timers_fire_in_order() -> None:
    fired: list[int] = []
    loop = asyncio.get_running_loop()
    for seconds in (3600, 1, 60):
        loop.call_later(seconds, fired.append, seconds)
    await asyncio.sleep(3601)
    assert fired == [1, 60, 3600]
    assert loop.time() == pytest.approx(3601)


@virtual
async def test_timers_of_the_same_time_come_in_the_order_in_which_they_were_set_whatever_was_cancelled() -> None:
    fired: list[int] = []
    loop = asyncio.get_running_loop()
    timers = [loop.call_at(1.0, fired.append, number) for number in range(400)]
    for timer in timers[::3] + timers[1::3]:
        timer.cancel()
    loop.call_at(1.0, fired.append, 400)
    await asyncio.sleep(2.0)
    assert fired == [*range(2, 400, 3), 400]


def test_waiting_for_what_cannot_happen_is_an_error_not_a_hang() -> None:
    async def wait() -> None:
        await asyncio.Event().wait()

    with pytest.raises(NothingLeftError):
        run_virtual(wait())


class Collector(asyncio.Protocol):
    def __init__(self) -> None:
        self.got = bytearray()
        self.ended = asyncio.Event()
        self.lost: Exception | None = None
        self.paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.got += data

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = exc
        self.ended.set()


async def pair() -> tuple[Collector, Collector]:
    made: list[Collector] = []

    def factory() -> Collector:
        made.append(Collector())
        return made[-1]

    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    await loop.create_server(factory, "server", 80)
    _, client = await loop.create_connection(Collector, "server", 80)
    return client, made[0]


@virtual
async def test_what_is_written_before_closing_arrives_and_then_the_end() -> None:
    client, server = await pair()
    client.transport.write(b"first")
    client.transport.write(b"second")
    client.transport.close()
    await server.ended.wait()
    assert bytes(server.got) == b"firstsecond"
    assert server.lost is None
    assert client.ended.is_set()


@virtual
async def test_what_lies_unread_is_lost_when_the_connection_is_cut() -> None:
    client, server = await pair()
    server.transport.pause_reading()
    client.transport.write(b"never read")
    client.transport.abort()
    await server.ended.wait()
    assert bytes(server.got) == b""
    assert isinstance(server.lost, ConnectionResetError)


@virtual
async def test_a_writer_is_told_to_pause_while_the_reader_does_not_read() -> None:
    client, server = await pair()
    server.transport.pause_reading()
    client.transport.write(bytes(200_000))
    assert client.paused
    server.transport.resume_reading()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not client.paused
    assert len(server.got) == 200_000


@virtual
async def test_nobody_listens_at_an_address_that_is_closed_or_taken() -> None:
    loop = asyncio.get_running_loop()
    with pytest.raises(ConnectionRefusedError):
        await loop.create_connection(Collector, "server", 80)
    server = await loop.create_server(Collector, "server", 80)
    with pytest.raises(OSError, match="taken"):
        await loop.create_server(Collector, "server", 80)
    server.close()
    with pytest.raises(ConnectionRefusedError):
        await loop.create_connection(Collector, "server", 80)
