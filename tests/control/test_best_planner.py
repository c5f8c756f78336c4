from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jellyfish.control.capacity import complete_plan, device_capacities, mappable_clients, violations
from jellyfish.control.planners import best as best_module
from jellyfish.control.planners.best import BestPlanner
from jellyfish.control.planners.bound import accuracy_bound
from jellyfish.control.planners.exact import ExactPlanner
from jellyfish.control.planners.exchange import ExchangePlanner
from jellyfish.control.planners.layout import device_kinds, lay_out
from jellyfish.control.planners.priced_sets import PricedSets
from jellyfish.control.planners.pricing import Pricing, rate_steps
from jellyfish.control.problem import Plan, Problem
from tests.control.problems import best_by_trying_all, problem, problems, score
from tests.control.test_planners import SAME, no_worse


def exchanged(question: Problem, running: Plan | None = None, seed: int = 3) -> Plan:
    """By exchanges alone, bounded by a number of rounds."""
    return ExchangePlanner(seed, time_budget_s=math.inf, rounds_per_device=10).plan(question, running)


def crowd(clients: int, devices: int, seed: int = 0) -> Problem:
    """Many clients of a few rates, with budgets that shrink with the variant at different paces."""
    chance = np.random.default_rng(seed)
    table = [[0.002 * 1.6**m * (0.75 + 0.25 * b) for b in range(6)] for m in range(6)]
    demands = [
        (float(chance.choice([5.0, 10.0, 15.0])), [max(0.0, slo - m * network) for m in range(6)])
        for slo, network in zip(
            chance.choice([0.075, 0.1, 0.15], clients), chance.uniform(0.001, 0.015, clients), strict=True
        )
    ]
    return problem(demands, [table] * devices, [0.2, 0.4, 0.55, 0.65, 0.72, 0.77])


def greedy(question: Problem) -> Plan:
    """Client after client goes to the first device that can still serve it."""
    serving: dict[int, tuple[int, list[int]]] = {}
    tables = device_capacities(question.devices)
    for index in range(len(question.clients)):
        for device, table in enumerate(tables):
            members = [*serving.get(device, (0, []))[1], index]
            rate = sum(question.clients[member].fps for member in members)
            fitting = [
                m
                for m, capacity in enumerate(table)
                if rate < capacity.rate_within(min(question.clients[member].budget_s[m] for member in members))
            ]
            if fitting:
                serving[device] = max(fitting, key=lambda m: question.accuracy[m]), members
                break
    return complete_plan(question, None, serving)


def best_static(question: Problem) -> Plan:
    """The best plan in which every device runs the same variant, clients added in falling order of budget."""
    tables = device_capacities(question.devices)
    plans = []
    for m in range(len(question.variants)):
        groups: dict[int, tuple[int, list[int]]] = {device: (m, []) for device in range(len(tables))}
        for index in sorted(range(len(question.clients)), key=lambda i: -question.clients[i].budget_s[m]):
            for device, table in enumerate(tables):
                members = [*groups[device][1], index]
                rate = sum(question.clients[member].fps for member in members)
                if rate < table[m].rate_within(min(question.clients[member].budget_s[m] for member in members)):
                    groups[device][1].append(index)
                    break
        plans.append(complete_plan(question, None, {d: g for d, g in groups.items() if g[1]}))
    return max(plans, key=lambda plan: score(question, plan))


@given(question=problems(max_clients=8, max_devices=3))
@settings(max_examples=60, deadline=None)
def test_plans_by_exchanges_are_feasible_and_never_worse_than_what_runs(question: Problem) -> None:
    first = exchanged(question)
    assert violations(question, first) == []
    again = exchanged(question, first, seed=4)
    assert violations(question, again) == []
    assert no_worse(score(question, again), score(question, first))


@given(question=problems(max_clients=8, max_devices=3))
@settings(max_examples=60, deadline=None)
def test_the_default_is_never_worse_than_greedy_or_one_variant_for_all(question: Problem) -> None:
    plan = BestPlanner(0, time_budget_s=math.inf).plan(question, None)
    assert violations(question, plan) == []
    for other in (greedy(question), best_static(question)):
        assert violations(question, other) == []
        assert no_worse(score(question, plan), score(question, other))


@given(question=problems(max_clients=5, max_devices=3))
@settings(max_examples=60, deadline=None)
def test_priced_sets_prove_the_optimum(question: Problem) -> None:
    tables = device_capacities(question.devices)
    clients, kinds = mappable_clients(question, tables), device_kinds(tables)
    if not clients:
        return
    sets = PricedSets(question, tables, kinds, clients)
    groups = sets.search(20_000)
    assert sets.proved and groups is not None
    found = score(question, complete_plan(question, None, lay_out(groups, kinds, [None] * len(kinds))))
    best = best_by_trying_all(question)
    assert found[0] == best[0]
    assert found[1] == pytest.approx(best[1], abs=SAME)


