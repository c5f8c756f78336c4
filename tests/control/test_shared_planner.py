from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jellyfish.control.planners.best import BestPlanner
from jellyfish.control.planners.shared import SharedPlan, SharedPlanner, least_cycle
from jellyfish.control.problem import DeviceOption, Problem
from tests.control.problems import problem, problems, score
from tests.control.test_planners import no_worse


def broken(question: Problem, plan: SharedPlan) -> list[str]:
    """Clients whose worst case is over their budget, and devices that cannot keep up, counted anew."""
    found = []
    clients = {client.client: client for client in question.clients}
    for option in question.devices:
        members = [clients[name] for name, device in plan.clients.items() if device == option.device]
        total_s = 0.0
        for share in plan.cycles[option.device]:
            row = option.latency_s[question.variants.index(share.variant)]
            total_s += max(row[: share.batch])
        for share in plan.cycles[option.device]:
            index = question.variants.index(share.variant)
            on_it = [member for member in members if plan.variants[member.client] == share.variant]
            rate, own_s = sum(member.fps for member in on_it), max(option.latency_s[index][: share.batch])
            alone = len(plan.cycles[option.device]) == 1
            seconds = option.latency_s[index][share.batch - 1]
            keeps_up = rate < share.batch / seconds if alone else rate * total_s <= share.batch
            worst_s = min(2.0 * seconds, total_s + own_s) if alone else total_s + own_s
            if not (keeps_up or rate * total_s <= share.batch):
                found.append(f"{option.device} does not keep up")
            found += [member.client for member in on_it if worst_s > member.budget_s[index] + 1e-12]
    return found


def earned(question: Problem, plan: SharedPlan) -> tuple[int, float]:
    rates = {client.client: client.fps for client in question.clients}
    accuracy = dict(zip(question.variants, question.accuracy, strict=True))
    return len(plan.clients), sum(rates[name] * accuracy[variant] for name, variant in plan.variants.items())


@given(question=problems(max_clients=8, max_devices=3))
@settings(max_examples=80, deadline=None)
def test_sharing_is_feasible_and_never_worse_than_one_variant_per_device(question: Problem) -> None:
    plan = SharedPlanner(0, time_budget_s=math.inf).plan(question, None)
    assert broken(question, plan) == []
    single = BestPlanner(0, time_budget_s=math.inf).plan(question, None)
    assert no_worse(earned(question, plan), score(question, single))


def test_a_tight_client_no_longer_holds_the_others_down() -> None:
    table = [[0.005], [0.020]]
    question = problem([(10.0, [0.4, 0.4]), (10.0, [0.4, 0.0])], [table], [0.3, 0.7])
    plan = SharedPlanner(0).plan(question, None)
    assert [plan.variants[client] for client in ("c0", "c1")] == [question.variants[1], question.variants[0]]
    assert plan.cycle_s["cuda:0"] == pytest.approx(0.025)
    assert plan.accuracy == pytest.approx(0.5)


@given(st.floats(1.0, 100.0), st.floats(1.0, 100.0))
def test_the_cycle_solves_its_equation_and_no_shorter_one_does(one: float, other: float) -> None:
    option = DeviceOption("cuda:0", ((0.004, 0.006, 0.008, 0.010), (0.010, 0.014, 0.018, 0.022)))
    found = least_cycle({0: one, 1: other}, option)
    rates = (one, other)

    def right_side(cycle_s: float) -> float:
        counts = [math.floor(rate * cycle_s + 1e-9) + 1 for rate in rates]
        return math.inf if max(counts) > 4 else sum(option.latency_s[v][count - 1] for v, count in enumerate(counts))

    steps = [0.014 + 0.001 * step for step in range(20)]
    shorter = [cycle_s for cycle_s in steps if right_side(cycle_s) <= cycle_s + 1e-12]
    if found is None:
        assert not shorter
    else:
        assert right_side(found[0]) == pytest.approx(found[0])
        assert all(cycle_s >= found[0] - 1e-9 for cycle_s in shorter)
