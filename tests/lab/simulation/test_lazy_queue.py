"""The published dispatch: arrival order, lazy drops, a wait for fuller batches."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.overload_batcher import lane
from jellyfish.control.problem import DevicePlan
from jellyfish.core import Answer, Reason
from jellyfish.dispatch.dispatcher import Dispatcher
from jellyfish.dispatch.queue import Decision
from jellyfish.dispatch.request import Answered, Dropped, Request
from jellyfish.lab.simulation.lazy_queue import PATIENCE_S, LazyQueue
from jellyfish.lab.simulation.timed_executor import TimedExecutor
from tests.dispatch.requests import IMAGE, SMALL, profile, request
from tests.virtual import virtual

LATENCY_S = [1.0, 1.5, 2.0]


def filled(*deadlines_s: float, capacity: int = 64) -> LazyQueue:
    queue = LazyQueue(capacity)
    for number, deadline_s in enumerate(deadlines_s):
        queue.push(request(deadline_s, frame=number), now=0.0)
    return queue


def take(queue: LazyQueue, now: float, slow_down: float = 1.0) -> Decision:
    return queue.take(now, [lane(LATENCY_S)], lambda each: 0, slow_down)


def frames(requests: list[Request]) -> list[int]:
    return [each.frame for each in requests]


def test_a_full_batch_runs_in_order_of_arrival_whatever_the_deadlines() -> None:
    queue = filled(9.0, 8.0, 7.0, 3.0)
    decision = take(queue, 0.0)
    assert frames(decision.run) == [0, 1, 2]
    assert decision.drop == []
    assert len(queue) == 1


def test_a_frame_without_time_for_the_planned_batch_is_dropped_when_it_comes_up() -> None:
    decision = take(filled(1.9, 9.0, 9.0, 9.0), 0.0)
    assert [(each.frame, reason) for each, reason in decision.drop] == [(0, Reason.EXPIRED)]
    assert frames(decision.run) == [1, 2, 3]


def test_a_slow_device_is_counted_with() -> None:
    decision = take(filled(3.9, 9.0, 9.0, 9.0), 0.0, slow_down=2.0)
    assert frames([each for each, _ in decision.drop]) == [0]


def test_a_batch_that_is_not_full_waits_until_its_tightest_frame_has_little_slack_left() -> None:
    queue = filled(9.0, 5.0)
    decision = take(queue, 0.0)
    assert (decision.run, decision.drop) == ([], [])
    assert decision.resume_s == 5.0 - 2.0 - PATIENCE_S
    assert len(queue) == 2
    assert frames(take(queue, decision.resume_s).run) == [0, 1]


def test_a_full_queue_gives_up_its_oldest_frame() -> None:
    queue = filled(9.0, 9.0, capacity=2)
    assert [(each.frame, reason) for each, reason in queue.push(request(9.0, frame=2), 0.0)] == [(0, Reason.QUEUE_FULL)]
    assert frames(queue.clear()) == [1, 2]
    assert len(queue) == 0


def test_requests_whose_client_has_gone_are_forgotten() -> None:
    queue = LazyQueue()
    gone = request(9.0)
    gone.done.cancel()
    queue.push(gone, 0.0)
    assert take(queue, 0.0) == Decision([], [], [])
    assert len(queue) == 0


@given(st.lists(st.floats(-1.0, 20.0), max_size=12), st.floats(0.0, 10.0))
def test_no_frame_is_lost_or_told_twice(deadlines_s: list[float], now: float) -> None:
    queue = filled(*deadlines_s)
    decision = take(queue, now)
    seen = frames(decision.run) + frames([each for each, _ in decision.drop]) + frames(queue.clear())
    assert sorted(seen) == list(range(len(deadlines_s)))
    assert all(each.deadline_s >= now + LATENCY_S[-1] for each in decision.run)


@virtual
async def test_the_dispatcher_waits_as_the_queue_says() -> None:
    served = Dispatcher(TimedExecutor(profile()), profile(), SMALL, 2, LazyQueue())
    served.apply(DevicePlan(SMALL, 2), {})
    task = asyncio.create_task(served.run())
    loop = asyncio.get_running_loop()
    begin_s = loop.time()
    alone: asyncio.Future[Answered | Dropped] = loop.create_future()
    served.submit(Request("camera", 0, begin_s + 5.0, begin_s, IMAGE, alone))
    assert await alone == Answered(Answer(), SMALL, "cpu", 1, 5.0 - 1.5 - PATIENCE_S, 1.0)
    pair = [loop.create_future() for _ in range(2)]
    for number, done in enumerate(pair):
        served.submit(Request("camera", number, loop.time() + 5.0, loop.time(), IMAGE, done))
    assert [answer.queue_s for answer in await asyncio.gather(*pair)] == [0.0, 0.0]
    task.cancel()
