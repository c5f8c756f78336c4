"""HTTP that nobody should send, against the server in service on a real socket: a word to its sender, a line here."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import pytest
import uvloop

from benchmarks.misbehaving import address
from benchmarks.odd_requests import IMPATIENT, ODD, Reply, faults, reply_to
from jellyfish.dispatch.dispatcher import Dispatcher
from jellyfish.lab.simulation.timed_executor import TimedExecutor
from jellyfish.modes.serving import listening_at
from jellyfish.server.service import Service
from tests.server.peer import MODEL, PROFILE, SMALL, decode

FEW_LINES = 20


@contextlib.asynccontextmanager
async def real_server() -> AsyncIterator[tuple[str, int]]:
    dispatcher = Dispatcher(TimedExecutor(PROFILE), PROFILE, SMALL, 4)
    service = Service([dispatcher], MODEL, decode, IMPATIENT)
    running = asyncio.create_task(dispatcher.run())
    try:
        async with listening_at(service, "127.0.0.1", 0) as url:
            yield address(url)
    finally:
        running.cancel()


def replies(requests: list[bytes]) -> list[Reply]:
    """All at once, on the event loop that serves."""

    async def ask() -> list[Reply]:
        async with real_server() as where:
            return await asyncio.gather(*(reply_to(request, where) for request in requests))

    return uvloop.run(ask())


def test_each_odd_request_is_refused_and_its_connection_closed() -> None:
    assert len(ODD) >= 86
    answers = replies([odd.data for odd in ODD.values()])
    found = {name: faults(odd, reply) for (name, odd), reply in zip(ODD.items(), answers, strict=True)}
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_an_odd_request_leaves_at_most_a_line_and_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        replies([odd.data for odd in ODD.values()])
    assert [each.getMessage() for each in caplog.records if each.exc_info or each.levelno >= logging.ERROR] == []
    assert len(caplog.records) <= len(ODD)
    assert [each.getMessage() for each in caplog.records if "\n" in each.getMessage()] == []


def test_who_sends_many_odd_requests_does_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        replies([ODD["a line without colon"].data] * 200)
    assert len(caplog.records) <= FEW_LINES


def test_connections_that_say_nothing_end_with_the_server() -> None:
    async def connect() -> bytes:
        async with real_server() as where:
            reader, writer = await asyncio.open_connection(*where)
            await reply_to(b"GET /livez HTTP/1.1\r\nHost: server\r\nConnection: close\r\n\r\n", where)
        said = await reader.read()
        writer.close()
        return said

    assert uvloop.run(connect()) == b""
