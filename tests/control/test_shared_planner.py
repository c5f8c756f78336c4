from __future__ import annotations

import itertools
import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jellyfish.control.capacity import LONE_BUSY, violations, worst_cases_s
from jellyfish.control.planners.best import BestPlanner
from jellyfish.control.planners.cycles import Cycles
from jellyfish.control.planners.shared import SharedPlanner
from jellyfish.control.problem import DevicePlan, Plan, Problem, Share
from tests.control.problems import keeping_for, problem, problems, score
from tests.control.test_planners import no_worse

TIGHT_AND_LOOSE = problem([(10.0, [0.4, 0.4]), (10.0, [0.4, 0.0])], [[[0.005], [0.020]]], [0.3, 0.7])


def broken(question: Problem, plan: Plan) -> list[str]:
    """Clients whose worst case is over their budget, and variants that cannot keep up, counted anew."""
    found = []
    clients = {client.client: client for client in question.clients}
    for option in question.devices:
        shares = plan.devices[option.device].shares
        members = [name for name, device in plan.clients.items() if device == option.device]
        seconds = {s.variant: option.latency_s[question.variants.index(s.variant)][s.batch - 1] for s in shares}
        keeps = {s.variant: option.keeps_s[question.variants.index(s.variant)][s.batch - 1] for s in shares}
        fps = {name: clients[name].fps for name in members}
        own = len(members) <= option.workers and all(
            share.batch == 1 and fps[name] * keeps[plan.variant_of(name)] <= LONE_BUSY
            for share in shares
            for name in members
        )
        wait_s = (sum(seconds.values()) + (option.workers - 1) * max(seconds.values())) / option.workers
        for share in shares:
            on_it = [clients[name] for name in members if plan.variant_of(name) == share.variant]
            busy = sum(member.fps for member in on_it) / share.batch * sum(keeps.values())
            if on_it and not own and busy >= option.workers:
                found.append(f"{option.device} does not keep up")
            index = question.variants.index(share.variant)
            worst_s = seconds[share.variant] + (0.0 if own else wait_s)
            found += [m.client for m in on_it if worst_s > m.budget_s[index]]
    return found


@given(question=problems(max_clients=8, max_devices=3, max_workers=3))
@settings(max_examples=40, deadline=None)
def test_sharing_is_feasible_and_never_worse_than_one_variant_per_device(question: Problem) -> None:
    plan = SharedPlanner(0, time_budget_s=math.inf).plan(question, None)
    assert broken(question, plan) == violations(question, plan) == []
    single = BestPlanner(0, time_budget_s=math.inf).plan(question, None)
    assert no_worse(score(question, plan), score(question, single))
    asked = sum(client.fps for client in question.clients)
    if len(plan.clients) == len(question.clients):
        assert plan.accuracy == pytest.approx(score(question, plan)[1] / asked)


@given(question=problems(max_clients=6, max_devices=2, max_workers=3))
@settings(max_examples=25, deadline=None)
def test_it_is_never_worse_than_the_running_plan_and_keeps_one_that_it_cannot_better(question: Problem) -> None:
    planner = SharedPlanner(0, time_budget_s=math.inf)
    first = planner.plan(question, None)
    second = planner.plan(question, first)
    assert no_worse(score(question, second), score(question, first))
    if score(question, second) == score(question, first):
        assert second.clients == first.clients


@given(question=problems(max_clients=6, max_devices=2), changed=problems(max_clients=6, max_devices=2))
@settings(max_examples=25, deadline=None)
def test_a_running_plan_of_another_problem_does_no_harm(question: Problem, changed: Problem) -> None:
    planner = SharedPlanner(0, time_budget_s=math.inf)
    assert violations(changed, planner.plan(changed, planner.plan(question, None))) == []


def test_a_tight_client_no_longer_holds_the_others_down() -> None:
    planner = SharedPlanner(0)
    plan = planner.plan(TIGHT_AND_LOOSE, None)
    assert [plan.variant_of(client) for client in ("c0", "c1")] == [*reversed(TIGHT_AND_LOOSE.variants)]
    assert plan.devices["cuda:0"].cycle_s == pytest.approx(0.025)
    assert plan.accuracy == pytest.approx(0.5)
    assert planner.proved and planner.bound == pytest.approx(0.5)
    assert worst_cases_s(TIGHT_AND_LOOSE, plan) == {"c0": pytest.approx(0.045), "c1": pytest.approx(0.030)}


