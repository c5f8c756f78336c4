"""The slow-down estimate follows lasting changes and ignores a single outlier."""

from __future__ import annotations

import pytest

from jellyfish.devices.slowdown import Pace, SlowDown


def test_a_device_that_keeps_to_its_profile_has_factor_one_and_needs_no_caution() -> None:
    slow_down = SlowDown()
    for _ in range(5):
        slow_down.observe(0.02, 0.02)
    assert slow_down.factor == slow_down.cautious_factor == 1.0


def test_a_single_outlier_leaves_no_trace() -> None:
    slow_down = SlowDown()
    for ratio in (1.0, 1.0, 50.0, 1.0, 1.0):
        slow_down.observe(0.02 * ratio, 0.02)
    assert slow_down.factor == slow_down.cautious_factor == 1.0


def test_a_lasting_slow_down_is_learnt_within_ten_batches() -> None:
    slow_down = SlowDown()
    for _ in range(10):
        slow_down.observe(0.04, 0.02)
    assert slow_down.factor == pytest.approx(2.0, abs=0.1)


def test_three_quarters_of_the_old_estimate_are_kept() -> None:
    slow_down = SlowDown()
    slow_down.observe(2.0, 1.0)
    slow_down.observe(2.0, 1.0)
    assert slow_down.factor == pytest.approx(1.25)


def test_absurd_ratios_are_bounded() -> None:
    slow, fast = SlowDown(), SlowDown()
    for _ in range(100):
        slow.observe(1000.0, 1.0)
        fast.observe(0.001, 1.0)
    assert slow.factor == pytest.approx(8.0)
    assert fast.factor == pytest.approx(0.5)


def test_a_device_that_varies_is_planned_with_caution() -> None:
    slow_down = SlowDown()
    for ratio in (1.0, 1.0, 1.5, 1.5, 1.0, 1.0, 1.5, 1.5) * 3:
        slow_down.observe(ratio, 1.0)
    assert slow_down.cautious_factor >= 1.5


def test_more_care_is_further_from_the_mean() -> None:
    slow_down = SlowDown()
    for ratio in (1.0, 1.0, 1.5, 1.5, 1.0, 1.0):
        slow_down.observe(ratio, 1.0)
    factors = [slow_down.careful_factor(care) for care in (0.0, 1.0, 2.0)]
    assert factors == [slow_down.factor, slow_down.cautious_factor, pytest.approx(2 * factors[1] - factors[0])]
    assert factors[0] < factors[1]


def test_a_worker_that_shares_its_processor_is_used_once_it_has_shown_to_be_quick_and_no_longer_than_it_is() -> None:
    pace = Pace(2, sharing=1)
    assert (pace.count, pace.uses(0), pace.uses(1)) == (1, True, False)
    for _ in range(20):
        pace.observe(1, 1.1, 1.0)
    assert pace.count == 2
    assert pace.lasting == 1.0  # plans count with the other one
    for _ in range(8):
        pace.observe(1, 6.0, 1.0)
    assert (pace.count, pace.lasting) == (1, 1.0)
    for _ in range(20):
        pace.observe(1, 4.0, 1.0)
    assert pace.count == 1


def test_workers_that_are_all_slower_than_profiled_are_all_used() -> None:
    pace = Pace(3)
    for _ in range(30):
        for worker in range(3):
            pace.observe(worker, 3.0 + 0.2 * worker, 1.0)
    assert pace.count == 3
    assert pace.lasting == pytest.approx(3.4, abs=0.1)


def test_one_worker_is_always_used() -> None:
    pace = Pace(1)
    for _ in range(10):
        pace.observe(0, 50.0, 1.0)
    assert pace.count == 1


def test_a_worker_that_shares_is_not_given_leave_for_a_few_long_batches() -> None:
    pace = Pace(2, sharing=1)
    for number in range(64):
        pace.observe(0, 0.010, 0.010)
        pace.observe(1, 0.060 if number % 8 < 2 else 0.012, 0.010)
    assert pace.uses(1)
    assert pace.slower(1) > 1.5  # and it is given what has time for that
    assert pace.slower(0) == 1.0


def test_where_only_workers_that_share_are_left_none_is_slower_than_the_others() -> None:
    pace = Pace(2, sharing=1)
    for _ in range(64):
        pace.observe(1, 0.030, 0.010)
    pace.leaves_out({0})
    assert pace.slower(1) == 1.0
