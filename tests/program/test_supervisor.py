"""What a supervisor such as systemd is told: that the server is ready, that it lives; nothing where nobody listens."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from jellyfish.program.supervisor import BEATS, SOCKET, WATCHDOG, Supervisor
from tests.virtual import virtual


@contextlib.contextmanager
def listening(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.setblocking(False)
        channel.bind(address)
        yield channel


def heard(channel: socket.socket) -> list[str]:
    told = []
    with contextlib.suppress(BlockingIOError):
        while True:
            told.append(channel.recv(1024).decode())
    return told


@pytest.mark.parametrize("abstract", [False, True])
def test_states_are_told_to_whoever_listens(tmp_path: Path, abstract: bool) -> None:
    name = f"{tmp_path}/socket"
    with listening("\0" + name if abstract else name) as channel:
        Supervisor({SOCKET: "@" + name if abstract else name}).tell("READY=1", "STATUS=it serves")
        assert heard(channel) == ["READY=1\nSTATUS=it serves"]


def test_where_nobody_listens_nothing_happens(tmp_path: Path) -> None:
    Supervisor({}).tell("READY=1")
    Supervisor({SOCKET: f"{tmp_path}/nobody"}).tell("READY=1")


@virtual
async def test_signs_of_life_come_often_enough_and_only_where_they_are_waited_for() -> None:
    name = "\0jellyfish-test-supervisor"
    with listening(name) as channel:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(59):
                await Supervisor({SOCKET: "@" + name[1:], WATCHDOG: "30000000"}).beat()
        assert heard(channel) == ["WATCHDOG=1"] * 2 * BEATS
        await Supervisor({SOCKET: "@" + name[1:]}).beat()
        assert heard(channel) == []
