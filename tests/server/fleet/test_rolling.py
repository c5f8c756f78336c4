"""A minute and an hour are forgotten slice by slice."""

from __future__ import annotations

import random

import pytest

from jellyfish.server.fleet.blame import Blame
from jellyfish.server.fleet.misses import KEPT, Misses
from jellyfish.server.fleet.rolling import RollingAges, RollingShare


def test_what_is_older_than_the_span_counts_no_more() -> None:
    share = RollingShare(5.0, 12)
    share.add(1.0, 10, 8)
    share.add(4.0, 10, 10)
    share.add(30.0, 5, 0)
    assert share.sums(59.0) == (25, 18)
    assert share.sums(60.0) == (5, 0)
    assert share.sums(500.0) == (0, 0)


def test_ages_are_known_to_a_twentieth() -> None:
    chance = random.Random(1)
    ages, told = [chance.lognormvariate(-2.5, 0.5) for _ in range(2000)], RollingAges(5.0, 12)
    for index, age in enumerate(ages):
        told.add(index * 0.025, age)
    median, most = told.quantiles_s(50.0, (0.5, 0.99)) or (0.0, 0.0)
    ages.sort()
    assert median == pytest.approx(ages[1000], rel=0.05) and most == pytest.approx(ages[1980], rel=0.08)
    assert told.quantiles_s(200.0, (0.5,)) is None


def test_of_one_answer_all_quantiles_are_its_age() -> None:
    ages = RollingAges(5.0, 12)
    ages.add(0.0, 0.08)
    assert ages.quantiles_s(1.0, (0.5, 0.99, 1.0)) == pytest.approx((0.08,) * 3, rel=0.03)


def test_misses_of_one_kind_that_come_together_are_one_entry() -> None:
    misses = Misses()
    for now in range(20):
        misses.add(now, Blame.NETWORK, "stale", 2)
        misses.add(now, Blame.SERVER, "expired", 1)
    misses.add(60.0, Blame.NETWORK, "stale", 1)
    told = [(each.began_s, each.last_s, each.reason, each.frames) for each in misses.since(0.0)]
    assert told == [(60.0, 60.0, "stale", 1), (0, 19, "stale", 40), (0, 19, "expired", 20)]
    assert [each.frames for each in misses.since(20.0)] == [1]


def test_no_more_entries_are_kept_than_can_be_told() -> None:
    misses = Misses()
    for now in range(5 * KEPT):
        misses.add(100.0 * now, Blame.CAMERA, "camera_busy", 1)
    assert len(list(misses.since(0.0))) == KEPT
