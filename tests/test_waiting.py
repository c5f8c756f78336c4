"""Waiting for a signal or a time."""

from __future__ import annotations

import asyncio

import pytest

from jellyfish.waiting import Patience, Signal, sleep_until
from tests.virtual import virtual


@virtual
async def test_a_signal_is_kept_until_it_is_cleared() -> None:
    loop = asyncio.get_running_loop()
    signal = Signal(loop)
    signal.set()
    await signal.wait()
    await signal.wait()
    signal.clear()
    loop.call_later(3.0, signal.set)
    await signal.wait()
    assert loop.time() == 3.0


@virtual
async def test_two_cannot_wait_for_one_signal() -> None:
    signal = Signal(asyncio.get_running_loop())
    first = asyncio.create_task(signal.wait())
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="already"):
        await signal.wait()
    signal.set()
    await first


@virtual
async def test_whoever_was_cancelled_waits_no_longer() -> None:
    signal = Signal(asyncio.get_running_loop())
    first = asyncio.create_task(signal.wait())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    signal.set()
    await signal.wait()


@virtual
async def test_sleeping_until_a_time_lets_others_run_first_also_when_it_is_past() -> None:
    loop = asyncio.get_running_loop()
    await sleep_until(loop, 2.5)
    assert loop.time() == 2.5
    ran: list[str] = []
    loop.call_soon(ran.append, "other")
    await sleep_until(loop, 1.0)
    assert loop.time() == 2.5
    assert ran == ["other"]


@virtual
async def test_patience_ends_when_something_takes_too_long_without_a_moment_of_rest() -> None:
    overdue_s: list[float] = []
    loop = asyncio.get_running_loop()
    patience = Patience(loop, 5.0, lambda: overdue_s.append(loop.time()))
    for _ in range(4):  # each for less than that
        with patience:
            await asyncio.sleep(3.0)
    assert not overdue_s
    with patience:  # from 12 s on, while a timer of the last one's still waits
        await asyncio.sleep(2.0)
        with patience:
            await asyncio.sleep(2.0)
        await asyncio.sleep(4.0)
    assert overdue_s == [17.0]
    await asyncio.sleep(60.0)
    assert overdue_s == [17.0]
