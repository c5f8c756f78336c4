from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jellyfish.config import CLIENTS_CHOOSE, PLANNERS
from jellyfish.control.capacity import violations
from jellyfish.control.planners import exact as exact_module
from jellyfish.control.planners import make_planner
from jellyfish.control.planners.client import ClientsChoice
from jellyfish.control.planners.exact import ExactPlanner
from jellyfish.control.planners.fixed import FixedPlanner
from jellyfish.control.problem import DevicePlan, Plan, Planner, Problem
from jellyfish.errors import InputError
from tests.control.problems import best_by_trying_all, problem, problems, score, variants

SAME = 1e-6


def solve(question: Problem, name: str = "exact", running: Plan | None = None) -> Plan:
    return make_planner(name, 7).plan(question, running)


def no_worse(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] > other[0] or (one[0] == other[0] and one[1] >= other[1] - SAME)


@pytest.fixture
def by_patterns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sends every problem to the integer programme, however small."""
    monkeypatch.setattr(exact_module, "SETS_LIMIT", 0)
    monkeypatch.setattr(exact_module, "SETS_LIMIT_TWO_DEVICES", 0)


@pytest.mark.parametrize("name", PLANNERS)
def test_an_unknown_planner_is_refused_with_the_names_there_are(name: str) -> None:
    with pytest.raises(InputError, match=name):
        make_planner("greedy", 0)


@pytest.mark.parametrize("name", PLANNERS)
@given(question=problems())
@settings(max_examples=60, deadline=None)
def test_plans_are_feasible_and_say_what_they_are_worth(name: str, question: Problem) -> None:
    plan = solve(question, name)
    assert violations(question, plan) == []
    mapped, earned = score(question, plan)
    assert mapped <= plan.mappable
    assert plan.accuracy == 0.0 or earned / plan.accuracy <= sum(c.fps for c in question.clients) + SAME


@given(question=problems(max_clients=3, max_devices=2, max_variants=3))
@settings(max_examples=150, deadline=None)
def test_exact_equals_trying_everything(question: Problem) -> None:
    found, best = score(question, solve(question)), best_by_trying_all(question)
    assert found[0] == best[0]
    assert found[1] == pytest.approx(best[1], abs=SAME)


@given(question=problems(max_clients=8, max_devices=4))
@settings(max_examples=60, deadline=None)
def test_exact_is_never_worse_than_annealing(question: Problem) -> None:
    assert no_worse(score(question, solve(question)), score(question, solve(question, "annealing")))


@given(question=problems(max_clients=5), more_s=st.floats(0.0, 0.1), chosen=st.integers(0, 4))
@settings(max_examples=60, deadline=None)
def test_a_looser_budget_never_lowers_the_optimum(question: Problem, more_s: float, chosen: int) -> None:
    index = chosen % len(question.clients)
    tight = question.clients[index]
    looser = msgspec.structs.replace(tight, budget_s=tuple(seconds + more_s for seconds in tight.budget_s))
    clients = (*question.clients[:index], looser, *question.clients[index + 1 :])
    relaxed = msgspec.structs.replace(question, clients=clients)
    assert no_worse(score(relaxed, solve(relaxed)), score(question, solve(question)))


def test_integer_programme_and_all_sets_find_the_same_optimum(by_patterns: None) -> None:
    @given(question=problems(max_clients=5, max_devices=3))
    @settings(max_examples=40, deadline=None)
    def check(question: Problem) -> None:
        plan = ExactPlanner(0, time_limit_s=20.0).plan(question, None)
        assert violations(question, plan) == []
        found, best = score(question, plan), best_by_trying_all(question)
        assert found[0] == best[0]
        assert found[1] == pytest.approx(best[1], abs=1e-4)

    check()


def test_many_clients_are_all_mapped_even_when_the_programme_is_cut_off() -> None:
    table = [[0.002 * (1 + m) * (0.75 + 0.25 * b) for b in range(1, 5)] for m in range(6)]
    clients = [(10.0 + i % 3, [0.12 - 0.0005 * i - 0.01 * m for m in range(6)]) for i in range(24)]
    question = problem(clients, [table] * 3, [0.3, 0.5, 0.6, 0.7, 0.75, 0.8])
    plan = ExactPlanner(0, time_limit_s=0.01).plan(question, None)
    assert violations(question, plan) == []
    assert len(plan.clients) == 24


@pytest.mark.parametrize("patterns", [False, True])
def test_among_equals_the_plan_with_fewest_changes_wins(patterns: bool, request: pytest.FixtureRequest) -> None:
    if patterns:
        request.getfixturevalue("by_patterns")
    question = problem([(10.0, [0.5, 0.5])] * 2, [[[0.01], [0.01]]] * 3, [0.6, 0.6])
    first, second = variants(2)
    running = Plan(
        {"cuda:0": DevicePlan(second, 1), "cuda:1": DevicePlan(first, 1), "cuda:2": DevicePlan(second, 1)}, {}
    )
    plan = solve(question, "exact", running)
    assert len(plan.clients) == 2
    assert {device: chosen.variant for device, chosen in plan.devices.items()} == {
        device: chosen.variant for device, chosen in running.devices.items()
    }


def test_accuracy_comes_before_keeping_the_variant() -> None:
    question = problem([(10.0, [0.5, 0.5])], [[[0.01], [0.02]]], [0.6, 0.601])
    running = Plan({"cuda:0": DevicePlan(variants(2)[0], 1)}, {})
    assert solve(question, "exact", running).devices["cuda:0"].variant == variants(2)[1]


def test_mapping_comes_before_accuracy() -> None:
    question = problem([(10.0, [0.5, 0.5]), (15.0, [0.5, 0.5])], [[[0.01], [0.05]]], [0.1, 0.9])
    for name in ("annealing", "exact"):
        plan = solve(question, name)
        assert len(plan.clients) == 2
        assert plan.accuracy == pytest.approx(0.1)


def test_rates_must_stay_strictly_below_throughput() -> None:
    question = problem([(25.0, [1.0])] * 2, [[[0.02]]], [0.5])
    assert len(solve(question).clients) == 1
    assert len(solve(question, "annealing").clients) == 1


def test_the_tightest_client_sets_the_batch() -> None:
    table = [[0.010, 0.015, 0.020]]
    loose, tight = (10.0, [0.5]), (10.0, [0.03])
    assert solve(problem([loose], [table], [0.5])).devices["cuda:0"].batch == 3
    assert solve(problem([loose, tight], [table], [0.5])).devices["cuda:0"].batch == 2


@pytest.mark.parametrize("name", PLANNERS)
def test_clients_without_any_budget_are_not_mappable(name: str) -> None:
    plan = solve(problem([(10.0, [0.0]), (10.0, [0.4])], [[[0.01]]], [0.5]), name)
    assert plan.clients == {"c1": "cuda:0"}
    assert plan.mappable == 1
    assert plan.accuracy == pytest.approx(0.5)


@pytest.mark.parametrize("name", PLANNERS)
def test_an_idle_device_keeps_its_variant(name: str) -> None:
    question = problem([(10.0, [0.0, 0.0])], [[[0.01], [0.02]]], [0.5, 0.6])
    assert solve(question, name).devices["cuda:0"].variant == variants(2)[0]
    running = Plan({"cuda:0": DevicePlan(variants(2)[1], 1)}, {})
    assert solve(question, name, running).devices["cuda:0"].variant == variants(2)[1]


def test_annealing_repeats_itself_for_a_seed() -> None:
    clients = [(10.0 + i, [0.2 - 0.02 * i - 0.03 * m for m in range(4)]) for i in range(5)]
    question = problem(clients, [[[0.01 * (m + 1), 0.015 * (m + 1)] for m in range(4)]] * 2, [0.3, 0.5, 0.6, 0.7])
    assert solve(question, "annealing") == solve(question, "annealing")


@pytest.mark.parametrize("name", [*PLANNERS, CLIENTS_CHOOSE, "fixed"])
def test_without_a_device_the_plan_is_empty(name: str) -> None:
    question = msgspec.structs.replace(problem([(10.0, [0.1])], [[[0.01]]], [0.5]), devices=())
    others: dict[str, Planner] = {CLIENTS_CHOOSE: ClientsChoice(), "fixed": FixedPlanner(question.variants[0], 4)}
    planner = others.get(name) or make_planner(name, 0, time_budget_s=math.inf)
    running = Plan({"gone": DevicePlan(question.variants[0], 1)}, {"c0": "gone"})
    for before in (None, running):
        plan = planner.plan(question, before)
        assert (plan.devices, plan.clients, plan.accuracy) == ({}, {}, 0.0)
