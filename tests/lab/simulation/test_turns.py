"""Who of several fronts has a device next."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from jellyfish.clock import seconds_now
from jellyfish.lab.simulation.timed_executor import asleep
from jellyfish.lab.simulation.turns import DeviceTurns
from tests.virtual import run_virtual


def test_fronts_that_want_all_of_a_device_have_it_by_their_shares() -> None:
    turns = DeviceTurns()
    turns.share_out({"one": 0.75, "other": 0.25})
    had_s: Counter[str] = Counter()

    async def greedy(front: str, seconds: float) -> None:
        take = turns.taking(front, asleep)
        while True:
            await take(seconds, 0, 320, 1)
            had_s[front] += seconds

    async def together() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(20.0):
                await asyncio.gather(greedy("one", 0.01), greedy("other", 0.03))

    run_virtual(together())
    assert had_s["one"] == pytest.approx(15.0, rel=0.02)
    assert had_s["other"] == pytest.approx(5.0, rel=0.02)
    assert turns.busy_s == pytest.approx(20.0, rel=0.01)


def test_who_is_alone_does_not_wait_and_who_comes_back_waits_for_one_batch() -> None:
    turns = DeviceTurns()
    turns.share_out({"one": 0.5, "other": 0.5})

    async def waits() -> list[float]:
        one, other = turns.taking("one", asleep), turns.taking("other", asleep)
        waited_s = [await one(0.02, 0, 320, 1) for _ in range(50)]
        running = asyncio.ensure_future(one(0.02, 0, 320, 1))
        await asyncio.sleep(0.005)
        waited_s.append(await other(0.01, 0, 320, 1))
        waited_s.append(await running)
        return waited_s

    *alone, came_back, running = run_virtual(waits())
    assert alone == [0.0] * 50
    assert came_back == pytest.approx(0.015)
    assert running == 0.0


def test_workers_have_turns_of_their_own_and_who_gives_up_waiting_holds_up_nobody() -> None:
    turns = DeviceTurns()

    async def gave_up() -> float:
        one, other = turns.taking("one", asleep), turns.taking("other", asleep)
        running = asyncio.ensure_future(one(1.0, 0, 320, 1))
        await asyncio.sleep(0.0)
        assert await other(0.1, 1, 320, 1) == 0.0  # the other worker is free
        waiting = asyncio.ensure_future(other(0.1, 0, 320, 1))
        await asyncio.sleep(0.0)
        waiting.cancel()
        await running
        await other(0.1, 0, 320, 1)
        return seconds_now()

    assert run_virtual(gave_up()) == pytest.approx(1.1)
