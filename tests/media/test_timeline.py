"""When frames are shown: rounding is forgiven, declared rates are not believed, clocks may jump."""

from __future__ import annotations

from fractions import Fraction

import pytest

from jellyfish.media.timeline import continuous, timeline, usual_step

MILLISECOND = Fraction(1, 1000)


def test_times_that_were_rounded_are_those_of_the_steady_rate() -> None:
    ticks = [round(number * 1000 / 30) for number in range(90)]
    shown = timeline(ticks, MILLISECOND, 33, (Fraction(30), None))
    assert (shown.frames, shown.fps, shown.duration_s, shown.times_s) == (90, 30.0, 3.0, None)
    assert [shown.index_at(number / 15) for number in range(60)] == [2 * number % 90 for number in range(60)]


def test_times_that_are_guessed_may_be_a_little_wrong() -> None:
    ticks = [0, 40, 80, 160, 200, 200 + 1, 240]
    assert timeline(ticks, MILLISECOND, 40, (Fraction(25),), astray_frames=2.0).fps == 25.0
    assert timeline(ticks, MILLISECOND, 40, (Fraction(25),)).times_s is not None
    assert timeline([0, 40, 1040], MILLISECOND, 40, (Fraction(25),), astray_frames=2.0).times_s is not None


def test_a_declared_rate_that_is_not_that_of_the_times_is_not_believed() -> None:
    shown = timeline(range(0, 3000, 100), MILLISECOND, 100, (Fraction(90_000), Fraction(1)))
    assert (shown.fps, shown.duration_s) == (10.0, 3.0)


def test_frames_at_odd_times_are_on_show_from_their_own_time_to_the_next_one_s() -> None:
    ticks = [0, 1000, 2000, 2033, 2067, 2100]
    shown = timeline(ticks, MILLISECOND, 33, (Fraction(3), Fraction(30)))
    assert shown.duration_s == pytest.approx(2.133)
    assert [shown.time_of(index) for index in range(6)] == [tick / 1000 for tick in ticks]
    assert [shown.index_at(time_s) for time_s in (0.0, 0.999, 1.0, 2.05, 2.132, 2.134, 3.2)] == [0, 0, 1, 3, 5, 0, 1]


def test_a_last_frame_that_is_shown_for_long_is_waited_for() -> None:
    shown = timeline([0, 100, 200], MILLISECOND, 2000, (Fraction(10),))
    assert shown.duration_s == pytest.approx(2.2)
    assert shown.index_at(2.19) == 2


def test_a_lone_frame_has_a_time_too() -> None:
    assert timeline([7], MILLISECOND, 0, ()).duration_s == pytest.approx(1 / 25)
    assert timeline([7], MILLISECOND, 500, (Fraction(25),)).duration_s == pytest.approx(0.5)


def test_a_clock_that_jumps_or_stops_is_bridged_with_the_usual_step() -> None:
    assert continuous([500, 510, 520, 3, 13, 13, 23], 10) == [0, 10, 20, 30, 40, 41, 50]
    assert continuous([None, None, 5, None, 25], 10) == [0, 10, 20, 30, 40]
    assert continuous([0, 10, 5000, 5010], 10, longest=1000) == [0, 10, 20, 30]
    assert continuous([0, 10, 900, 910], 10, longest=1000) == [0, 10, 900, 910]


def test_the_usual_step_is_known_from_the_clock_where_it_goes_on() -> None:
    assert usual_step([0, 40, 80, 7, 47, None, 127, 167, 9000]) == 40
    assert usual_step([None, None, 5, 5]) is None
