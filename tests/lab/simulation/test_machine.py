"""A machine in virtual time: the event loop, the threads beside it, and who waits for whom."""

from __future__ import annotations

import asyncio

import pytest

from jellyfish.lab.simulation.machine import PLANNER_WEIGHT, WORKER_WEIGHT, Machine, Threads
from jellyfish.lab.simulation.virtual_loop import VirtualLoop
from tests.virtual import virtual

SHARING, APART = Threads(1, 0), Threads(0, 1)


def machine(cores: int = 2, halves: bool = True) -> tuple[Machine, VirtualLoop]:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return Machine(loop, cores, halves), loop


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
async def test_cores_are_rested_when_nothing_was_to_do_until_now() -> None:
    host, _ = machine()
    assert host.rested(roams=False)
    host.spend(0.010)
    assert not host.rested(roams=False)
    assert host.rested(roams=True)  # on the other half
    decoding = asyncio.ensure_future(host.decode(0.010))
    await asyncio.sleep(0.005)
    assert host.rested(roams=False)
    assert host.rested(roams=True)  # on the first half, for the other one decodes
    await decoding
    assert not host.rested(roams=True)
    await asyncio.sleep(0.001)
    assert host.rested(roams=True)


@virtual
async def test_decoders_and_the_planner_are_where_least_is_to_do() -> None:
    host, loop = machine()
    batch = asyncio.ensure_future(host.batch(0.020, APART))
    await asyncio.sleep(0)
    decoding = asyncio.gather(host.decode(0.010), host.decode(0.010))
    await asyncio.sleep(0)
    planning = asyncio.ensure_future(host.solve(0.010))
    await decoding
    assert loop.time() == pytest.approx(0.020)
    await batch
    assert loop.time() == pytest.approx(0.020 * (1 + PLANNER_WEIGHT))
    await planning


@virtual
async def test_nothing_on_the_first_half_disturbs_a_worker_on_the_second() -> None:
    host, loop = machine()
    decoding = [asyncio.ensure_future(host.decode(0.010)) for _ in range(4)]
    await host.batch(0.020, APART)
    assert loop.time() == pytest.approx(0.020)
    await asyncio.gather(*decoding)


@pytest.mark.parametrize(("cores", "threads"), [(2, SHARING), (1, SHARING), (1, APART)])
def test_a_worker_that_shares_a_core_gives_way(cores: int, threads: Threads) -> None:
    @virtual
    async def share() -> None:
        host, loop = machine(cores)
        batch = asyncio.create_task(host.batch(0.020, threads))
        await asyncio.sleep(0)
        host.spend(0.010)
        assert loop.time() == pytest.approx(0.010 * (1 + WORKER_WEIGHT))
        await batch
        assert loop.time() == pytest.approx(0.030)

    share()


@virtual
async def test_a_worker_on_both_halves_is_done_when_its_slowest_thread_is() -> None:
    host, loop = machine(cores=4)
    stop = host.bystander("first", cores=2.0, weight=WORKER_WEIGHT)
    await host.batch(0.020, Threads(2, 2))
    assert loop.time() == pytest.approx(0.040)
    stop()


@virtual
async def test_where_no_device_is_a_processor_all_cores_are_for_all() -> None:
    host, loop = machine(halves=False)
    decoding = asyncio.ensure_future(host.decode(0.010))
    await asyncio.sleep(0)
    host.spend(0.010)
    assert loop.time() == pytest.approx(0.010)
    await decoding


@virtual
async def test_the_planner_gets_what_others_leave() -> None:
    host, loop = machine(cores=1)
    planning = asyncio.create_task(host.solve(0.010))
    await asyncio.sleep(0)
    host.spend(0.020)
    assert loop.time() == pytest.approx(0.020 * (1 + PLANNER_WEIGHT))
    await planning
    assert loop.time() == pytest.approx(0.030)


@virtual
async def test_the_planner_is_on_the_other_half_while_that_has_nothing_to_do() -> None:
    host, loop = machine()
    planning = asyncio.create_task(host.solve(0.010))
    await asyncio.sleep(0)
    host.spend(0.020)
    assert loop.time() == pytest.approx(0.020)
    await planning


@virtual
async def test_a_bystander_slows_its_own_half_down() -> None:
    host, loop = machine()
    stop = host.bystander("second", cores=1.0, weight=1.0)
    host.spend(0.010)
    assert loop.time() == pytest.approx(0.010)
    await host.batch(0.010, APART)  # a worker that has the half to itself does not give way
    assert loop.time() == pytest.approx(0.010 + 0.020)
    stop()


@virtual
async def test_a_bystander_takes_its_share_until_it_is_stopped() -> None:
    host, loop = machine(cores=1)
    stop = host.bystander("second", cores=1.0, weight=1.0)
    host.spend(0.010)
    assert loop.time() == pytest.approx(0.020)
    stop()
    host.spend(0.010)
    assert loop.time() == pytest.approx(0.030)


@virtual
async def test_frames_are_decoded_in_the_order_in_which_they_came() -> None:
    host, loop = machine(cores=4)
    done: list[float] = []
    for _ in range(6):
        asyncio.ensure_future(host.decode(0.010)).add_done_callback(lambda _: done.append(loop.time()))
    await asyncio.sleep(1.0)
    assert done == pytest.approx([0.010, 0.010, 0.010, 0.010, 0.020, 0.020])  # four threads on four cores


@virtual
async def test_nobody_need_wait_for_a_job_any_more_for_it_to_end() -> None:
    host, loop = machine(cores=1)
    given_up = asyncio.create_task(host.decode(0.010))
    await asyncio.sleep(0)
    given_up.cancel()
    host.spend(0.010)
    assert loop.time() == pytest.approx(0.020)
