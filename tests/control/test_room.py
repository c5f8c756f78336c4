"""Room for one more camera, asked of the planner beside plans."""

from __future__ import annotations

import asyncio
import math

import msgspec
import pytest

from jellyfish.control.adaptation import Adapting, EachAnew
from jellyfish.control.allowance import BESIDE, PlanningAllowance
from jellyfish.control.loop import ControlLoop, WindowRecord
from jellyfish.control.planners.shared import SharedPlanner
from jellyfish.control.problem import ClientDemand, Plan, Problem
from jellyfish.control.room import HOLDS_S, MOST, NAME, WANTED_S, RoomFound, RoomSearch, typical
from jellyfish.control.solving import Solved
from tests.control.problems import problem
from tests.virtual import virtual

ONE = problem(
    [(10.0, [0.4, 0.4]), (20.0, [0.2, 0.1]), (30.0, [0.6, 0.5])], [[[0.005, 0.006], [0.020, 0.03]]], [0.3, 0.7]
)


def planned(question: Problem, running: Plan | None = None) -> Plan:
    return SharedPlanner(0, lambda: 0.0, math.inf).plan(question, running)


def searched(search: RoomSearch, question: Problem, places: int, now: float = 0.0) -> tuple[list[int], RoomFound]:
    """How many more it was asked for, of whom so many have a place; and what was found."""
    running, asked = planned(question), []
    while (larger := search.question(now, question, running)) is not None:
        more = [client.client for client in larger.clients if client.client.startswith(NAME)]
        asked.append(len(more))
        clients = dict.fromkeys([*running.clients, *more[:places]], "cuda:0")
        search.answered(now, question, running, Plan(running.devices, clients, accuracy=0.5 - len(more) / 1000))
        assert len(asked) < 20
    assert search.found is not None
    return asked, search.found


@pytest.mark.parametrize("places", [0, 1, 2, 3, 5, 11, 63])
def test_it_finds_how_many_there_is_room_for_with_few_questions(places: int) -> None:
    asked, found = searched(RoomSearch(), ONE, places)
    assert (found.cameras, found.whole) == (places, True)
    assert len(asked) <= 2 * math.log2(MOST) and asked[0] == 1


def test_it_asks_for_no_more_than_a_few_dozen() -> None:
    asked, found = searched(RoomSearch(), ONE, 1000)
    assert asked == [1, 2, 4, 8, 16, 32, 64] and (found.cameras, found.whole) == (MOST, False)


def test_it_tells_what_one_more_would_cost_in_accuracy() -> None:
    _, found = searched(RoomSearch(), ONE, 5)
    assert found.accuracy_now == planned(ONE).accuracy and found.accuracy_then == 0.499


def test_a_camera_like_those_that_are_here() -> None:
    assert (typical(ONE).fps, typical(ONE).budget_s, typical(ONE).importance) == (20.0, (0.4, 0.4), 1.0)


def test_what_is_known_holds_for_a_while_and_is_then_looked_at_again_with_few_questions() -> None:
    search = RoomSearch()
    searched(search, ONE, 11)
    assert search.question(HOLDS_S - 1, ONE, planned(ONE)) is None
    asked, found = searched(search, ONE, 11, now=HOLDS_S)
    assert asked == [1, 11, 12] and found.cameras == 11
    asked, found = searched(search, ONE, 3, now=2 * HOLDS_S)
    assert asked[:2] == [1, 11] and found.cameras == 3


def test_other_cameras_are_another_question() -> None:
    search = RoomSearch()
    searched(search, ONE, 5)
    fewer = msgspec.structs.replace(ONE, clients=ONE.clients[:2])
    assert search.question(1.0, fewer, planned(fewer)) is not None
    assert search.found is None


def test_where_somebody_has_no_place_there_is_no_room_and_nothing_is_asked() -> None:
    search = RoomSearch()
    running = msgspec.structs.replace(planned(ONE), mappable=4)
    assert search.question(0.0, ONE, running) is None
    assert search.found is not None and (search.found.cameras, search.found.whole) == (0, True)