@pytest.mark.parametrize(("larger", "shares"), [(0.31, False), (0.33, True)])
def test_a_device_runs_one_variant_where_several_gain_next_to_nothing(larger: float, shares: bool) -> None:
    question = msgspec.structs.replace(TIGHT_AND_LOOSE, accuracy=(0.3, larger))
    plan = SharedPlanner(0).plan(question, None)
    assert len(plan.clients) == 2 and plan.shares_time("c0") is plan.shares_time("c1") is shares


def test_rates_are_planned_with_what_batches_usually_take_and_budgets_with_the_worst() -> None:
    careful = problem([(30.0, [0.4]), (30.0, [0.4])], [[[0.020]]], [0.5])
    assert len(SharedPlanner(0).plan(careful, None).clients) == 1
    usual = keeping_for(careful, 0.8)
    plan = SharedPlanner(0).plan(usual, None)
    assert len(plan.clients) == 2 and worst_cases_s(usual, plan)["c0"] == pytest.approx(0.040)
    (why,) = violations(careful, plan)
    assert "60 fps asked, 50.0 fps possible" in why


def test_out_of_time_it_answers_with_the_best_plan_of_one_variant_per_device() -> None:
    ticks = itertools.count()
    plan = SharedPlanner(0, clock=lambda: float(next(ticks)), time_budget_s=0.5).plan(TIGHT_AND_LOOSE, None)
    assert violations(TIGHT_AND_LOOSE, plan) == []
    assert plan.accuracy >= BestPlanner(0).plan(TIGHT_AND_LOOSE, None).accuracy


@given(st.floats(1.0, 100.0), st.floats(1.0, 100.0))
def test_the_cycle_solves_its_equation_and_no_shorter_one_does(one: float, other: float) -> None:
    rows = [[0.004, 0.006, 0.008, 0.010], [0.010, 0.014, 0.018, 0.022]]
    cycles = Cycles(problem([(one, [1.0, 1.0]), (other, [1.0, 1.0])], [rows], [0.3, 0.7]))
    fits = cycles.put(0, 0, 0) and cycles.put(1, 0, 1)
    rates = (one, other)

    def right_side(cycle_s: float) -> float:
        counts = [math.floor(rate * cycle_s + 1e-9) + 1 for rate in rates]
        return math.inf if max(counts) > 4 else sum(rows[v][count - 1] for v, count in enumerate(counts))

    steps = [0.014 + 0.001 * step for step in range(20)]
    shorter = [cycle_s for cycle_s in steps if right_side(cycle_s) <= cycle_s + 1e-12]
    if not fits:
        assert not shorter
    else:
        cycle_s, batches = cycles.grown(0)
        assert right_side(cycle_s) == pytest.approx(cycle_s)
        assert sorted(batches) == [0, 1]
        assert all(each >= cycle_s - 1e-9 for each in shorter)


@given(question=problems(max_clients=6, max_devices=2, max_workers=3), chance=st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_options_are_the_places_that_can_be_taken(question: Problem, chance: object) -> None:
    cycles = Cycles(question)
    alone = cycles.alone()
    places = [(d, v) for d in range(len(question.devices)) for v in range(len(question.variants))]
    for client in range(len(question.clients)):
        devices, variants, _ = cycles.options(client, alone[client])
        offered = set(zip(devices.tolist(), variants.tolist(), strict=True))
        taken = {place for place in places if cycles.put(client, *place) and cycles.take(client)}
        assert offered == taken
        if taken:
            cycles.put(client, *sorted(taken)[client % len(taken)])


def test_a_share_that_is_not_in_the_plan_and_one_that_cannot_keep_up_are_violations() -> None:
    small, large = TIGHT_AND_LOOSE.variants
    shared = {"cuda:0": DevicePlan(small, 1, (Share(large, 1),))}
    everyone = {"c0": "cuda:0", "c1": "cuda:0"}
    assert violations(TIGHT_AND_LOOSE, Plan(shared, everyone, variants={"c0": large, "c1": small})) == []
    (late,) = violations(TIGHT_AND_LOOSE, Plan(shared, everyone, variants={"c0": small, "c1": large}))
    assert "c1 has 0.0 ms" in late
    alone = Plan({"cuda:0": DevicePlan(small, 1)}, everyone, variants={"c0": large})
    assert violations(TIGHT_AND_LOOSE, alone) == ["cuda:0: clients of w100-192, which it does not run"]
    fast = problem([(50.0, [0.4, 0.4])], [[[0.005], [0.020]]], [0.3, 0.7])
    (slow,) = violations(fast, Plan(shared, {"c0": "cuda:0"}, variants={"c0": small}))
    assert "50 fps asked, 40.0 fps possible" in slow
