from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

import msgspec
import pytest

from jellyfish.control.adaptation import Adaptation, Adapting, EachAnew
from jellyfish.control.loop import SPARING, ControlLoop, WindowRecord
from jellyfish.control.planners.exact import ExactPlanner
from jellyfish.control.problem import DeviceOption, DevicePlan, Plan, Problem
from jellyfish.control.solving import Solved, in_place
from jellyfish.core import Variant
from jellyfish.errors import RunError
from jellyfish.lab.simulation.virtual_loop import VirtualLoop
from tests.control.problems import problem, variants
from tests.virtual import virtual

QUESTION = problem([(10.0, [0.5])], [[[0.01]]], [0.5])
NOBODY = problem([], [[[0.01]]], [0.5])
OVERLOADED = problem([(10.0, [0.5]), (95.0, [0.5])], [[[0.01]]], [0.5])
"""There is always something left to ask for: one client finds no room beside the other."""
TWO_SIZES = problem([(10.0, [0.5, 0.5])], [[[0.01], [0.02]]], [0.5, 0.501])
CPU_S = 0.05


def adapting() -> Adapting:
    return Adapting(0.05, sharing=True)


def plan_of(variant: Variant) -> Plan:
    return Plan({"cuda:0": DevicePlan(variant, 1)}, {"c0": "cuda:0"}, 1, 0.5, {"c0": variant})


def slower(question: Problem, factor: float) -> Problem:
    devices = tuple(
        DeviceOption(option.device, tuple(tuple(factor * seconds for seconds in row) for row in option.latency_s))
        for option in question.devices
    )
    return msgspec.structs.replace(question, devices=devices)


class Rig:
    """A control loop with its callables recorded; `delay_s` is how long a solve takes, per solve."""

    def __init__(
        self, plan: Callable[[Problem, Plan | None], Plan] | None = None, adaptation: Adaptation | None = None
    ) -> None:
        self.question = QUESTION
        self.applied: list[Plan] = []
        self.records: list[WindowRecord] = []
        self.delay_s: list[float] = []
        self.solving = 0
        self.most_solving = 0
        if plan is not None:
            self.plan = plan  # type: ignore[method-assign]
        self.loop = ControlLoop(
            lambda: self.question, self.applied.append, self.solve, adaptation or EachAnew(), self.records.append
        )

    def plan(self, question: Problem, running: Plan | None) -> Plan:
        return ExactPlanner(0).plan(question, running)

    async def solve(self, question: Problem, running: Plan | None, budget_s: float) -> Solved:
        self.solving += 1
        self.most_solving = max(self.most_solving, self.solving)
        await asyncio.sleep(self.delay_s.pop(0) if self.delay_s else 0.0)
        self.solving -= 1
        return Solved(self.plan(question, running), CPU_S)

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


class BusyLoop(VirtualLoop):
    """Whose callbacks may take time."""

    def take(self, seconds: float) -> None:
        self._now += seconds


def test_where_looking_takes_long_it_is_done_less_often() -> None:
    rig = Rig()

    async def run(clock: BusyLoop) -> None:
        def look() -> Problem:
            clock.take(0.03)
            return rig.question

        rig.loop = ControlLoop(look, rig.applied.append, rig.solve, EachAnew(), rig.records.append)
        await rig.run(2.0, {0.1 * each: "join" for each in range(1, 19)})

    clock = BusyLoop()
    with asyncio.Runner(loop_factory=lambda: clock) as runner:
        runner.run(run(clock))
    gaps = [after - before for before, after in itertools.pairwise(rig.times)]
    assert len(gaps) >= 4
    assert min(gaps) >= SPARING * 0.03 - 1e-6


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
    assert rig.applied == [rig.applied[0]] * 2
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

    loop = ControlLoop(lambda: QUESTION, fail_once, in_place(ExactPlanner(0)), EachAnew(), lambda record: None)
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

    loop = ControlLoop(lambda: QUESTION, lambda plan: None, in_place(ExactPlanner(0)), EachAnew(), full)
    with pytest.raises(RunError, match="disk is full"):
        await loop.run()


@virtual
async def test_a_planner_that_does_not_answer_is_given_up_and_asked_again() -> None:
    rig = Rig()
    rig.delay_s = [0.0, 30.0]
    await rig.run(10.8)
    assert rig.times == [0.0, 0.5, 10.5]
    assert rig.records[1].error == "the planner needed more than 10 s"
    assert rig.records[1].plan == rig.applied[0]
    assert rig.records[2].error is None


