from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from jellyfish.control.loop import ControlLoop, WindowRecord
from jellyfish.control.planners.exact import ExactPlanner
from jellyfish.control.problem import DevicePlan, Plan, Problem
from jellyfish.errors import RunError
from tests.control.problems import in_place, problem, variants
from tests.virtual import virtual

QUESTION = problem([(10.0, [0.5])], [[[0.01]]], [0.5])
NOBODY = problem([], [[[0.01]]], [0.5])


class Rig:
    """A control loop with its callables recorded; `delay_s` is how long a solve takes, per solve."""

    def __init__(self, plan: Callable[[Problem, Plan | None], Plan] | None = None) -> None:
        self.question = QUESTION
        self.applied: list[Plan] = []
        self.records: list[WindowRecord] = []
        self.delay_s: list[float] = []
        self.solving = 0
        self.most_solving = 0
        if plan is not None:
            self.plan = plan  # type: ignore[method-assign]
        self.loop = ControlLoop(lambda: self.question, self.applied.append, self, self.records.append, self.offload)

    def plan(self, question: Problem, running: Plan | None) -> Plan:
        return ExactPlanner(0).plan(question, running)

    async def offload(
        self, function: Callable[[Problem, Plan | None], Plan], question: Problem, running: Plan | None
    ) -> Plan:
        self.solving += 1
        self.most_solving = max(self.most_solving, self.solving)
        await asyncio.sleep(self.delay_s.pop(0) if self.delay_s else 0.0)
        self.solving -= 1
        return await in_place(function, question, running)

    async def run(self, seconds: float, kicks: dict[float, str] | None = None) -> None:
        clock = asyncio.get_running_loop()
        for at, cause in (kicks or {}).items():
            clock.call_at(at, self.loop.kick, cause)
        task = asyncio.create_task(self.loop.run())
        await asyncio.wait({task}, timeout=seconds)
        if task.done():
            task.result()
        task.cancel()

    @property
    def times(self) -> list[float]:
        return [round(record.t_s, 6) for record in self.records]


@virtual
async def test_it_plans_at_once_and_then_once_per_period() -> None:
    rig = Rig()
    await rig.run(1.75)
    assert rig.times == [0.0, 0.5, 1.0, 1.5]
    assert [record.cause for record in rig.records] == ["period"] * 4
    assert rig.applied[-1] == rig.loop.running == rig.records[-1].plan
    assert rig.applied[-1].clients == {"c0": "cuda:0"}


@virtual
async def test_a_kick_plans_at_once_and_the_period_starts_anew() -> None:
    rig = Rig()
    await rig.run(0.9, {0.2: "join"})
    assert list(zip(rig.times, [record.cause for record in rig.records], strict=True)) == [
        (0.0, "period"),
        (0.2, "join"),
        (0.7, "period"),
    ]


@virtual
async def test_kicks_during_a_solve_become_one_window_after_it() -> None:
    rig = Rig()
    rig.delay_s = [0.0, 0.3]
    await rig.run(1.2, {0.1: "join", 0.2: "leave", 0.3: "join"})
    assert rig.times == [0.0, 0.1, 0.4, 0.9]
    assert rig.records[2].cause == "leave"
    assert rig.most_solving == 1
    assert round(rig.records[1].solve_s, 6) == 0.3


@virtual
async def test_a_planner_that_raises_leaves_the_running_plan_in_force() -> None:
    calls = []

    def plan(question: Problem, running: Plan | None) -> Plan:
        calls.append(running)
        if len(calls) == 2:
            raise ValueError("no idea")
        return ExactPlanner(0).plan(question, running)

    rig = Rig(plan)
    await rig.run(1.1)
    assert rig.applied == [rig.applied[0]] * 3
    assert rig.records[1].error == "the planner raised ValueError: no idea"
    assert rig.records[1].plan == rig.records[0].plan
    assert rig.records[2].error is None


def test_a_planner_that_keeps_failing_is_told_once_and_so_is_its_recovery(caplog: pytest.LogCaptureFixture) -> None:
    @virtual
    async def scenario() -> None:
        rig = Rig(
            lambda question, running: Plan({}, {}) if len(rig.records) < 5 else ExactPlanner(0).plan(question, running)
        )
        await rig.run(5.1)

    scenario()
    assert [record.message for record in caplog.records] == [
        "planning: the plan is not feasible: device cuda:0 is not in the plan",
        "planning: works again",
    ]


