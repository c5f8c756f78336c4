"""Several fronts on one worker, in virtual time: each has its share, whatever the others send."""

from __future__ import annotations

import asyncio
from collections import Counter

import numpy as np
import pytest

from jellyfish.devices.executor import DeviceGrant
from jellyfish.devices.stream.executor import StreamExecutor, WorkerGoneError
from jellyfish.devices.stream.messages import OpenWorker
from jellyfish.devices.stream.sharing import SILENT_S
from jellyfish.devices.stream.worker_end import ServingDevice, WorkerEnd
from jellyfish.modes.worker import shared_out
from tests.devices.stream.joined import IDENTITY, Wires, Working, a_profile, decode
from tests.server.peer import MODEL, SMALL
from tests.virtual import virtual

IMAGE = np.zeros((4, 6, 3), np.uint8)


class Site:
    """One worker and its fronts."""

    def __init__(self, *names: str) -> None:
        self.device = Working()
        self.worker = WorkerEnd(IDENTITY, decode, None, lambda why: None, shared_out)
        self.wires = {name: Wires(self.worker) for name in names}
        self.fronts = {
            name: StreamExecutor(
                name,
                MODEL,
                OpenWorker(front=name, model=IDENTITY, url=f"ws://{name}/v1/stream"),
                wires,
                lambda said: None,
            )
            for name, wires in self.wires.items()
        }

    async def open(self) -> None:
        self.worker.ready(ServingDevice("cpu", self.device, a_profile(), IDENTITY))
        for front in self.fronts.values():
            await front.open()

    @property
    def shares(self) -> dict[str, float]:
        return {name: front.grant.share for name, front in self.fronts.items()}


async def keep_busy(front: StreamExecutor, done: Counter[str], name: str) -> None:
    """Two batches in flight, always."""

    async def one_after_the_other() -> None:
        while True:
            await front.run([SMALL], [IMAGE])
            done[name] += 1

    async with asyncio.TaskGroup() as tasks:
        for _ in range(2):
            tasks.create_task(one_after_the_other())


@virtual
async def test_each_front_has_the_share_that_it_asked_for_while_all_want_more() -> None:
    site = Site("one", "two", "three")
    await site.open()
    assert site.shares == dict.fromkeys(site.shares, pytest.approx(1 / 3))
    for name, weight in (("one", 1.0), ("two", 3.0), ("three", 6.0)):
        site.fronts[name].want(2.0, weight)
    await asyncio.sleep(0.01)
    assert site.shares["three"] == pytest.approx(0.6, abs=0.02)
    done = Counter[str]()
    busy = [asyncio.create_task(keep_busy(front, done, name)) for name, front in site.fronts.items()]
    await asyncio.sleep(10.0)
    for task in busy:
        task.cancel()
    await asyncio.wait(busy)
    whole = done.total()
    assert whole == pytest.approx(1000, rel=0.02), "the device is never idle"
    for name, share in site.shares.items():
        assert done[name] / whole == pytest.approx(share, abs=0.02)


@virtual
async def test_what_one_front_does_not_use_the_others_do() -> None:
    site = Site("busy", "idle")
    await site.open()
    done = Counter[str]()
    busy = asyncio.create_task(keep_busy(site.fronts["busy"], done, "busy"))
    await asyncio.sleep(5.0)
    busy.cancel()
    await asyncio.wait([busy])
    assert done["busy"] == pytest.approx(500, rel=0.02)


@virtual
async def test_waiting_for_others_is_told_and_waiting_for_ones_own_is_not() -> None:
    site = Site("one", "two")
    await site.open()
    one, two = site.fronts.values()
    first = asyncio.create_task(one.run_undecoded([SMALL], [IMAGE]))
    await asyncio.sleep(0.001)
    other = asyncio.create_task(two.run_undecoded([SMALL], [IMAGE]))
    await asyncio.sleep(0.001)
    second = asyncio.create_task(one.run_undecoded([SMALL], [IMAGE]))
    waited_s = [(await task).waited_s for task in (first, other, second)]
    assert waited_s == [0.0, pytest.approx(0.009), pytest.approx(0.010)]
    ran = await asyncio.gather(*(one.run_undecoded([SMALL], [IMAGE]) for _ in range(2)))
    assert [each.waited_s for each in ran] == [0.0, pytest.approx(0.0, abs=1e-6)]


@virtual
async def test_a_front_that_dies_gives_its_share_to_the_others_at_once_and_its_batches_are_not_run() -> None:
    site = Site("dies", "lives")
    await site.open()
    told: list[DeviceGrant] = []
    lives = site.fronts["lives"]
    lives.on_grant = lambda: told.append(lives.grant)
    assert lives.grant.fronts == ("ws://dies/v1/stream",)
    running = [asyncio.create_task(site.fronts["dies"].run([SMALL], [IMAGE])) for _ in range(4)]
    await asyncio.sleep(0.005)
    site.wires["dies"].reachable = False
    site.wires["dies"].cut()
    await asyncio.sleep(0.001)
    assert (lives.grant, told[-1]) == (DeviceGrant(), DeviceGrant())
    await lives.run([SMALL], [IMAGE])
    assert site.device.batches == [1, 1], "the one that ran, and this one"
    for each in await asyncio.gather(*running, return_exceptions=True):
        assert isinstance(each, WorkerGoneError)


@virtual
async def test_a_front_whose_machine_is_gone_without_a_word_has_no_share_soon() -> None:
    site = Site("gone", "there")
    await site.open()
    near = site.wires["gone"].near
    assert near is not None
    near.deaf, near.other, site.wires["gone"].reachable = True, near, False  # the other end hears of no end, either
    await asyncio.sleep(SILENT_S + 1.0)
    assert site.worker.fronts == 2
    assert site.fronts["there"].grant.share == 1.0


@virtual
async def test_a_front_that_comes_again_asks_again() -> None:
    site = Site("one", "two")
    await site.open()
    site.fronts["one"].want(2.0, 9.0)
    site.fronts["two"].want(2.0, 1.0)
    await asyncio.sleep(0.01)
    before = site.shares
    assert before["one"] == pytest.approx(0.9, abs=0.02)
    site.wires["one"].cut()
    await asyncio.sleep(1.0)
    assert site.shares == before
