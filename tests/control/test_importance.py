"""In overload the less important lose first, and equals count the same."""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jellyfish.config import PLANNERS
from jellyfish.control.allowance import PlanningAllowance
from jellyfish.control.capacity import violations
from jellyfish.control.favour import favoured
from jellyfish.control.host import LEAST_SHARE, host_shares, within_host
from jellyfish.control.importance import weights
from jellyfish.control.planners import exact as exact_module
from jellyfish.control.planners import make_planner
from jellyfish.control.planners.best import BestPlanner
from jellyfish.control.planners.exact import plan_by_all_sets
from jellyfish.control.planners.many import ManyClients
from jellyfish.control.planners.priced_sets import PricedSets
from jellyfish.control.planners.shared import SharedPlanner
from jellyfish.control.planners.task import PlanningTask
from jellyfish.control.problem import ClientDemand, DevicePlan, Plan, Problem
from jellyfish.control.repair import repair
from jellyfish.control.steadiness import Steadiness
from tests.control.problems import best_by_trying_all, problem, problems, score, with_importances
from tests.control.test_best_planner import crowd
from tests.control.test_planners import SAME, no_worse

IMPORTANCES = st.lists(st.sampled_from([0.5, 1.0, 1.25, 2.0, 10.0]), min_size=2, max_size=6)


def solve(question: Problem, name: str, running: Plan | None = None) -> Plan:
    return make_planner(name, 7, lambda: 0.0, math.inf).plan(question, running)


def envied(question: Problem, plan: Plan) -> list[tuple[str, str]]:
    """(client, a less important one) where the first is worse off, and the two could change places."""
    accuracy = dict(zip(question.variants, question.accuracy, strict=True))
    number = {variant: index for index, variant in enumerate(question.variants)}

    def worth(client: ClientDemand) -> float:
        variant = plan.variant_of(client.client)
        return -1.0 if variant is None else accuracy[variant]

    def can_have(client: ClientDemand, place: ClientDemand) -> bool:
        """Whether it needs no more than the other, with what that is served with."""
        variant = plan.variant_of(place.client)
        if variant is None:
            return True
        return client.fps <= place.fps and client.budget_s[number[variant]] >= place.budget_s[number[variant]]

    return [
        (one.client, other.client)
        for one in question.clients
        for other in question.clients
        if one.importance > other.importance and worth(other) > worth(one) + SAME
        if can_have(one, other) and can_have(other, one)
    ]


def test_equal_importances_count_one_and_others_in_proportion() -> None:
    def counted(*importances: float) -> list[float]:
        return weights(ClientDemand("c", 1.0, (), each) for each in importances)

    assert counted(0.3, 0.3) == counted(7.0, 7.0) == [1.0, 1.0]
    assert counted(0.5, 1.0, 2.0) == [1.0, 2.0, 4.0]
    assert counted(1.0, 1.25) == [4.0, 5.0]
    assert counted(0.0, math.inf) == [1.0, 10_000.0]
    assert counted() == []


@pytest.mark.parametrize("name", PLANNERS)
@given(question=problems(max_clients=7), changed=problems(max_clients=7), importance=st.sampled_from([0.2, 3.0]))
@settings(max_examples=10, deadline=None)
def test_importances_that_are_all_the_same_change_no_plan(
    name: str, question: Problem, changed: Problem, importance: float
) -> None:
    running = solve(question, name)
    assert msgspec.json.encode(solve(with_importances(question, [importance]), name)) == msgspec.json.encode(running)
    again = repair(changed, running, name == "shared")
    alike = repair(with_importances(changed, [importance]), running, name == "shared")
    assert msgspec.json.encode(alike) == msgspec.json.encode(again)


@given(question=problems(max_clients=3, max_devices=2, max_variants=3), importances=IMPORTANCES)
@settings(max_examples=40, deadline=None)
def test_exact_equals_trying_everything(question: Problem, importances: list[float]) -> None:
    asked = with_importances(question, importances)
    found, best = score(asked, solve(asked, "exact")), best_by_trying_all(asked)
    assert found == pytest.approx(best, abs=SAME)


@pytest.mark.parametrize("name", PLANNERS)
@given(question=problems(max_clients=8), importances=IMPORTANCES)
@settings(max_examples=20, deadline=None)
def test_nobody_has_what_a_more_important_one_could_have(
    name: str, question: Problem, importances: list[float]
) -> None:
    asked = with_importances(question, importances)
    plan = solve(asked, name)
    assert violations(asked, plan) == []
    assert envied(asked, plan) == []


@pytest.mark.parametrize(("name", "tight"), [("best", 12.0), ("shared", 2.0)])
def test_the_same_of_a_crowd(name: str, tight: float) -> None:
    asked = with_importances(crowd(24, 3, kinds=2, tight=tight), [1.0, 2.0, 5.0])
    plan = make_planner(name, 1, lambda: 0.0, 0.3).plan(asked, None)
    assert violations(asked, plan) == []
    assert envied(asked, plan) == []