def test_while_it_is_looked_at_anew_what_was_known_is_told() -> None:
    search = RoomSearch()
    searched(search, ONE, 5)
    crowded = msgspec.structs.replace(planned(ONE), mappable=4)
    assert search.question(1.0, ONE, crowded) is None
    assert search.found is not None and search.found.cameras == 0
    assert search.question(2.0, ONE, planned(ONE)) is not None
    assert search.found.cameras == 0


def test_a_room_that_is_taken_by_those_who_are_here_is_none() -> None:
    search, running = RoomSearch(), planned(ONE)
    question = search.question(0.0, ONE, running)
    assert question is not None
    without = Plan(running.devices, {f"{NAME}0": "cuda:0", "c0": "cuda:0"})
    search.answered(0.0, ONE, running, without)
    assert search.found is not None and search.found.cameras == 0


def test_questions_take_a_part_of_planning_s_share() -> None:
    allowance, now, spent_s = PlanningAllowance(0.05), 0.0, 0.0
    many = msgspec.structs.replace(ONE, clients=100 * ONE.clients)
    while now < 600.0:
        if budget_s := allowance.beside(now, many):
            allowance.spent_beside(now, budget_s)
            spent_s += budget_s
        now += 0.5
    assert 0.5 * BESIDE * 0.05 * 600 < spent_s <= BESIDE * 0.05 * 600
    assert EachAnew().beside(0.0, ONE) == 0.0


def most_with_a_place(question: Problem) -> int:
    """Like those that are here, by trying one after the other."""
    more: list[ClientDemand] = []
    while True:
        more.append(msgspec.structs.replace(typical(question), client=f"{NAME}{len(more)}"))
        crowded = msgspec.structs.replace(question, clients=(*question.clients, *more))
        if len(planned(crowded).clients) < len(crowded.clients):
            return len(more) - 1


class Loop:
    """A control loop with a planner in place."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.records: list[WindowRecord] = []
        self.applied: list[Plan] = []
        self.fails = False
        self.room = RoomSearch()

    async def solve(self, question: Problem, running: Plan | None, budget_s: float) -> Solved:
        self.asked.append(len(question.clients))
        if self.fails and len(question.clients) > len(ONE.clients):
            raise ValueError("no")
        return Solved(planned(question, running), 0.001)

    async def run(self, seconds: float) -> None:
        loop = ControlLoop(
            lambda: ONE, self.applied.append, self.solve, Adapting(0.05, sharing=True), self.records.append
        )
        loop.room = self.room
        task = asyncio.create_task(loop.run())
        await asyncio.sleep(seconds)
        task.cancel()


@virtual
async def test_a_control_loop_asks_while_somebody_wants_to_know_and_puts_none_of_it_into_force() -> None:
    loop = Loop()
    await loop.run(5.0)
    assert max(loop.asked, default=0) <= len(ONE.clients)
    loop.room.want(0.0)
    await loop.run(12.0)
    found = loop.room.found
    assert max(loop.asked) > len(ONE.clients) and found is not None and found.whole and found.cameras > 0
    assert all(len(plan.clients) <= len(ONE.clients) for plan in loop.applied)
    assert all(record.error is None for record in loop.records)
    assert sum(record.cpu_s for record in loop.records) == pytest.approx(0.001 * len(loop.asked))
    assert found.cameras == most_with_a_place(ONE)


@virtual
async def test_a_question_that_fails_costs_no_plan_and_nobody_is_asked_in_vain() -> None:
    loop = Loop()
    loop.fails = True
    loop.room.want(0.0)
    await loop.run(30.0)
    assert all(record.error is None for record in loop.records) and loop.room.found is None
    assert sum(asked > len(ONE.clients) for asked in loop.asked) <= 30


def test_nobody_is_asked_any_more_when_nobody_wants_to_know() -> None:
    search = RoomSearch()
    search.want(10.0)
    assert search.wanted(10.0 + WANTED_S) and not search.wanted(11.0 + WANTED_S)