@virtual
async def test_a_late_answer_is_used_as_far_as_it_fits_by_then() -> None:
    rig = Rig(adaptation=adapting())
    rig.delay_s = [3.0]
    two = problem([(10.0, [0.5, 0.5]), (10.0, [0.5, 0.5])], [[[0.01], [0.02]]], [0.3, 0.5])
    rig.question = problem([(10.0, [0.01, 0.01]), (10.0, [0.5, 0.5])], [[[0.01], [0.02]]], [0.3, 0.5])
    asyncio.get_running_loop().call_at(
        0.1, setattr, rig, "question", msgspec.structs.replace(two, clients=two.clients[:1])
    )
    await rig.run(3.2)
    assert rig.records[0].error is None
    assert rig.applied[-1].clients == {"c0": "cuda:0"}


@virtual
async def test_an_answer_that_gains_too_little_is_not_adopted() -> None:
    small, large = TWO_SIZES.variants
    rig = Rig(lambda question, running: plan_of(large), adapting())
    rig.question = TWO_SIZES
    rig.loop._running = plan_of(small)
    await rig.run(0.1)
    assert rig.records[0].why == "solved"
    assert rig.loop.running is not None and rig.loop.running.variant_of("c0") == small


@virtual
async def test_without_anything_new_the_planner_is_not_asked_again() -> None:
    rig = Rig(adaptation=adapting())
    await rig.run(1.8)
    assert [record.why for record in rig.records] == ["skipped"] * 4  # repair gave the client the only variant
    rig.question = problem([(10.0, [0.5])] * 2, [[[0.01]]], [0.5])
    assert rig.loop.running is not None and rig.loop.running.clients == {"c0": "cuda:0"}


@virtual
async def test_what_is_spent_is_recorded_and_limits_what_comes() -> None:
    rig = Rig(adaptation=Adapting(0.01, sharing=True))
    rig.question = OVERLOADED
    clock = asyncio.get_running_loop()
    for step in range(40):
        clock.call_at(0.4 + 0.5 * step, setattr, rig, "question", slower(OVERLOADED, 1.1 + step / 10))
    await rig.run(20.3)
    solved = [record for record in rig.records if record.why == "solved"]
    assert {record.why for record in rig.records} == {"solved", "deferred"}
    assert all(record.cpu_s == CPU_S for record in solved)
    assert len(solved) * CPU_S <= 0.01 * 20 + 0.01 * 10 + CPU_S


@virtual
async def test_an_infeasible_plan_is_not_applied() -> None:
    stranger = Plan({"cuda:0": DevicePlan(variants(1)[0], 1)}, {"stranger": "cuda:0"})
    rig = Rig(lambda question, running: stranger, adapting())
    rig.question = OVERLOADED
    await rig.run(0.1)
    assert rig.records[0].error == "the plan is not feasible: unknown client stranger"
    assert rig.applied[-1].clients == {"c0": "cuda:0"}  # repair gave it a place before and after


@virtual
async def test_a_newcomer_gets_a_place_while_a_slow_planner_is_at_work() -> None:
    rig = Rig(adaptation=adapting())
    rig.question = OVERLOADED
    rig.delay_s = [0.0, 5.0]
    newcomers = problem([(10.0, [0.5]), (10.0, [0.5])], [[[0.01]]], [0.5])
    asyncio.get_running_loop().call_at(0.9, setattr, rig, "question", newcomers)
    await rig.run(1.1, {1.0: "join"})
    assert rig.applied[-1].clients == {"c0": "cuda:0", "c1": "cuda:0"}


@virtual
async def test_a_newcomer_for_whom_there_is_no_room_waits_for_the_planner() -> None:
    rig = Rig(adaptation=adapting())
    rig.question = OVERLOADED
    rig.delay_s = [0.0, 5.0]
    too_many = problem([(10.0, [0.5]), (95.0, [0.5]), (10.0, [0.015])], [[[0.01]]], [0.5])
    asyncio.get_running_loop().call_at(0.9, setattr, rig, "question", too_many)
    await rig.run(1.1, {1.0: "join"})
    assert "c2" not in rig.applied[-1].clients


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
