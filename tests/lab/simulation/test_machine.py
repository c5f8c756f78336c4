"""A machine in virtual time: the event loop, the threads beside it, and who waits for whom."""

from __future__ import annotations

import asyncio

import pytest

from jellyfish.lab.simulation.machine import SWITCH_S, Machine
from jellyfish.lab.simulation.virtual_loop import VirtualLoop
from tests.virtual import virtual


def machine(cores: int = 2, standing: float = 0.0) -> tuple[Machine, VirtualLoop]:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return Machine(loop, cores, standing), loop


@virtual
async def test_what_the_loop_does_makes_it_late_for_all_that_is_due_meanwhile() -> None:
    host, loop = machine()
    late: list[float] = []
    loop.call_later(0.010, lambda: late.append(loop.time()))
    host.spend(0.050)
    assert loop.time() == pytest.approx(0.050)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert late == [pytest.approx(0.050)]


@virtual
async def test_threads_beside_the_loop_take_no_time_of_it_while_there_are_cores() -> None:
    host, loop = machine()
    batch = asyncio.create_task(host.batch(0.020, weight=1.0, threads=1))
    await asyncio.sleep(0)
    host.spend(0.010)
    assert loop.time() == pytest.approx(0.010)
    await batch
    assert loop.time() == pytest.approx(0.020)


@virtual
async def test_on_one_core_the_loop_and_a_batch_slow_each_other_down() -> None:
    host, loop = machine(cores=1)
    batch = asyncio.create_task(host.batch(0.020, weight=1.0, threads=1))
    await asyncio.sleep(0)
    host.spend(0.010)
    assert loop.time() == pytest.approx(0.020)
    await batch
    assert loop.time() == pytest.approx(0.030)


@virtual
async def test_a_batch_of_low_weight_gives_way() -> None:
    host, loop = machine(cores=1)
    batch = asyncio.create_task(host.batch(0.020, weight=0.25, threads=1))
    await asyncio.sleep(0)
    host.spend(0.010)
    assert loop.time() == pytest.approx(0.0125)
    batch.cancel()


@virtual
async def test_a_batch_stands_still_for_its_share_of_the_time_that_the_loop_works() -> None:
    host, loop = machine(standing=0.8)
    batch = asyncio.create_task(host.batch(0.020, weight=1.0, threads=1))
    await asyncio.sleep(0)
    host.spend(0.010)
    assert loop.time() == pytest.approx(0.010)
    await batch
    assert loop.time() == pytest.approx(0.028)


@virtual
async def test_a_bystander_takes_its_share_until_it_is_stopped() -> None:
    host, loop = machine(cores=1)
    stop = host.bystander(cores=1.0, weight=1.0)
    host.spend(0.010)
    assert loop.time() == pytest.approx(0.020)
    stop()
    host.spend(0.010)
    assert loop.time() == pytest.approx(0.030)


@virtual
async def test_frames_are_decoded_in_the_order_in_which_they_came() -> None:
    host, loop = machine(cores=2)
    done: list[float] = []
    for _ in range(4):
        asyncio.ensure_future(host.decode(0.010)).add_done_callback(lambda _: done.append(loop.time()))
    await asyncio.sleep(1.0)
    assert done == pytest.approx([0.010, 0.010, 0.020, 0.020])


@virtual
async def test_a_planner_that_works_makes_a_loop_that_wakes_wait_for_the_interpreter() -> None:
    host, loop = machine()
    planning = asyncio.create_task(host.solve(0.100))
    await asyncio.sleep(0.020)
    host.spend(0.001)
    assert loop.time() == pytest.approx(0.021 + SWITCH_S)
    host.spend(0.001)  # it still has it
    assert loop.time() == pytest.approx(0.022 + SWITCH_S)
    await planning
    assert loop.time() == pytest.approx(0.102)  # the planner stood still meanwhile


@virtual
async def test_nobody_need_wait_for_a_job_any_more_for_it_to_end() -> None:
    host, loop = machine(cores=1)
    given_up = asyncio.create_task(host.decode(0.010))
    await asyncio.sleep(0)
    given_up.cancel()
    host.spend(0.010)
    assert loop.time() == pytest.approx(0.020)
