"""A server that leaves the choice to its clients: what it offers, and what it runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from jellyfish.config import CLIENTS_CHOOSE, Limits
from jellyfish.lab.simulation.network import at_url
from jellyfish.lab.simulation.timed_executor import TimedExecutor
from jellyfish.modes.assembly import ServerParts, assembled, policy
from jellyfish.protocol import wire
from tests.server.peer import JPEG, LARGE, MODEL, PROFILE, SMALL, Peer, connected, decode, running, welcomed
from tests.virtual import virtual


@asynccontextmanager
async def letting_choose(actuation: bool) -> AsyncIterator[None]:
    parts = ServerParts(
        devices=[(TimedExecutor(PROFILE), PROFILE)],
        model=MODEL,
        max_batch=4,
        decode=decode,
        policy=policy(CLIENTS_CHOOSE, None, 4, 0.5, seed=0),
        limits=Limits(),
        actuation=actuation,
    )
    async with assembled(parts, lambda record, service: None) as service, at_url(service):
        yield


async def introduced(peer: Peer) -> wire.Welcome:
    await peer.send(wire.Hello("camera", 15, 100.0))
    welcome = await peer.until(wire.Welcome)
    await asyncio.sleep(0.2)
    return welcome


@pytest.mark.parametrize("actuation", [False, True])
def test_the_welcome_offers_every_variant_and_says_whether_frames_are_narrowed(actuation: bool) -> None:
    @virtual
    async def run() -> wire.Welcome:
        async with letting_choose(actuation), connected() as peer:
            return await introduced(peer)

    welcome = run()
    assert welcome.narrows == actuation
    assert [(offer.variant, offer.f1, offer.execute_ms) for offer in welcome.offers] == [
        (SMALL.name, 0.5, pytest.approx(2.0)),
        (LARGE.name, 0.5, pytest.approx(20.0)),
    ]


@virtual
async def test_a_server_that_plans_offers_nothing() -> None:
    async with running(), connected() as peer:
        welcome = await introduced(peer)
    assert welcome.offers == () and not welcome.narrows


@virtual
async def test_each_frame_is_run_with_what_its_resolution_asks_for() -> None:
    async with letting_choose(actuation=False), welcomed() as peer:
        await asyncio.sleep(0.2)
        answers = []
        for number, resolution in enumerate((128, 448, 128)):
            now = peer.clock()
            await peer.send(wire.Frame(number, resolution, now, now, JPEG))
            answers.append((await peer.until(wire.Result)).variant)
    assert answers == [SMALL.name, LARGE.name, SMALL.name]


@virtual
async def test_a_frame_of_no_size_on_the_ladder_is_answered_all_the_same() -> None:
    async with letting_choose(actuation=False), welcomed() as peer:
        await asyncio.sleep(0.2)
        now = peer.clock()
        await peer.send(wire.Frame(0, 200, now, now, JPEG))
        assert (await peer.until(wire.Result)).variant in (SMALL.name, LARGE.name)