@virtual
async def test_a_window_in_which_observing_fails_is_lost_and_the_next_one_comes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rig = Rig()
    clock = asyncio.get_running_loop()
    clock.call_at(0.4, setattr, rig, "question", None)
    clock.call_at(0.9, setattr, rig, "question", QUESTION)
    await rig.run(1.1)
    assert rig.times == [0.0, 1.0]
    assert [record.message for record in caplog.records] == ["a planning window was lost"]
    assert rig.applied[-1].clients == {"c0": "cuda:0"}


@virtual
async def test_a_plan_that_cannot_be_applied_is_not_in_force_and_the_next_one_comes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    applied: list[Plan] = []

    def fail_once(plan: Plan) -> None:
        applied.append(plan)
        if len(applied) == 1:
            raise KeyError("cuda:0")

    loop = ControlLoop(lambda: QUESTION, fail_once, ExactPlanner(0), lambda record: None, in_place)
    task = asyncio.create_task(loop.run())
    await asyncio.sleep(0.4)
    assert loop.running is None
    await asyncio.sleep(0.2)
    assert loop.running == applied[1]
    assert [record.message for record in caplog.records] == ["a planning window was lost"]
    task.cancel()


@virtual
async def test_an_error_meant_for_a_person_ends_the_loop() -> None:
    def full(record: WindowRecord) -> None:
        raise RunError("the disk is full")

    loop = ControlLoop(lambda: QUESTION, lambda plan: None, ExactPlanner(0), full, in_place)
    with pytest.raises(RunError, match="disk is full"):
        await loop.run()


@virtual
async def test_a_slow_planner_is_recorded_and_its_late_answer_thrown_away() -> None:
    rig = Rig()
    rig.delay_s = [0.0, 5.0]
    await rig.run(5.8)
    assert rig.times == [0.0, 0.5, 5.5]
    assert rig.records[1].error == "the planner needed more than 2 s"
    assert all(plan == rig.applied[0] for plan in rig.applied)
    assert rig.most_solving == 1


@virtual
async def test_an_infeasible_plan_is_not_applied() -> None:
    rig = Rig(lambda question, running: Plan({"cuda:0": DevicePlan(variants(1)[0], 1)}, {"stranger": "cuda:0"}))
    await rig.run(0.1)
    assert rig.records[0].error == "the plan is not feasible: unknown client stranger"
    assert [plan.clients for plan in rig.applied] == [{"c0": "cuda:0"}]


@virtual
async def test_a_newcomer_gets_a_place_while_a_slow_planner_is_at_work() -> None:
    rig = Rig()
    rig.delay_s = [0.0, 5.0]
    newcomers = problem([(10.0, [0.5]), (10.0, [0.5])], [[[0.01]]], [0.5])
    asyncio.get_running_loop().call_at(0.9, setattr, rig, "question", newcomers)
    await rig.run(1.1, {1.0: "join"})
    assert rig.applied[-1].clients == {"c0": "cuda:0", "c1": "cuda:0"}


@virtual
async def test_a_newcomer_for_whom_there_is_no_room_waits_for_the_planner() -> None:
    rig = Rig()
    rig.delay_s = [0.0, 5.0]
    too_many = problem([(10.0, [0.5]), (95.0, [0.5]), (10.0, [0.015])], [[[0.01]]], [0.5])
    asyncio.get_running_loop().call_at(0.9, setattr, rig, "question", too_many)
    await rig.run(1.1, {1.0: "join"})
    assert rig.applied[-1].clients == {"c0": "cuda:0"}


@virtual
async def test_without_clients_the_planner_is_not_asked() -> None:
    def plan(question: Problem, running: Plan | None) -> Plan:
        raise AssertionError("asked")

    rig = Rig(plan)
    rig.question = NOBODY
    await rig.run(0.1)
    assert rig.records[0].error is None
    assert rig.applied[0].clients == {}
    assert set(rig.applied[0].devices) == {"cuda:0"}


@virtual
async def test_cancelling_the_loop_cancels_the_solve() -> None:
    rig = Rig()
    rig.delay_s = [100.0]
    await rig.run(0.1)
    await asyncio.sleep(1.0)
    assert len(asyncio.all_tasks()) == 1
