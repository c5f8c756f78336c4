"""Noise does not move clients; what is worth a change does."""

from __future__ import annotations

import random
from collections.abc import Callable

import msgspec
import pytest

from jellyfish.control.capacity import violations
from jellyfish.control.problem import SHARING, DevicePlan, Plan, Problem, Share
from jellyfish.control.steadiness import MOST_SHARING, SETTLED_S, Steadiness
from tests.control.problems import problem

ONE = problem([(10.0, [0.4, 0.4, 0.4])], [[[0.005], [0.020], [0.040]]], [0.3, 0.6, 0.7])
SMALL, MIDDLE, LARGE = ONE.variants


def with_budget(budget_s: float) -> Problem:
    return msgspec.structs.replace(
        ONE, clients=(msgspec.structs.replace(ONE.clients[0], budget_s=(0.4, 0.4, budget_s)),)
    )


def best_of(question: Problem) -> Plan:
    """What a planner would make of the one client, anew: the most accurate variant of which two batches fit."""
    pairs = zip(question.variants, question.clients[0].budget_s, question.devices[0].latency_s, strict=True)
    best = [variant for variant, budget_s, row in pairs if 2 * row[0] <= budget_s][-1]
    return Plan({"cuda:0": DevicePlan(best, 1)}, {"c0": "cuda:0"}, variants={"c0": best})