@pytest.mark.parametrize("seed", range(2))
def test_a_search_for_many_clients_finds_places_for_the_important_ones(seed: int) -> None:
    asked = with_importances(crowd(24, 2, seed=seed, tight=20.0), [1.0, 4.0])
    random = np.random.default_rng(seed)
    plan = ManyClients(PlanningTask.of(asked, None), random, lambda: 0.0, math.inf, rounds_per_device=10).plan()
    alike = ManyClients(
        PlanningTask.of(with_importances(asked, [1.0]), None), random, lambda: 0.0, math.inf, rounds_per_device=10
    ).plan()
    assert violations(asked, plan) == [] and len(alike.clients) < 24
    assert score(asked, plan) > score(asked, alike)


@pytest.mark.parametrize("tight", [1.0, 6.0, 12.0])
@pytest.mark.parametrize("importances", [[1.0, 2.0], [0.5, 0.75, 3.0]])
def test_sets_priced_and_all_sets_find_the_same_optimum(tight: float, importances: list[float]) -> None:
    asked = with_importances(crowd(10, 3, seed=5, tight=tight), importances)
    task = PlanningTask.of(asked, None)
    sets = PricedSets(task)
    found = task.plan(sets.search(lambda nodes: False))
    assert sets.proved
    assert score(asked, found) == pytest.approx(score(asked, plan_by_all_sets(task)))


def test_integer_programme_and_all_sets_find_the_same_optimum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact_module, "SETS_LIMIT", 0)
    monkeypatch.setattr(exact_module, "SETS_LIMIT_TWO_DEVICES", 0)

    @given(question=problems(max_clients=5), importances=IMPORTANCES)
    @settings(max_examples=20, deadline=None)
    def check(question: Problem, importances: list[float]) -> None:
        asked = with_importances(question, importances)
        task = PlanningTask.of(asked, None)
        best = score(asked, plan_by_all_sets(task)) if task.clients else (0.0, 0.0)
        assert no_worse(score(asked, solve(asked, "exact")), best)

    check()


ONE_PLACE = problem([(10.0, [0.4]), (10.0, [0.4])], [[[0.060]]], [0.5])
ONE_LARGE = problem([(10.0, [0.4, 0.15])] * 2, [[[0.010], [0.060]]], [0.3, 0.7])
SMALL, LARGE = ONE_LARGE.variants


@pytest.mark.parametrize("name", PLANNERS)
@pytest.mark.parametrize("importances", [(1.0, 1.5), (1.5, 1.0)])
def test_of_two_of_whom_one_can_be_served_it_is_the_more_important(name: str, importances: tuple[float, float]) -> None:
    asked = with_importances(ONE_PLACE, importances)
    assert solve(asked, name).clients.keys() == {f"c{importances.index(1.5)}"}


@pytest.mark.parametrize("importances", [(1.0, 1.5), (1.5, 1.0)])
def test_where_all_have_a_place_the_more_important_has_the_better_network(importances: tuple[float, float]) -> None:
    plan = solve(with_importances(ONE_LARGE, importances), "shared")
    important = importances.index(1.5)
    assert [plan.variant_of(f"c{each}") for each in (important, 1 - important)] == [LARGE, SMALL]


@given(question=problems(max_clients=6, max_devices=2))
@settings(max_examples=20, deadline=None)
def test_no_accuracy_of_one_is_worth_an_equals_place(question: Problem) -> None:
    asked = with_importances(question, [3.0])
    assert len(solve(asked, "shared").clients) >= len(solve(asked, "exact").clients)
    assert score(asked, solve(asked, "exact"))[0] == 3.0 * len(solve(question, "exact").clients)


def test_places_change_in_a_plan_that_leaves_the_more_important_one_out() -> None:
    asked = with_importances(ONE_PLACE, (1.0, 2.0))
    plan = solve(with_importances(ONE_PLACE, (2.0, 1.0)), "exact")
    assert plan.clients == {"c0": "cuda:0"}
    assert favoured(asked, plan).clients == {"c1": "cuda:0"}
    assert favoured(ONE_PLACE, plan) is plan


def test_a_slower_client_does_not_take_the_place_of_one_that_needs_less() -> None:
    asked = problem([(10.0, [0.4]), (12.0, [0.4]), (10.0, [0.1])], [[[0.060]]], [0.5])
    plan = solve(with_importances(asked, (2.0, 1.0, 1.0)), "exact")
    assert favoured(with_importances(asked, (1.0, 2.0, 2.0)), plan) is plan


# --- between plans ---------------------------------------------------------------------------------------


def test_a_plan_for_more_important_clients_takes_the_place_of_one_for_as_many_others() -> None:
    asked = with_importances(ONE_PLACE, (1.0, 2.0))
    running = solve(with_importances(ONE_PLACE, (2.0, 1.0)), "exact")
    found = solve(asked, "exact")
    assert Steadiness().worth_a_change(0.0, asked, running, found)
    assert not Steadiness().worth_a_change(0.0, asked, found, running)


