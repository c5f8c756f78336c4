from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jellyfish.control.clock_offset import ClockOffset


def exchange(clock: ClockOffset, now: float, offset: float, down_s: float, up_s: float, think_s: float = 0.001) -> None:
    received = now + down_s + offset
    clock.exchange(now, received, received + think_s, now + down_s + think_s + up_s)


@given(st.integers(0, 1000), st.floats(-1e5, 1e5))
def test_offset_converges_although_only_the_uplink_queues(seed: int, offset: float) -> None:
    chance, clock = random.Random(seed), ClockOffset()
    for step in range(40):
        exchange(clock, step * 0.5, offset, 0.01, 0.01 + chance.expovariate(1 / 0.03))
    assert clock.offset_s == pytest.approx(offset, abs=0.005)
    assert 0.0199 <= clock.round_trip_s < 0.03


@given(st.floats(0.0, 0.2), st.floats(0.0, 0.2))
def test_the_error_is_at_most_half_the_round_trip(down_s: float, up_s: float) -> None:
    clock = ClockOffset()
    exchange(clock, 100.0, 7.0, down_s, up_s)
    assert abs(clock.offset_s - 7.0) <= clock.round_trip_s / 2 + 1e-9


def test_a_jump_is_followed_after_three_exchanges_and_not_after_two() -> None:
    clock = ClockOffset()
    for step in range(10):
        exchange(clock, step * 0.5, 2.0, 0.01, 0.01)
    for step in range(2):
        exchange(clock, 5.0 + step * 0.5, -3.0, 0.02, 0.05)
    assert clock.offset_s == pytest.approx(2.0)
    exchange(clock, 6.0, -3.0, 0.02, 0.05)
    assert clock.offset_s == pytest.approx(-3.0, abs=0.035)


def test_drift_is_followed_because_readings_age() -> None:
    clock = ClockOffset(window_s=30.0)
    for step in range(1200):
        now = step * 0.5
        exchange(clock, now, 1e-4 * now, 0.01, 0.01 + (0.0 if step == 0 else 0.004))
    assert clock.offset_s == pytest.approx(1e-4 * 600, abs=0.006)


def test_times_that_cannot_be_true_are_ignored() -> None:
    clock = ClockOffset()
    assert not clock.exchange(0.0, 5.0, 6.0, 0.5)
    assert not clock.exchange(0.0, 5.0, 4.0, 0.5)
    assert not clock.exchange(0.0, float("nan"), 5.0, 0.5)
    assert not clock.known
    assert clock.to_server(3.0) == 3.0


def test_times_are_translated() -> None:
    clock = ClockOffset()
    exchange(clock, 0.0, 50.0, 0.01, 0.01)
    assert clock.to_server(60.0) == pytest.approx(10.0)


def test_what_exchanges_usually_take_beyond_the_least_is_known_and_rare_long_ones_do_not_count() -> None:
    clock = ClockOffset()
    assert clock.held_s == 0.0
    for step in range(40):
        exchange(clock, step * 0.5, 3.0, 0.01, 0.01 + (0.0 if step == 7 else 0.002 if step % 3 else 0.5))
    assert clock.held_s == pytest.approx(0.001)
