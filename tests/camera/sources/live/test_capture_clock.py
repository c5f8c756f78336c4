"""Capture times from presentation times and arrivals: of clocks that are right, and of those that are not."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator

import pytest

from jellyfish.camera.sources.live.capture_clock import LATE_S, LOOK_S, CaptureClock, FirstBurst

FPS = 20
STEP = 1 / FPS


def ages(clock: CaptureClock, pieces: Iterable[tuple[float, float]]) -> list[float]:
    """How old each frame is when it comes, by the clock; `pieces`: presentation time and arrival."""
    return [round(now - told, 6) for now, told in shown(clock, pieces)]


def shown(clock: CaptureClock, pieces: Iterable[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    for pts_s, now in pieces:
        clock.arrived(pts_s, now)
        told = clock.captured_s(pts_s, now)
        if told is not None:
            yield now, told


def steady(
    seconds: float, start_pts_s: float = 0.0, start_s: float = 1000.0, rate: float = 1.0
) -> list[tuple[float, float]]:
    """`rate`: seconds of presentation for one of arrival."""
    return [(start_pts_s + rate * n * STEP, start_s + n * STEP) for n in range(round(seconds * FPS))]


def test_what_was_held_up_on_its_way_is_as_old_as_it_is() -> None:
    pieces = [*steady(5), (5.0, 1005.3), (5.05, 1005.31), (5.1, 1005.32), *steady(5, 5.35, 1005.35)]
    told = ages(CaptureClock(), pieces)
    assert told[100:103] == pytest.approx([0.3, 0.26, 0.22])
    assert max(told[:100] + told[103:]) < 0.001


def test_jitter_makes_frames_older_and_never_younger() -> None:
    chance = random.Random(1)
    late = [chance.expovariate(1 / 0.01) for _ in range(30 * FPS)]
    told = ages(CaptureClock(), [(pts, now + more) for (pts, now), more in zip(steady(30), late, strict=True)])
    wrong = [abs(age - more) for age, more in zip(told, late, strict=True)][FPS:]
    assert max(wrong) < 0.005


def test_a_clock_that_drifts_stays_within_milliseconds() -> None:
    for drift in (1 - 2e-4, 1 + 2e-4):
        assert max(ages(CaptureClock(), steady(600, rate=drift))) < 0.01


def test_frames_in_another_order_than_their_pieces_are_told_in_theirs() -> None:
    clock = CaptureClock()
    order = [0, 3, 1, 2, 6, 4, 5]
    for place, number in enumerate(order):
        clock.arrived(number * STEP, 10 + place * STEP)
    times = [clock.captured_s(number * STEP, 11.0) for number in range(7)]
    assert times == sorted(times, key=lambda told: told or 0)
    assert clock.captured_s(3 * STEP, 11.0) is None


@pytest.mark.parametrize("jump_s", [500.0, -500.0, 3.0, -30.0])
def test_a_clock_that_jumps_goes_on_from_there(jump_s: float) -> None:
    told = ages(CaptureClock(), steady(5) + steady(5, 5 + jump_s, 1005))
    assert max(told) < 0.001


def test_a_clock_that_stood_still_with_its_pictures_is_set_right() -> None:
    """Frozen for 4 s, and the presentation times go on as if nothing had been."""
    told = ages(CaptureClock(), steady(10) + steady(20, 10.0, 1014.0))
    settled = round((3 * LOOK_S) * FPS)
    assert told[10 * FPS] == pytest.approx(4.0)
    assert max(told[10 * FPS + settled :]) < 0.001


def test_a_network_that_catches_up_is_no_fault_of_the_clock() -> None:
    """Held up for 3 s, then sent at 1.3 times the pace until all is there."""
    held = [(10 + n * STEP, 1013 + n * STEP / 1.3) for n in range(13 * FPS)]
    told = ages(CaptureClock(), steady(10) + held)
    true = [now - 1000 - pts for pts, now in held]
    assert told[10 * FPS :] == pytest.approx(true, abs=0.001)


@pytest.mark.parametrize(("declared", "sent"), [(25, 21), (30, 15), (25, 24)])
def test_times_made_up_from_a_rate_that_is_not_true_are_not_believed_for_long(declared: int, sent: int) -> None:
    pieces = [(n / declared, 1000 + n / sent) for n in range(60 * sent)]
    told = ages(CaptureClock(), pieces)
    assert max(told[30 * sent :]) == 0


def test_times_that_run_too_fast_are_never_in_the_future() -> None:
    assert max(ages(CaptureClock(), steady(60, rate=1.2))) == 0


def test_after_a_long_time_without_believing_it_a_clock_that_catches_up_is_believed_again() -> None:
    """A link too slow for a minute, with all that it held back sent when it recovers."""
    slow = [(10 + n * STEP, 1010 + n * STEP / 0.9) for n in range(40 * FPS)]
    last_pts, last_s = slow[-1]
    draining = [(last_pts + n * STEP, last_s + n * STEP / 4) for n in range(1, 8 * FPS)]
    pts, now = draining[-1]
    after = steady(30, pts + STEP, now + STEP)
    clock = CaptureClock()
    told = ages(clock, steady(10) + slow + draining + after)
    assert max(told[-20 * FPS :]) < LATE_S
    pts, now = after[-1]
    assert ages(clock, [(pts + STEP, now + STEP + 0.4)]) == pytest.approx([0.4], abs=0.01)


def test_a_wall_clock_tells_how_old_frames_are_when_they_come() -> None:
    clock = CaptureClock()
    clock.told_zero_s = 1000.0 - 0.12
    assert ages(clock, steady(3))[5:] == pytest.approx([0.12] * (3 * FPS - 5))
    assert clock.delay_s == pytest.approx(0.12)


@pytest.mark.parametrize("zero_s", [1000 - 3600.0, 1000 + 5.0])
def test_a_wall_clock_that_is_wrong_is_none(zero_s: float) -> None:
    clock = CaptureClock()
    clock.told_zero_s = zero_s
    assert max(ages(clock, steady(3))) < 0.001
    assert clock.delay_s is None


def test_frames_without_times_are_captured_when_they_come() -> None:
    clock = CaptureClock()
    assert [clock.captured_s(None, now) for now in (1.0, 2.0)] == [1.0, 2.0]


def test_what_a_source_had_kept_is_held_back() -> None:
    burst = FirstBurst()
    kept = [(n * STEP, 10 + n * 0.001 + (n > 4) * 0.04) for n in range(10)]
    assert [burst.holds(*piece) for piece in kept] == [True] * 10
    assert 3 <= sum(burst.holds(*piece) for piece in steady(1, 0.5, 10.05)) <= 6


def test_frames_that_come_at_their_pace_from_the_first_on_are_hardly_held_back() -> None:
    burst = FirstBurst()
    assert 3 <= sum(burst.holds(*piece) for piece in steady(1)) <= 5


def test_a_first_frame_without_a_time_is_held_back_and_a_source_that_has_none_is_shown_in_the_end() -> None:
    burst = FirstBurst()
    assert burst.holds(None, 10.0)
    assert [burst.holds(None, 10 + n * STEP) for n in range(100)].count(False) > 50
