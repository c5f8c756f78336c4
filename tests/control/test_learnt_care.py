"""Misses come to what is allowed, whatever frames are like; care is back down when things have calmed down."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jellyfish.control.learnt_care import (
    BEGINNING,
    LEAST_LEARNT,
    MOST_LEARNT,
    NEARLY,
    STEP,
    TOGETHER,
    UNLEARNT,
    USUAL,
    LearntCare,
)

USUAL_S, ALLOWANCE_S = 0.1, 0.01
TOLD_EVERY = 8
"""Frames between two windows, in which the client's counts are taken in and care is asked for."""
Scores = Callable[[random.Random, int], float]


def steady(chance: random.Random, frame: int) -> float:
    return chance.gauss(0.0, 1.0)


def rare_tail(chance: random.Random, frame: int) -> float:
    return chance.gauss(-1.0, 0.5) + (chance.expovariate(0.7) if chance.random() < 0.05 else 0.0)


def bursts(chance: random.Random, frame: int) -> float:
    """Ten frames of every thousand or so, one after the other, are late."""
    return chance.gauss(-2.0, 0.5) + (3.0 if frame // 10 % 100 == 7 else 0.0)


def begun(allowed: float) -> LearntCare:
    """Past the frames of which nothing is learnt."""
    learnt = LearntCare(1.0, allowed)
    learnt.ended(UNLEARNT, UNLEARNT)
    assert learnt.care == 1.0
    return learnt


def world(
    scores: Scores, allowed: float, frames: int, learnt: LearntCare | None = None
) -> tuple[LearntCare, list[bool]]:
    """Frames that miss when they score more than the care that their plan was made with."""
    learnt = learnt or begun(allowed)
    learnt.expects(USUAL_S, ALLOWANCE_S)
    chance, misses, care = random.Random(frames), list[bool](), learnt.care
    for frame in range(frames):
        if frame and frame % TOLD_EVERY == 0:
            learnt.ended(TOLD_EVERY, sum(misses[-TOLD_EVERY:]))
            care = learnt.care
        score = scores(chance, frame)
        learnt.took(USUAL_S + ALLOWANCE_S * score)
        misses.append(score > care)
    return learnt, misses


@pytest.mark.parametrize("scores", [steady, rare_tail, bursts])
@pytest.mark.parametrize(("allowed", "frames"), [(0.1, 5_000), (0.01, 10_000), (0.001, 30_000)])
def test_misses_come_to_what_is_allowed(scores: Scores, allowed: float, frames: int) -> None:
    _, misses = world(scores, allowed, frames)
    assert sum(misses) <= 1.6 * allowed * frames + 3
    assert scores is bursts or sum(misses) >= 0.7 * allowed * frames - 3


@pytest.mark.parametrize("allowed", [0.1, 0.01, 0.001])
def test_what_gets_worse_is_learnt_within_seconds_and_what_gets_better_is_too(allowed: float) -> None:
    learnt, _ = world(steady, allowed, 3_000)
    calm = learnt.care
    _, misses = world(lambda chance, frame: chance.gauss(3.0, 1.0), allowed, 525, learnt)
    assert sum(misses[75:]) <= 2 * allowed * 450 + 3
    assert learnt.care > calm + 1.0
    world(steady, allowed, 3_000, learnt)
    assert learnt.care == pytest.approx(calm, abs=0.7)


def test_fewer_misses_allowed_mean_more_care() -> None:
    cares = [world(steady, allowed, 4_000)[0].care for allowed in (0.1, 0.01, 0.001)]
    assert cares == sorted(cares)
    assert cares[0] < 2.0 < cares[2]


def test_care_begins_where_it_was_told_to_and_falls_once_enough_is_known() -> None:
    learnt = begun(0.001)
    learnt.took(0.05)  # no plan was in force for this frame
    learnt.expects(USUAL_S, ALLOWANCE_S)
    for _ in range(BEGINNING - 1):
        learnt.took(USUAL_S - 3 * ALLOWANCE_S)
    learnt.ended(10, 0)
    assert learnt.care == pytest.approx(1.0 - STEP * 0.001 * 10)
    learnt.took(USUAL_S - 3 * ALLOWANCE_S)
    for _ in range(60):
        learnt.ended(10, 0)
    assert learnt.care == pytest.approx(-3.0 + NEARLY, abs=0.2)


def test_a_link_that_falls_is_one_event_and_not_as_many_as_it_takes_frames() -> None:
    learnt = begun(0.01)
    learnt.ended(30, 30)
    assert learnt.care == pytest.approx(1.0 + STEP * (TOGETHER + (USUAL - 1) * 0.3))


@given(
    st.lists(st.one_of(st.floats(0, 1e6), st.tuples(st.integers(0, 10**9), st.integers(0, 10**9))), max_size=300),
    st.floats(0.0001, 0.5),
)
@settings(max_examples=100, deadline=None)
def test_whatever_a_client_says_its_care_stays_within_bounds(
    told: list[float | tuple[int, int]], allowed: float
) -> None:
    learnt = LearntCare(1.0, allowed)
    learnt.expects(USUAL_S, 0.002)
    for each in told:
        if isinstance(each, tuple):
            learnt.ended(*each)
        else:
            learnt.took(each)
        assert LEAST_LEARNT <= learnt.care <= MOST_LEARNT
