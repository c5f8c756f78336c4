"""A server without sockets, put together: what ends it."""

from __future__ import annotations

import asyncio

import pytest

from jellyfish.config import Limits
from jellyfish.control.loop import WindowRecord
from jellyfish.errors import InputError, RunError
from jellyfish.lab.simulation.timed_executor import TimedExecutor
from jellyfish.modes.assembly import ServerParts, assembled, policy
from jellyfish.server.service import Service
from tests.server.peer import MODEL, PROFILE, decode
from tests.virtual import virtual


def parts() -> ServerParts:
    return ServerParts(
        devices=[(TimedExecutor(PROFILE), PROFILE)],
        model=MODEL,
        max_batch=4,
        decode=decode,
        policy=policy("exact", None, 4, 0.5, seed=0),
        limits=Limits(),
    )


@virtual
async def test_a_server_whose_control_loop_has_ended_does_not_go_on() -> None:
    windows = 0

    def fail_in_the_third(record: WindowRecord, service: Service) -> None:
        nonlocal windows
        windows += 1
        if windows == 3:
            raise RunError("the disk is full")

    with pytest.raises(RunError, match="disk is full"):
        async with assembled(parts(), fail_in_the_third):
            await asyncio.sleep(3600.0)
    assert asyncio.get_running_loop().time() == pytest.approx(1.0)


@virtual
async def test_what_goes_wrong_inside_comes_out_as_it_is_and_nothing_goes_on() -> None:
    with pytest.raises(InputError, match="port"):
        async with assembled(parts(), lambda record, service: None):
            await asyncio.sleep(1.0)
            raise InputError("the port is taken")
    assert len(asyncio.all_tasks()) == 1
