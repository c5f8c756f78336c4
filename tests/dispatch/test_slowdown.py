"""The slow-down estimate follows lasting changes and ignores a single outlier."""

from __future__ import annotations

import pytest

from jellyfish.dispatch.slowdown import SlowDown


def test_a_device_that_keeps_to_its_profile_has_factor_one_and_needs_no_caution() -> None:
    slow_down = SlowDown()
    for _ in range(5):
        slow_down.observe(0.02, 0.02, 0.0)
    assert slow_down.factor(0.0) == slow_down.cautious_factor(0.0) == 1.0


def test_a_single_outlier_leaves_no_trace() -> None:
    slow_down = SlowDown()
    for ratio in (1.0, 1.0, 50.0, 1.0, 1.0):
        slow_down.observe(0.02 * ratio, 0.02, 0.0)
    assert slow_down.factor(0.0) == slow_down.cautious_factor(0.0) == 1.0


def test_a_lasting_slow_down_is_learnt_within_ten_batches() -> None:
    slow_down = SlowDown()
    for _ in range(10):
        slow_down.observe(0.04, 0.02, 0.0)
    assert slow_down.factor(0.0) == pytest.approx(2.0, abs=0.1)


def test_three_quarters_of_the_old_estimate_are_kept() -> None:
    slow_down = SlowDown()
    slow_down.observe(2.0, 1.0, 0.0)
    slow_down.observe(2.0, 1.0, 0.0)
    assert slow_down.factor(0.0) == pytest.approx(1.25)


def test_absurd_ratios_are_bounded() -> None:
    slow, fast = SlowDown(), SlowDown()
    for _ in range(100):
        slow.observe(1000.0, 1.0, 0.0)
        fast.observe(0.001, 1.0, 0.0)
    assert slow.factor(0.0) == pytest.approx(8.0)
    assert fast.factor(0.0) == pytest.approx(0.5)


def test_a_device_that_varies_is_planned_with_caution() -> None:
    slow_down = SlowDown()
    for ratio in (1.0, 1.0, 1.5, 1.5, 1.0, 1.0, 1.5, 1.5) * 3:
        slow_down.observe(ratio, 1.0, 0.0)
    assert slow_down.cautious_factor(0.0) >= 1.5


def test_what_was_measured_fades_while_nothing_is_run() -> None:
    slow_down = SlowDown()
    for _ in range(100):
        slow_down.observe(8.0, 1.0, 0.0)
    assert slow_down.cautious_factor(0.1) == pytest.approx(8.0, abs=0.01)
    assert slow_down.factor(0.4) == pytest.approx(4.5, abs=0.01)
    assert slow_down.cautious_factor(2.0) < 1.05


def test_a_measurement_after_a_silence_is_believed_more_than_the_old_ones() -> None:
    regular, sparse = SlowDown(), SlowDown()
    for slow_down in (regular, sparse):
        for _ in range(100):
            slow_down.observe(8.0, 1.0, 0.0)
    for number in range(1, 5):
        regular.observe(1.0, 1.0, 0.05 * number)
        sparse.observe(1.0, 1.0, 2.0 * number)
    assert sparse.factor(8.0) < 1.5 < regular.factor(0.2)
