from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jellyfish.control.capacity import complete_plan, device_capacities, violations
from jellyfish.control.planners import best as best_module
from jellyfish.control.planners import integer as integer_module
from jellyfish.control.planners import linear as linear_module
from jellyfish.control.planners.best import BestPlanner
from jellyfish.control.planners.exact import ExactPlanner
from jellyfish.control.planners.many import ManyClients
from jellyfish.control.planners.priced_sets import PricedSets
from jellyfish.control.planners.pricing import Pricing, rate_steps
from jellyfish.control.planners.task import PlanningTask
from jellyfish.control.problem import Plan, Problem
from jellyfish.lab.studies.bound import plan_bound
from tests.control.problems import best_by_trying_all, problem, problems, score
from tests.control.test_planners import SAME, no_worse


def improved(question: Problem, running: Plan | None = None, seed: int = 3) -> Plan:
    """By the search for many clients, bounded by a number of rounds."""
    random = np.random.default_rng(seed)
    return ManyClients(PlanningTask.of(question, running), random, lambda: 0.0, math.inf, rounds_per_device=10).plan()


def crowd(
    clients: int, devices: int, seed: int = 0, kinds: int = 1, tight: float = 1.0, bandwidth: Sequence[float] = ()
) -> Problem:
    """Many clients of a few rates, with budgets that shrink with the variant at different paces.

    Devices are `tight` times slower, and each kind slower than the one before; clients have `bandwidth` times more.
    """
    chance = np.random.default_rng(seed)
    tables = [
        [[tight * (1 + 0.3 * kind) * 0.002 * 1.6**m * (0.75 + 0.25 * b) for b in range(6)] for m in range(6)]
        for kind in range(kinds)
    ]
    rates, slos = chance.choice([5.0, 10.0, 15.0], clients), chance.choice([0.075, 0.1, 0.15], clients)
    network = chance.uniform(0.001, 0.015, clients) / (np.array(bandwidth) if bandwidth else 1.0)
    demands = [
        (float(fps), [max(0.0, float(slo) - m * float(pace)) for m in range(6)])
        for fps, slo, pace in zip(rates, slos, network, strict=True)
    ]
    return problem(demands, [tables[device % kinds] for device in range(devices)], [0.2, 0.4, 0.55, 0.65, 0.72, 0.77])


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
def test_plans_for_many_are_feasible_and_never_worse_than_what_runs(question: Problem) -> None:
    if not PlanningTask.of(question, None).clients:
        return
    first = improved(question)
    assert violations(question, first) == []
    again = improved(question, first, seed=4)
    assert violations(question, again) == []
    assert no_worse(score(question, again), score(question, first))


@pytest.mark.parametrize("fps", [-5.0, 0.0, math.nan, math.inf])
def test_a_rate_that_nobody_can_send_is_infeasible(fps: float) -> None:
    question = crowd(4, 1)
    plan = BestPlanner(0, time_budget_s=math.inf).plan(question, None)
    client = next(iter(plan.clients))
    impossible = msgspec.structs.replace(plan, fps={client: fps})
    assert violations(question, impossible) == [f"client {client} cannot send {fps} frames per second"]


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
    task = PlanningTask.of(question, None)
    if not task.clients:
        return
    sets = PricedSets(task)
    found = score(question, task.plan(sets.search(lambda nodes: nodes > 20_000)))
    assert sets.proved
    best = best_by_trying_all(question)
    assert found[0] == best[0]
    assert found[1] == pytest.approx(best[1], abs=SAME)


@pytest.mark.parametrize("kinds", [1, 2, 4])
def test_priced_sets_and_all_sets_agree_on_a_crowd(kinds: int) -> None:
    for seed in range(3):
        question = crowd(12, 4, seed, kinds)
        planner = BestPlanner(0, time_budget_s=math.inf)
        plan = planner.plan(question, None)
        assert planner.proved
        exact = ExactPlanner(0).plan(question, None)
        assert score(question, plan)[0] == score(question, exact)[0]
        assert score(question, plan)[1] == pytest.approx(score(question, exact)[1], abs=SAME)


def test_a_search_that_is_cut_off_still_maps_as_many_as_greedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(best_module, "MAX_NODES", 2)
    for devices in (3, 8):
        question = crowd(14, devices, tight=3.0)
        planner = BestPlanner(0, time_budget_s=math.inf)
        plan = planner.plan(question, None)
        assert violations(question, plan) == []
        assert not planner.proved
        assert len(plan.clients) >= len(greedy(question).clients) > 0


