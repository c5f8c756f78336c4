"""The dispatcher in virtual time: every request is answered exactly once, whatever the device does."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from jellyfish.control.problem import OUT_OF_SERVICE_S, DevicePlan, Share
from jellyfish.core import Answer, Reason, Variant
from jellyfish.devices.health import DeviceState
from jellyfish.devices.profile.table import LatencyProfile, VariantLatency
from jellyfish.dispatch.batcher import Batcher
from jellyfish.dispatch.dispatcher import Dispatcher
from jellyfish.dispatch.request import Answered, Dropped, Request
from jellyfish.errors import InputError
from jellyfish.lab.simulation.timed_executor import Disturbance, TimedExecutor
from tests.dispatch.requests import IMAGE, LARGE, SMALL, profile
from tests.virtual import virtual


def dispatcher(
    disturbance: Disturbance | None = None, batch: int = 4, capacity: int = 64, workers: int = 1
) -> Dispatcher:
    made = profile(workers=workers)
    return Dispatcher(TimedExecutor(made, disturbance), made, SMALL, batch, Batcher(capacity))


@asynccontextmanager
async def serving(served: Dispatcher) -> AsyncIterator[None]:
    task = asyncio.create_task(served.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def submit(
    served: Dispatcher, budget_s: float, frame: int = 0, variant: Variant | None = None
) -> asyncio.Future[Answered | Dropped]:
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Answered | Dropped] = loop.create_future()
    served.submit(Request("camera", frame, loop.time() + budget_s, loop.time(), IMAGE, done, variant))
    return done


@virtual
async def test_a_frame_is_answered_with_its_times() -> None:
    served = dispatcher()
    async with serving(served):
        first = submit(served, 10.0)
        await asyncio.sleep(0.25)
        second = submit(served, 10.0)
        assert await first == Answered(Answer(), SMALL, "cpu", batch=1, queue_s=0.0, execute_s=1.0)
        assert await second == Answered(Answer(), SMALL, "cpu", batch=1, queue_s=0.75, execute_s=1.0)


@virtual
async def test_frames_that_come_while_a_batch_runs_make_the_next_batch() -> None:
    served = dispatcher(batch=3)
    async with serving(served):
        submit(served, 10.0)
        await asyncio.sleep(0.5)
        waiting = [submit(served, 10.0) for _ in range(4)]
        answers = await asyncio.gather(*waiting)
    assert [answer.batch for answer in answers if isinstance(answer, Answered)] == [3, 3, 3, 1]
    statistics = served.statistics()
    assert (statistics.batches, statistics.frames, statistics.busy_s) == (3, 5, 1.0 + 2.0 + 1.0)
    assert statistics.mean_batch == pytest.approx(5 / 3)


@virtual
async def test_idle_workers_share_the_frames_that_wait_and_the_first_to_be_free_takes_the_next() -> None:
    served = dispatcher(workers=2)
    loop = asyncio.get_running_loop()
    async with serving(served):
        served.apply(DevicePlan(LARGE, 1, (Share(SMALL, 4),)), {SMALL: 4})
        begin_s = loop.time()
        large, small = submit(served, 20.0, variant=LARGE), submit(served, 20.0, variant=SMALL)
        await asyncio.sleep(0.5)
        later = [submit(served, 20.0, frame, SMALL) for frame in range(3)]
        assert await small == Answered(Answer(), SMALL, "cpu", 1, 0.0, 1.0)
        assert [await each for each in later] == [Answered(Answer(), SMALL, "cpu", 3, 0.5, 2.0)] * 3
        assert await large == Answered(Answer(), LARGE, "cpu", 1, 0.0, 4.0)
        assert loop.time() - begin_s == 4.0
        both = [submit(served, 20.0, frame, SMALL) for frame in range(4)]
        assert [await each for each in both] == [Answered(Answer(), SMALL, "cpu", 2, 0.0, 1.5)] * 4
    assert served.statistics().busy_s == 1.0 + 2.0 + 4.0 + 2 * 1.5


@virtual
async def test_draining_waits_for_all_workers() -> None:
    served = dispatcher(workers=2)
    async with serving(served):
        served.apply(DevicePlan(LARGE, 1, (Share(SMALL, 1),)), {})
        running = [submit(served, 20.0, variant=variant) for variant in (LARGE, SMALL)]
        await asyncio.sleep(0.5)
        await served.drain()
        assert all(isinstance(each.result(), Answered) for each in running)


@virtual
async def test_one_worker_tests_a_slow_device_not_all_of_them() -> None:
    ran: list[int] = []

    def slow(variant: Variant, batch: int) -> float:
        ran.append(batch)
        return 3.0

    served = dispatcher(slow, workers=3)
    async with serving(served):
        assert isinstance(await submit(served, 60.0), Answered)
        await submit(served, 60.0)
        await asyncio.sleep(10.0)
    assert 2 <= len(ran) <= 2 + math.ceil(10.0 / 3.0)


@virtual
async def test_a_frame_without_enough_time_left_is_dropped_at_once() -> None:
    served = dispatcher()
    async with serving(served):
        begin = asyncio.get_running_loop().time()
        assert await submit(served, 0.9) == Dropped(Reason.EXPIRED)
        assert asyncio.get_running_loop().time() == begin
    assert served.statistics().dropped == {Reason.EXPIRED: 1}


@virtual
async def test_a_full_queue_answers_the_frame_it_gives_up() -> None:
    served = dispatcher(capacity=1)
    urgent = submit(served, 5.0)
    other = submit(served, 10.0)
    assert urgent.result() == Dropped(Reason.QUEUE_FULL)
    assert not other.done()
    assert served.statistics().queued == 1


@virtual
async def test_a_new_plan_holds_from_the_next_batch_on() -> None:
    served = dispatcher()
    async with serving(served):
        running = submit(served, 20.0)
        await asyncio.sleep(0.5)
        served.apply(DevicePlan(LARGE, 2), {})
        following = submit(served, 20.0)
        first, second = await running, await following
    assert isinstance(first, Answered) and first.variant == SMALL
    assert isinstance(second, Answered) and (second.variant, second.execute_s) == (LARGE, 4.0)


@virtual
async def test_a_device_that_shares_its_time_runs_each_frame_with_its_own_variant() -> None:
    served = dispatcher()
    served.apply(DevicePlan(SMALL, 2, (Share(LARGE, 2),)), {SMALL: 2, LARGE: 2})
    waiting = [submit(served, 50.0, variant=variant) for variant in (SMALL, LARGE, SMALL, LARGE)]
    async with serving(served):
        answers = await asyncio.gather(*waiting)
    ran = [(answer.variant, answer.batch, answer.queue_s) for answer in answers if isinstance(answer, Answered)]
    assert ran == [(SMALL, 2, 0.0), (LARGE, 2, 1.5), (SMALL, 2, 0.0), (LARGE, 2, 1.5)]
    assert served.statistics().shares == (Share(SMALL, 2), Share(LARGE, 2))


@virtual
async def test_a_frame_that_would_be_late_runs_with_a_stand_in_and_the_answer_says_so() -> None:
    planned, narrow = LARGE, Variant(LARGE.resolution, "w025")
    table = LatencyProfile(
        "cpu", "a processor", "abc", (VariantLatency(planned, (4.0,), (4.0,)), VariantLatency(narrow, (1.0,), (1.0,)))
    )
    served = Dispatcher(TimedExecutor(table), table, planned, 1, accuracy={planned: 0.9, narrow: 0.5})
    async with serving(served):
        for budget_s, variant in ((4.5, planned), (2.0, narrow)):
            answer = await submit(served, budget_s)
            assert isinstance(answer, Answered) and answer.variant == variant
        assert (served.quickest_s(planned), served.quickest_s(None)) == (1.0, 1.0)
        assert await submit(served, 0.5) == Dropped(Reason.EXPIRED)


@virtual
async def test_a_variant_or_batch_that_was_not_profiled_is_refused() -> None:
    served = dispatcher()
    for variant, batch in ((Variant(256, "w050"), 1), (SMALL, 5), (SMALL, 0)):
        with pytest.raises(InputError, match="not in its profile"):
            served.apply(DevicePlan(variant, batch), {})
        with pytest.raises(InputError, match="not in its profile"):
            served.apply(DevicePlan(SMALL, 1, (Share(variant, batch),)), {})
    assert served.statistics().shares == (Share(SMALL, 4),)


def test_a_failing_device_costs_its_batches_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    calls = 0

    def fail_three_times(variant: Variant, batch: int) -> float:
        nonlocal calls
        calls += 1
        if calls <= 3:
            raise RuntimeError("out of memory")
        return 1.0

    @virtual
    async def scenario() -> None:
        served = dispatcher(fail_three_times)
        async with serving(served):
            failed = [submit(served, 10.0), submit(served, 10.0)]
            assert await asyncio.gather(*failed) == [Dropped(Reason.DEVICE_ERROR)] * 2
            await asyncio.sleep(0.01)  # it has been tested, and that has failed too
            assert submit(served, 10.0).result() == Dropped(Reason.DEVICE_ERROR)
            assert served.state is DeviceState.FAILING
            await asyncio.sleep(1.5)
            assert served.state is DeviceState.WORKING
            assert isinstance(await submit(served, 10.0), Answered)
        assert served.statistics().dropped == {Reason.DEVICE_ERROR: 3}
        assert (served.statistics().batches, served.statistics().frames) == (1, 1)

    with caplog.at_level(logging.WARNING):
        scenario()
    assert "out of memory" in caplog.text
    assert [record.message.partition(" on ")[0] for record in caplog.records] == ["cpu failed", "cpu works again"]


def test_a_device_that_stays_broken_is_tested_ever_more_seldom_and_does_not_fill_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    calls = 0

    def fail(variant: Variant, batch: int) -> float:
        nonlocal calls
        calls += 1
        raise RuntimeError("unspecified launch failure")

    @virtual
    async def an_hour() -> None:
        served = dispatcher(fail)
        async with serving(served):
            for _ in range(2):
                await submit(served, 10.0)
            await asyncio.sleep(3600.0)

    with caplog.at_level(logging.WARNING):
        an_hour()
    assert 3600 / 5 < calls < 3600 / 5 + 15
    assert len(caplog.records) == 1


@virtual
async def test_a_device_that_returns_too_few_results_has_failed() -> None:
    class Forgetful(TimedExecutor):
        async def run(
            self, variants: Sequence[Variant], images: Sequence[NDArray[np.uint8]], worker: int = 0
        ) -> list[Answer]:
            return []

    served = Dispatcher(Forgetful(profile()), profile(), SMALL, 4)
    async with serving(served):
        assert await submit(served, 10.0) == Dropped(Reason.DEVICE_ERROR)


@virtual
async def test_a_slower_device_is_noticed_and_hopeless_frames_are_dropped_beforehand() -> None:
    served = dispatcher(lambda variant, batch: 2.0)
    async with serving(served):
        for _ in range(20):
            assert isinstance(await submit(served, 10.0), Answered)
        assert served.statistics().slow_down == pytest.approx(2.0, abs=0.01)
        assert await submit(served, 1.9) == Dropped(Reason.EXPIRED)
        assert isinstance(await submit(served, 2.1), Answered)


@virtual
async def test_draining_gives_up_what_is_queued_and_finishes_what_runs() -> None:
    served = dispatcher(batch=1)
    task = asyncio.create_task(served.run())
    running = submit(served, 10.0)
    await asyncio.sleep(0.5)
    queued = submit(served, 10.0)
    await served.drain()
    assert isinstance(running.result(), Answered)
    assert queued.result() == Dropped(Reason.SHUTDOWN)
    assert submit(served, 10.0).result() == Dropped(Reason.SHUTDOWN)
    await task


@virtual
async def test_draining_before_the_loop_runs_returns_at_once() -> None:
    served = dispatcher()
    queued = submit(served, 10.0)
    await served.drain()
    assert queued.result() == Dropped(Reason.SHUTDOWN)
    await served.run()


@virtual
async def test_cancelling_the_loop_answers_the_running_batch() -> None:
    served = dispatcher()
    async with serving(served):
        running = submit(served, 10.0)
        await asyncio.sleep(0.5)
    assert running.result() == Dropped(Reason.SHUTDOWN)


@virtual
async def test_a_client_that_has_gone_is_left_alone() -> None:
    served = dispatcher()
    async with serving(served):
        before, during = submit(served, 10.0), submit(served, 10.0)
        before.cancel()
        await asyncio.sleep(0.5)
        during.cancel()
        assert isinstance(await submit(served, 10.0), Answered)
    assert served.statistics().dropped == {}


@virtual
async def test_in_overload_every_frame_is_answered_and_answers_are_on_time() -> None:
    served = dispatcher(capacity=8)
    outcomes = []
    async with serving(served):
        for frame in range(200):
            outcomes.append(submit(served, 3.0 + frame % 5, frame))
            await asyncio.sleep(0.3)
        results = await asyncio.gather(*outcomes)
    answered = [result for result in results if isinstance(result, Answered)]
    assert all(result.queue_s + result.execute_s <= 7.0 for result in answered)
    assert served.statistics().frames == len(answered)
    assert sum(served.statistics().dropped.values()) == 200 - len(answered)
    assert len(answered) >= 0.9 * min(1.0, 0.3 * 4 / 2.5) * 200


@virtual
async def test_a_device_found_slow_is_tested_by_itself_until_it_has_recovered() -> None:
    factors = iter([8.0] * 12)
    served = dispatcher(lambda variant, batch: next(factors, 1.0))
    async with serving(served):
        for _ in range(12):
            await submit(served, 100.0)
        assert await submit(served, 2.0) == Dropped(Reason.EXPIRED)
        await asyncio.sleep(60.0)
        assert isinstance(await submit(served, 2.0), Answered)


@virtual
async def test_a_batch_that_hangs_makes_the_device_look_slow_before_it_is_done() -> None:
    served = dispatcher(lambda variant, batch: 100.0)
    async with serving(served):
        waiting = submit(served, 1000.0)
        before = served.latency_table([SMALL], asyncio.get_running_loop().time(), 1.0)[0][0]
        await asyncio.sleep(50.0)
        during = served.latency_table([SMALL], asyncio.get_running_loop().time(), 1.0)[0][0]
        assert during > 10 * before
        await waiting


@virtual
async def test_the_planner_is_offered_no_larger_batches_than_may_run() -> None:
    served = dispatcher(batch=2)
    assert len(profile().of(SMALL).p50_s) > 2
    assert [len(row) for row in served.latency_table([SMALL, LARGE], 0.0, 1.0)] == [2, 2]


@virtual
async def test_a_devices_tests_of_itself_are_not_counted_as_frames() -> None:
    factors = iter([8.0] * 12)
    served = dispatcher(lambda variant, batch: next(factors, 1.0))
    async with serving(served):
        for _ in range(12):
            await submit(served, 100.0)
        await asyncio.sleep(60.0)
        assert (served.statistics().batches, served.statistics().frames) == (12, 12)


@virtual
async def test_frames_of_two_networks_and_one_resolution_run_as_one_batch_where_that_pays() -> None:
    wide = Variant(SMALL.resolution, "w100")
    times = (1.0, 1.5, 2.0, 2.5)
    entries = tuple(VariantLatency(variant, times, times) for variant in (SMALL, wide))
    mixing = LatencyProfile("cpu", "a processor", "abc", entries, mixes=(SMALL.resolution,))
    batches: list[list[str]] = []

    class Recording(TimedExecutor):
        async def run(
            self, variants: Sequence[Variant], images: Sequence[NDArray[np.uint8]], worker: int = 0
        ) -> list[Answer]:
            batches.append([variant.network for variant in variants])
            return await super().run(variants, images, worker)

    served = Dispatcher(Recording(mixing), mixing, SMALL, 4)
    served.apply(DevicePlan(SMALL, 2, (Share(wide, 1),)), {})
    async with serving(served):
        answers = await asyncio.gather(*(submit(served, 60.0, variant=each) for each in (SMALL, SMALL, wide)))
    assert [answer.variant for answer in answers if isinstance(answer, Answered)] == [SMALL, SMALL, wide]
    assert batches == [["w025", "w025", "w100"]]


@virtual
async def test_one_failure_costs_its_batch_alone_and_what_waits_is_served_after_a_test() -> None:
    failures = iter([True])
    served = dispatcher(lambda variant, batch: 1 / 0 if next(failures, False) else 1.0, batch=1)
    async with serving(served):
        failed, waits = submit(served, 10.0), submit(served, 10.0)
        assert await failed == Dropped(Reason.DEVICE_ERROR)
        assert await waits == Answered(Answer(), SMALL, "cpu", 1, queue_s=1.0, execute_s=1.0)


def hanging_once(for_s: float) -> Disturbance:
    hangs = iter([for_s])
    return lambda variant, batch: next(hangs, 1.0)


def test_a_device_that_hangs_is_taken_out_of_service_until_it_answers(caplog: pytest.LogCaptureFixture) -> None:
    @virtual
    async def scenario() -> None:
        served = dispatcher(hanging_once(100.0), batch=1)
        async with serving(served):
            hangs, waits = submit(served, 1000.0), submit(served, 1000.0)
            await asyncio.sleep(19.9)
            assert not hangs.done() and not waits.done() and served.takes_frames
            await asyncio.sleep(0.2)
            assert hangs.result() == waits.result() == Dropped(Reason.DEVICE_ERROR)
            assert submit(served, 1000.0).result() == Dropped(Reason.DEVICE_ERROR)
            assert served.state is DeviceState.HANGING
            assert served.latency_table([SMALL, LARGE], 20.1, 1.0) == ((OUT_OF_SERVICE_S,) * 1,) * 2
            await asyncio.sleep(80.0)
            assert served.state is DeviceState.FAILING  # until a test of it is in time
            await asyncio.sleep(2.0)
            assert served.state is DeviceState.WORKING
            assert await submit(served, 1000.0) == Answered(Answer(), SMALL, "cpu", 1, 0.0, 1.0)

    with caplog.at_level(logging.WARNING):
        scenario()
    assert [record.getMessage() for record in caplog.records] == [
        "cpu hangs: a batch has not ended in 20.0 s",
        "cpu works again",
    ]


@virtual
async def test_while_one_worker_hangs_the_others_serve_and_plans_count_with_them_only() -> None:
    served = dispatcher(hanging_once(1000.0), batch=1, workers=2)
    async with serving(served):
        submit(served, 1000.0)
        await asyncio.sleep(3.0)
        assert served.latency_table([SMALL], 3.0, 0.0)[0][0] == 1.0  # though that batch is overdue
        await asyncio.sleep(18.0)
        assert (served.state, served.workers, served.takes_frames) == (DeviceState.IMPAIRED, 1, True)
        assert [isinstance(await submit(served, 10.0), Answered) for _ in range(5)] == [True] * 5
        await asyncio.sleep(1000.0)
        assert (served.state, served.workers) == (DeviceState.WORKING, 2)


@virtual
async def test_a_worker_that_hangs_is_given_up_and_tested_at_once() -> None:
    class Killable(TimedExecutor):
        hung: asyncio.Future[None] | None = None

        async def run(
            self, variants: Sequence[Variant], images: Sequence[NDArray[np.uint8]], worker: int = 0
        ) -> list[Answer]:
            if self.hung is None:
                self.hung = asyncio.get_running_loop().create_future()
                await self.hung
            return await super().run(variants, images, worker)

        def give_up(self, worker: int) -> None:
            assert self.hung is not None
            self.hung.set_exception(RuntimeError("killed"))

    served = Dispatcher(Killable(profile()), profile(), SMALL, 4)
    async with serving(served):
        assert await submit(served, 1000.0) == Dropped(Reason.DEVICE_ERROR)
        assert asyncio.get_running_loop().time() == 20.0
        await asyncio.sleep(20.0 + 1.0)
        assert served.state is DeviceState.FAILING
        await asyncio.sleep(0.06)
        assert isinstance(await submit(served, 10.0), Answered)


@virtual
async def test_workers_that_share_their_processor_stand_in_where_no_other_is_left() -> None:
    made = profile(workers=2)
    shared = msgspec.structs.replace(made, sharing=1)
    served = Dispatcher(TimedExecutor(shared, hanging_once(1000.0)), shared, SMALL, 1)
    async with serving(served):
        submit(served, 1000.0)
        await asyncio.sleep(22.0)
        answer = await submit(served, 10.0)
        assert isinstance(answer, Answered) and answer.on_top
        assert (served.state, served.workers, served.spare) == (DeviceState.IMPAIRED, 1, 0.0)
