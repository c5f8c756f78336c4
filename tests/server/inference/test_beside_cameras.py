"""Requests beside cameras, in virtual time: what is too much of them costs the cameras next to nothing."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import aiohttp
import pytest

from jellyfish.config import Limits
from jellyfish.core import Variant
from jellyfish.protocol import wire
from tests.server.inference.asking import ask, http, planned
from tests.server.peer import LARGE, Peer, welcomed
from tests.virtual import run_virtual, virtual

CAMERAS, FPS, SLO_S = 3, 15.0, 0.1
LARGE_FPS = 80.0
"""Of the device, in batches of four."""
SECONDS = 6.0
MANY = Limits(per_address=None)


async def on_camera(name: str) -> list[bool]:
    """Frames at an even rate; whether each was answered in time."""
    async with welcomed(name, slo_ms=1000 * SLO_S) as peer:
        sent: dict[int, float] = {}
        fates: dict[int, bool] = {}
        listening = asyncio.create_task(listen(peer, sent, fates))
        for number in range(int(SECONDS * FPS)):
            sent[number] = peer.clock()
            await peer.send_frame(number)
            await asyncio.sleep(1 / FPS)
        await asyncio.sleep(2 * SLO_S)
        listening.cancel()
        return [fates.get(number, False) for number in sent]


async def listen(peer: Peer, sent: dict[int, float], fates: dict[int, bool]) -> None:
    while True:
        result = await peer.until(wire.Result)
        fates[result.frame] = result.reason is None and peer.clock() - sent[result.frame] <= SLO_S


async def requests(session: aiohttp.ClientSession, fps: float, timeout_ms: float) -> Counter[int]:
    """At random, whatever becomes of those before; status -> how many. None is answered late."""
    chance, asked = random.Random(1), []
    loop = asyncio.get_running_loop()
    ends_s = loop.time() + SECONDS
    while loop.time() < ends_s:
        asked.append(loop.create_task(ask(session, timeout_ms=timeout_ms)))
        await asyncio.sleep(chance.expovariate(fps))
    replies = await asyncio.gather(*asked)
    assert max(reply.seconds for reply in replies) <= timeout_ms / 1000 + 0.002
    return Counter(reply.status for reply in replies)


async def beside(
    fps: float, timeout_ms: float, fixed: Variant | None = None, limits: Limits | None = None
) -> tuple[float, Counter[int]]:
    """Share of the cameras' frames in time, and what became of requests."""
    async with planned(limits or MANY, fixed) as service, http() as session:
        cameras = [asyncio.create_task(on_camera(f"camera {number}")) for number in range(CAMERAS)]
        await asyncio.sleep(1.0)
        statuses = await requests(session, fps, timeout_ms) if fps else Counter[int]()
        frames = [in_time for camera in cameras for in_time in await camera]
        totals = service.requesters.totals()
        assert totals["received"] == sum(count for reason, count in totals.items() if reason != "received")
        assert sum(requester.account.open for requester in service.requesters) == 0
        return sum(frames) / len(frames), statuses


@pytest.mark.parametrize(("fixed", "timeout_ms"), [(None, 100.0), (None, 1000.0), (LARGE, 100.0), (LARGE, 1000.0)])
def test_requests_at_one_and_a_half_times_capacity_cost_cameras_at_most_a_point(
    fixed: Variant | None, timeout_ms: float
) -> None:
    besieged, statuses = run_virtual(beside(1.5 * LARGE_FPS, timeout_ms, fixed))
    assert besieged >= 0.99  # alone they miss nothing
    assert statuses[200] > 0.1 * statuses.total()


def test_without_a_share_cameras_pay() -> None:
    """That the test above can fail."""
    besieged, _ = run_virtual(beside(1.5 * LARGE_FPS, 1000.0, LARGE, Limits(requests_share=1.0, per_address=None)))
    assert besieged < 0.9


@virtual
async def test_without_cameras_requests_have_the_whole_device() -> None:
    async with planned(fixed=LARGE), http() as session:
        statuses = await requests(session, 0.7 * LARGE_FPS, 100.0)
        assert statuses[200] > 0.9 * statuses.total()