def test_priced_sets_and_all_sets_agree_on_a_crowd(monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(4):
        question = crowd(12, 3, seed)
        planner = BestPlanner(0, time_budget_s=math.inf)
        plan = planner.plan(question, None)
        assert planner.proved
        exact = ExactPlanner(0).plan(question, None)
        assert score(question, plan)[0] == score(question, exact)[0]
        assert score(question, plan)[1] == pytest.approx(score(question, exact)[1], abs=SAME)


@given(question=problems(max_clients=5), chosen=st.integers(0, 4))
@settings(max_examples=40, deadline=None)
def test_one_more_device_never_lowers_the_optimum(question: Problem, chosen: int) -> None:
    extra = msgspec.structs.replace(question.devices[chosen % len(question.devices)], device="extra")
    more = msgspec.structs.replace(question, devices=(*question.devices, extra))
    plan, wider = BestPlanner(0).plan(question, None), BestPlanner(0).plan(more, None)
    assert no_worse(score(more, wider), score(question, plan))


@pytest.mark.parametrize(("clients", "devices"), [(40, 5), (60, 2)])
def test_a_crowd_is_planned_feasibly_repeatably_and_within_the_bound(clients: int, devices: int) -> None:
    question = crowd(clients, devices)
    plan = BestPlanner(1, time_budget_s=math.inf).plan(question, None)
    assert violations(question, plan) == []
    assert plan == BestPlanner(1, time_budget_s=math.inf).plan(question, None)
    bound = accuracy_bound(question, plan, 1.0)
    assert plan.accuracy <= bound + SAME
    assert plan.accuracy >= 0.9 * bound


def test_no_time_still_keeps_what_runs() -> None:
    question = crowd(40, 5)
    running = exchanged(question)
    hurried = ExchangePlanner(0, clock=iter(range(1000)).__next__, time_budget_s=0.0).plan(question, running)
    assert no_worse(score(question, hurried), score(question, running))


def test_what_is_left_of_the_running_plan_is_kept_when_a_client_tightens() -> None:
    question = crowd(20, 3)
    running = exchanged(question)
    clients = [
        msgspec.structs.replace(client, budget_s=tuple(s * 0.8 for s in client.budget_s)) for client in question.clients
    ]
    tighter = msgspec.structs.replace(question, clients=tuple(clients))
    assert violations(tighter, exchanged(tighter, running)) == []


@given(question=problems(max_clients=5, max_devices=3))
@settings(max_examples=40, deadline=None)
def test_no_plan_is_more_accurate_than_the_bound(question: Problem) -> None:
    plan = ExactPlanner(0).plan(question, None)
    assert plan.accuracy <= accuracy_bound(question, plan, 5.0) + SAME


@given(question=problems(max_clients=6, max_devices=1), prices=st.lists(st.floats(-1.0, 2.0), min_size=6, max_size=6))
@settings(max_examples=60, deadline=None)
def test_priced_groups_are_the_best_of_all_subsets(question: Problem, prices: list[float]) -> None:
    table = device_capacities(question.devices)[0]
    everyone = np.arange(len(question.clients))
    pricing = Pricing(question, everyone.tolist(), table)
    profit = np.tile(np.array(prices[: len(everyone)]), (len(pricing.rows), 1))
    found = pricing.best(profit, everyone, pricing.rows)
    for row in pricing.rows.tolist():
        best = 0.0
        for bits in range(1 << len(everyone)):
            members = [i for i in everyone.tolist() if bits >> i & 1]
            allowed = all(pricing.eligible[row, i] for i in members)
            if allowed and pricing.weights[members].sum() <= pricing.steps[row]:
                best = max(best, sum(prices[i] for i in members))
        assert found.value[row] == pytest.approx(best, abs=1e-9)
        assert profit[row][found.members[row]].sum() == pytest.approx(best, abs=1e-9)


@given(st.lists(st.floats(0.5, 240.0), min_size=1, max_size=20))
def test_steps_never_understate_a_rate_rounded_up_nor_overstate_it_rounded_down(rates: list[float]) -> None:
    fps = np.array(rates)
    up, unit = rate_steps(fps)
    assert (up * unit >= fps - 1e-4 * fps).all()
    down, unit = rate_steps(fps, up=False)
    assert (down * unit <= fps + 1e-4 * fps).all()


def test_small_problems_do_not_need_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(best_module, "PricedSets", None)
    assert len(BestPlanner(0).plan(crowd(8, 2), None).clients) == 8