def test_an_importance_that_changes_is_planned_for() -> None:
    allowance = PlanningAllowance(0.05)
    running = solve(ONE_PLACE, "exact")
    allowance.spent(0.0, ONE_PLACE, 0.3, 0.001)
    assert allowance.decide(0.5, ONE_PLACE, running).why == "skipped"
    assert allowance.decide(0.5, with_importances(ONE_PLACE, (1.0, 2.0)), running).why == "solved"


@pytest.mark.parametrize("importances", [(1.0, 2.0), (2.0, 1.0)])
def test_where_a_device_has_become_slower_the_less_important_goes_down(importances: tuple[float, float]) -> None:
    fast = problem([(10.0, [0.4, 0.4])] * 2, [[[0.010], [0.040]]], [0.3, 0.7])
    running = SharedPlanner(0, time_budget_s=math.inf).plan(fast, None)
    assert {running.variant_of(client) for client in running.clients} == {LARGE}
    slow = problem([(10.0, [0.4, 0.4])] * 2, [[[0.010], [0.070]]], [0.3, 0.7])
    plan = repair(with_importances(slow, importances), running).plan
    important = importances.index(2.0)
    assert [plan.variant_of(f"c{each}") for each in (important, 1 - important)] == [LARGE, SMALL]


def test_nobody_loses_a_place_so_that_a_more_important_one_keeps_a_large_network() -> None:
    """With the large one there would be no room for the others' smallest."""
    clients = [(10.0, [0.3, 0.3]), (10.0, [0.1, 0.0]), (10.0, [0.1, 0.0])]
    fast, slow = (problem(clients, [[[0.010, 0.015], [seconds]]], [0.3, 0.7]) for seconds in (0.025, 0.120))
    running = SharedPlanner(0, time_budget_s=math.inf).plan(fast, None)
    assert [running.variant_of(f"c{each}") for each in range(3)] == [LARGE, SMALL, SMALL]
    plan = repair(with_importances(slow, (9.0, 1.0, 1.0)), running).plan
    assert [plan.variant_of(f"c{each}") for each in range(3)] == [SMALL, SMALL, SMALL]


@pytest.mark.parametrize("importances", [(1.0, 1.0, 2.0), (1.0, 2.0, 1.0)])
def test_of_newcomers_the_more_important_gets_the_place_there_is(importances: tuple[float, ...]) -> None:
    asked = problem([(10.0, [0.4])] * 3, [[[0.040]]], [0.5])
    running = Plan({"cuda:0": DevicePlan(asked.variants[0], 1)}, {"c0": "cuda:0"})
    plan = repair(with_importances(asked, importances), running).plan
    assert plan.clients.keys() == {"c0", f"c{importances.index(2.0)}"}


# --- the host --------------------------------------------------------------------------------------------


def demands(*rates_and_importances: tuple[float, float]) -> list[ClientDemand]:
    each = enumerate(rates_and_importances)
    return [ClientDemand(f"c{number}", fps, (1.0,), importance) for number, (fps, importance) in each]


@given(
    asked=st.lists(st.tuples(st.sampled_from([5.0, 15.0, 25.0]), st.sampled_from([0.5, 1.0, 2.0])), min_size=1),
    share=st.floats(LEAST_SHARE, 0.99),
)
@settings(max_examples=100, deadline=None)
def test_a_busy_host_asks_the_less_important_for_fewer_frames_first(
    asked: list[tuple[float, float]], share: float
) -> None:
    clients = demands(*asked)
    shares = host_shares(clients, share) or {client.client: share for client in clients}
    frames = sum(shares[client.client] * client.fps for client in clients)
    assert frames == pytest.approx(share * sum(client.fps for client in clients))
    assert all(LEAST_SHARE - SAME <= each <= 1.0 + SAME for each in shares.values())
    for one in clients:
        for other in clients:
            if one.importance == other.importance:
                assert shares[one.client] == shares[other.client]
            elif one.importance > other.importance:
                full, none = shares[one.client] > 1.0 - SAME, shares[other.client] < LEAST_SHARE + SAME
                assert full or none


def test_plans_say_what_each_client_is_to_send() -> None:
    question = msgspec.structs.replace(ONE_PLACE, host_share=0.6)
    assert within_host(question).host_shares == {}
    bound = within_host(with_importances(question, (1.0, 2.0)))
    assert [demand.fps for demand in bound.clients] == pytest.approx([2.0, 10.0])
    plan = Plan({}, {}, host_share=0.6, host_shares=bound.host_shares)
    assert plan.rate_of("c0", 10.0) == pytest.approx(2.0)
    assert plan.rate_of("c1", 10.0) is None
    assert plan.rate_of("of whom plans do not know", 10.0) == 6.0


@pytest.mark.parametrize("planner", [BestPlanner, SharedPlanner])
def test_a_crowd_whose_importances_lie_far_apart_is_planned_for(planner: Callable[..., BestPlanner]) -> None:
    asked = with_importances(crowd(12, 3, tight=6.0), [0.01, 100.0, 33.33])
    plan = planner(0, lambda: 0.0, math.inf).plan(asked, None)
    assert violations(asked, plan) == [] and envied(asked, plan) == []