def changes_a_minute(budget_s: Callable[[float], float], minutes: int = 10) -> tuple[list[int], float]:
    """Changes in each minute, and the share of time with the large variant, where windows go as in the control loop."""
    steadiness, plan, counts, large = Steadiness(), best_of(with_budget(0.0)), [0] * minutes, 0
    for window in range(120 * minutes):
        now = 0.5 * window
        shown = steadiness.shown(now, with_budget(budget_s(now)), plan)
        found = best_of(shown)
        mended = found if violations(shown, plan) else plan
        adopted = found if steadiness.worth_a_change(now, shown, mended, found) else mended
        counts[window // 120] += adopted.variant_of("c0") != plan.variant_of("c0")
        steadiness.changed(now, shown, plan, adopted)
        plan = adopted
        large += plan.variant_of("c0") == LARGE
    return counts, large / (120 * minutes)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("mean_s", [0.080, 0.081, 0.084])
def test_noise_about_the_edge_does_not_move_a_client_for_long(seed: int, mean_s: float) -> None:
    chance = random.Random(seed)
    counts, _ = changes_a_minute(lambda now: mean_s * chance.lognormvariate(0.0, 0.03))
    assert max(counts[1:]) <= 4


def test_a_budget_that_is_better_for_good_is_used_at_once() -> None:
    counts, large = changes_a_minute(lambda now: 0.1 if now >= 60.0 else 0.0, minutes=2)
    assert counts == [0, 1]
    assert large == pytest.approx(0.5, abs=0.01)


def test_a_link_that_truly_falls_and_rises_is_followed() -> None:
    _, large = changes_a_minute(lambda now: 0.1 if now % 10.0 < 5.0 else 0.0)
    assert large == pytest.approx(0.5, abs=0.06)


def test_going_down_is_shown_at_once_and_so_is_the_smallest_size() -> None:
    steadiness, plan = Steadiness(), best_of(with_budget(0.1))
    steadiness.shown(0.0, with_budget(0.1), plan)
    assert steadiness.shown(0.5, with_budget(0.01), plan).clients[0].budget_s == (0.4, 0.4, 0.01)
    nowhere = Plan(plan.devices, {})
    bad = msgspec.structs.replace(ONE, clients=(msgspec.structs.replace(ONE.clients[0], budget_s=(0.0, 0.0, 0.0)),))
    steadiness.shown(0.6, bad, nowhere)
    assert steadiness.shown(0.7, with_budget(0.1), nowhere).clients[0].budget_s == (0.4, 0.0, 0.0)


def test_clients_that_are_gone_are_forgotten_and_others_take_their_place() -> None:
    steadiness = Steadiness()
    for number in range(100):
        renamed = msgspec.structs.replace(ONE.clients[0], client=f"c{number}")
        shown = steadiness.shown(0.5 * number, msgspec.structs.replace(ONE, clients=(renamed,)), None)
        assert shown.clients == (renamed,)
    assert len(steadiness._hold_s) == 1


@pytest.mark.parametrize(("accuracy", "worth"), [(0.601, False), (0.61, True), (0.6, False)])
def test_a_change_has_to_gain_something(accuracy: float, worth: bool) -> None:
    question = msgspec.structs.replace(ONE, accuracy=(0.3, 0.6, accuracy))
    plans = [
        Plan({"cuda:0": DevicePlan(variant, 1)}, {"c0": "cuda:0"}, variants={"c0": variant})
        for variant in (MIDDLE, LARGE)
    ]
    assert Steadiness().worth_a_change(0.0, question, *plans) is worth


def test_just_after_a_change_the_next_one_has_to_gain_more() -> None:
    steadiness, question = Steadiness(), msgspec.structs.replace(ONE, accuracy=(0.3, 0.6, 0.62))
    small, middle, large = (
        Plan({"cuda:0": DevicePlan(variant, 1)}, {"c0": "cuda:0"}, variants={"c0": variant})
        for variant in question.variants
    )
    steadiness.shown(0.0, question, small)
    steadiness.changed(1.0, question, small, middle)
    assert not steadiness.worth_a_change(1.5, question, middle, large)
    assert steadiness.worth_a_change(1.0 + SETTLED_S, question, middle, large)
    assert steadiness.worth_a_change(1.5, question, small, large)  # that is much more


def test_a_device_goes_back_to_one_variant_where_that_costs_next_to_nothing() -> None:
    two = problem([(10.0, [0.4, 0.4]), (10.0, [0.4, 0.4])], [[[0.005], [0.006]]], [0.3, 0.31])
    everyone = dict.fromkeys(("c0", "c1"), "cuda:0")
    plain = Plan({"cuda:0": DevicePlan(two.variants[0], 1)}, everyone)
    shared = Plan(
        {"cuda:0": DevicePlan(two.variants[0], 1, (Share(two.variants[1], 1),))},
        everyone,
        variants=dict(zip(everyone, two.variants, strict=True)),
    )
    steadiness = Steadiness()
    assert steadiness.worth_a_change(0.0, two, shared, plain) and not steadiness.worth_a_change(0.0, two, plain, shared)


def test_one_more_client_is_worth_any_change() -> None:
    two = problem([(10.0, [0.4]), (10.0, [0.4])], [[[0.005]]], [0.3])
    one, both = (
        Plan({"cuda:0": DevicePlan(SMALL, 1)}, dict.fromkeys(names, "cuda:0")) for names in (["c0"], ["c0", "c1"])
    )
    steadiness = Steadiness()
    assert steadiness.worth_a_change(0.0, two, one, both) and not steadiness.worth_a_change(0.0, two, both, one)


TWO = problem([(10.0, [0.4, 0.4, 0.4])] * 2, [[[0.005], [0.020], [0.040]]], [0.3, 0.6, 0.7])
APART = Plan({"cuda:0": DevicePlan(SMALL, 1)}, {"c0": "cuda:0", "c1": "cuda:0"})
TOGETHER = Plan(
    {"cuda:0": DevicePlan(SMALL, 1, (Share(MIDDLE, 1),))},
    {"c0": "cuda:0", "c1": "cuda:0"},
    variants={"c0": SMALL, "c1": MIDDLE},
)


def price_after(stays_s: float, times: int, calm_s: float = 0.0) -> float:
    """What sharing has to gain after it has begun and been taken back so many times."""
    steadiness, now = Steadiness(), 0.0
    for _ in range(times):
        steadiness.changed(now, TWO, APART, TOGETHER)
        now += stays_s
        steadiness.changed(now, TWO, TOGETHER, APART)
    for _ in range(round(calm_s)):
        now += 1.0
        steadiness.shown(now, TWO, APART)
    return steadiness.shown(now, TWO, APART).devices[0].sharing


def test_sharing_that_is_taken_back_soon_has_to_gain_twice_as_much_the_next_time() -> None:
    assert price_after(1.0, 0) == SHARING
    assert price_after(1.0, 1) == 2 * SHARING
    assert price_after(1.0, 2) == 4 * SHARING
    assert price_after(1.0, 20) == MOST_SHARING
    assert price_after(5.0, 2) == SHARING  # it stood
    assert price_after(1.0, 2, calm_s=35.0) == 2 * SHARING
    assert price_after(1.0, 2, calm_s=70.0) == SHARING


def test_what_sharing_has_to_gain_keeps_a_plan_without_it() -> None:
    steadiness, now = Steadiness(), 100.0
    assert steadiness.worth_a_change(now, steadiness.shown(now, TWO, APART), APART, TOGETHER)
    for _ in range(5):
        steadiness.changed(now, TWO, APART, TOGETHER)
        steadiness.changed(now + 1.0, TWO, TOGETHER, APART)
        now += 1.0
    assert not steadiness.worth_a_change(now, steadiness.shown(now, TWO, APART), APART, TOGETHER)
