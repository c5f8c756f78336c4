"""Planning keeps to its share of a core, and does nothing where nothing has changed."""

from __future__ import annotations

import random

import msgspec
import pytest

from jellyfish.control.allowance import LIGHT, USEFUL, PlanningAllowance, search_s
from jellyfish.control.problem import DevicePlan, Plan, Problem
from tests.control.problems import problem

QUESTION = problem([(10.0, [0.4, 0.4]), (95.0, [0.4, 0.4])], [[[0.005], [0.020]]], [0.3, 0.7])
SMALL, LARGE = QUESTION.variants
NOT_THE_BEST = Plan({"cuda:0": DevicePlan(SMALL, 1)}, {"c0": "cuda:0", "c1": "cuda:0"})
THE_BEST = Plan({"cuda:0": DevicePlan(LARGE, 1)}, {"c0": "cuda:0", "c1": "cuda:0"})


def with_budgets(question: Problem, factor: float) -> Problem:
    clients = tuple(
        msgspec.structs.replace(client, budget_s=tuple(factor * each for each in client.budget_s))
        for client in question.clients
    )
    return msgspec.structs.replace(question, clients=clients)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.5])
def test_over_any_minute_no_more_than_the_share_is_spent(share: float) -> None:
    allowance, chance = PlanningAllowance(share), random.Random(1)
    spent: list[tuple[float, float]] = []
    for window in range(600):
        now, changed = 0.5 * window, with_budgets(QUESTION, chance.uniform(0.5, 1.0))
        verdict = allowance.decide(now, changed, NOT_THE_BEST)
        if verdict.why == "solved":
            allowance.spent(now, changed, verdict.budget_s, verdict.budget_s)
            spent.append((now, verdict.budget_s))
    assert len(spent) > 20
    for begin in range(240):
        assert sum(cost for at, cost in spent if begin <= at < begin + 60) <= share * 60 + 1e-9


def test_the_planners_own_start_is_paid_for_within_the_first_minute() -> None:
    """Its solves go on meanwhile: what is saved up is theirs."""
    allowance, chance, spent = PlanningAllowance(0.05), random.Random(1), 0.9
    for window in range(120):
        now, changed = 0.5 * window, with_budgets(QUESTION, chance.uniform(0.5, 1.0))
        verdict = allowance.decide(now, changed, NOT_THE_BEST)
        assert verdict.why == "solved" or window > 10
        if verdict.why == "solved":
            allowance.spent(now, changed, verdict.budget_s, verdict.budget_s, 0.9 if window == 0 else 0.0)
            spent += verdict.budget_s
    assert 2.0 < spent <= 0.05 * 60 + 1e-9


def test_a_small_problem_is_solved_in_every_window_in_which_it_changes() -> None:
    allowance = PlanningAllowance(0.05)
    for window in range(200):
        changed = with_budgets(QUESTION, 1.0 + 0.1 * (window % 2))
        verdict = allowance.decide(0.5 * window, changed, NOT_THE_BEST)
        assert verdict.why == "solved"
        allowance.spent(0.5 * window, changed, verdict.budget_s, search_s(changed))


def test_a_large_one_waits_until_there_is_enough_for_it_to_be_useful() -> None:
    large = msgspec.structs.replace(
        QUESTION,
        clients=tuple(msgspec.structs.replace(QUESTION.clients[0], client=f"c{number}") for number in range(256)),
        devices=tuple(msgspec.structs.replace(QUESTION.devices[0], device=f"cuda:{number}") for number in range(32)),
    )
    allowance, budgets = PlanningAllowance(0.05), []
    for window in range(240):
        verdict = allowance.decide(0.5 * window, large, NOT_THE_BEST)
        if verdict.why == "solved":
            budgets.append(verdict.budget_s)
            allowance.spent(0.5 * window, large, verdict.budget_s, verdict.budget_s)
    assert 20 < len(budgets) < 180
    assert min(budgets) >= USEFUL * search_s(large)


def test_what_has_not_changed_is_skipped_once_a_search_has_come_to_its_end() -> None:
    allowance = PlanningAllowance(0.05)
    assert allowance.decide(0.0, QUESTION, NOT_THE_BEST).why == "solved"
    allowance.spent(0.0, QUESTION, budget_s=0.3, cpu_s=0.3)
    assert allowance.decide(5.0, QUESTION, NOT_THE_BEST).why == "solved"  # it was cut off
    allowance.spent(5.0, QUESTION, budget_s=0.3, cpu_s=0.1)
    assert allowance.decide(9.0, QUESTION, NOT_THE_BEST).why == "skipped"
    assert allowance.decide(9.0, with_budgets(QUESTION, 1.005), NOT_THE_BEST).why == "skipped"
    assert allowance.decide(9.0, with_budgets(QUESTION, 1.1), NOT_THE_BEST).why == "solved"
    one = msgspec.structs.replace(QUESTION, clients=QUESTION.clients[:1])
    assert allowance.decide(9.0, one, NOT_THE_BEST).why == "solved"
    allowance.failed()
    assert allowance.decide(9.0, QUESTION, NOT_THE_BEST).why == "solved"


def test_a_small_search_is_made_to_its_end_now_and_then_and_for_others_at_once() -> None:
    allowance, budgets = PlanningAllowance(0.05), []
    for window in range(2 * LIGHT + 3):
        changed = with_budgets(QUESTION, 1.0 + 0.1 * (window % 2))
        verdict = allowance.decide(0.5 * window, changed, NOT_THE_BEST)
        budgets.append(verdict.budget_s)
        allowance.spent(0.5 * window, changed, verdict.budget_s, min(verdict.budget_s, search_s(changed)))
    long = [number for number, budget_s in enumerate(budgets) if budget_s > search_s(QUESTION)]
    assert long == [0, LIGHT + 1, 2 * LIGHT + 2]
    one = msgspec.structs.replace(QUESTION, clients=QUESTION.clients[:1])
    assert allowance.decide(0.5 * window, one, NOT_THE_BEST).budget_s > search_s(one)


def test_a_search_that_cannot_be_made_to_its_end_yet_is_saved_for() -> None:
    allowance = PlanningAllowance(0.05)
    allowance.decide(0.0, QUESTION, NOT_THE_BEST)
    allowance.spent(0.0, QUESTION, 0.3, 0.5 - 1.2 * search_s(QUESTION))
    short = allowance.decide(0.0, QUESTION, NOT_THE_BEST)
    assert short.why == "solved" and short.budget_s < search_s(QUESTION)
    allowance.spent(0.0, QUESTION, *2 * [short.budget_s])
    assert allowance.decide(1.0, QUESTION, NOT_THE_BEST).budget_s > search_s(QUESTION)


def test_where_everybody_has_the_best_there_is_nothing_to_search_for() -> None:
    assert PlanningAllowance(0.05).decide(0.0, QUESTION, THE_BEST).why == "skipped"