def test_a_plan_that_is_the_optimum_stays_as_it_is() -> None:
    question = crowd(13, 4)
    running = BestPlanner(0, time_budget_s=math.inf).plan(question, None)
    turned = dict(zip(running.devices, [*list(running.devices)[1:], next(iter(running.devices))], strict=True))
    running = msgspec.structs.replace(
        running,
        devices={turned[device]: chosen for device, chosen in running.devices.items()},
        clients={client: turned[device] for client, device in running.clients.items()},
    )
    again = BestPlanner(1, time_budget_s=math.inf).plan(question, running)
    assert {device: chosen.variant for device, chosen in again.devices.items()} == {
        device: chosen.variant for device, chosen in running.devices.items()
    }


@given(question=problems(max_clients=5), more_s=st.floats(0.0, 0.1))
@settings(max_examples=40, deadline=None)
def test_looser_budgets_for_all_never_lower_the_optimum(question: Problem, more_s: float) -> None:
    clients = [
        msgspec.structs.replace(client, budget_s=tuple(seconds + more_s for seconds in client.budget_s))
        for client in question.clients
    ]
    looser = msgspec.structs.replace(question, clients=tuple(clients))
    plan, wider = BestPlanner(0).plan(question, None), BestPlanner(0).plan(looser, None)
    assert no_worse(score(looser, wider), score(question, plan))


@given(extra=st.lists(st.floats(1.0, 1.5), min_size=12, max_size=12), seed=st.integers(0, 5))
@settings(max_examples=15, deadline=None)
def test_more_bandwidth_never_lowers_a_proved_optimum_of_a_dozen_clients(extra: list[float], seed: int) -> None:
    """The budget for a variant is the SLO less a network time; with more bandwidth the latter is shorter."""
    narrow, wide = crowd(12, 3, seed, tight=2.0), crowd(12, 3, seed, tight=2.0, bandwidth=extra)
    plans = []
    for question in (narrow, wide):
        planner = BestPlanner(0, time_budget_s=math.inf)
        plans.append(score(question, planner.plan(question, None)))
        assert planner.proved
    assert no_worse(plans[1], plans[0])


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
    bound = plan_bound(question, plan, 1.0).accuracy
    assert plan.accuracy <= bound + SAME
    assert plan.accuracy >= 0.9 * bound


@pytest.mark.parametrize("clients", [14, 40])
def test_no_time_still_keeps_what_runs(clients: int) -> None:
    question = crowd(clients, 5)
    running = improved(question)
    hurried = BestPlanner(0, clock=iter(range(10_000)).__next__, time_budget_s=0.0).plan(question, running)
    assert violations(question, hurried) == []
    assert no_worse(score(question, hurried), score(question, running))


def test_what_is_left_of_the_running_plan_is_kept_when_a_client_tightens() -> None:
    question = crowd(20, 3)
    running = improved(question)
    clients = [
        msgspec.structs.replace(client, budget_s=tuple(s * 0.8 for s in client.budget_s)) for client in question.clients
    ]
    tighter = msgspec.structs.replace(question, clients=tuple(clients))
    assert violations(tighter, improved(tighter, running)) == []


def test_without_the_faster_solver_plans_are_feasible_and_within_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (linear_module, integer_module):
        monkeypatch.setattr(name, "highspy", lambda: None)
    for question in (crowd(13, 3, tight=2.0), crowd(24, 3, tight=4.0)):
        plan = BestPlanner(1, time_budget_s=math.inf).plan(question, None)
        assert violations(question, plan) == []
        bound = plan_bound(question, plan, 1.0)
        assert len(plan.clients) <= bound.mapped
        assert plan.accuracy <= bound.accuracy + SAME


@given(question=problems(max_clients=5, max_devices=3))
@settings(max_examples=40, deadline=None)
def test_no_plan_is_more_accurate_than_the_bound(question: Problem) -> None:
    plan = ExactPlanner(0).plan(question, None)
    assert plan.accuracy <= plan_bound(question, plan, 5.0).accuracy + SAME


@given(question=problems(max_clients=6, max_devices=1), prices=st.lists(st.floats(-1.0, 2.0), min_size=6, max_size=6))
@settings(max_examples=60, deadline=None)
def test_priced_groups_are_the_best_of_all_subsets(question: Problem, prices: list[float]) -> None:
    task = PlanningTask.of(question, None)
    if not task.clients:
        return
    everyone = np.arange(len(task.clients))
    pricing = Pricing(task, 0)
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
