"""What state a source is in, by its frames; and how many come a second."""

from __future__ import annotations

import pytest

from jellyfish.camera.sources.live.rate import RateMeter
from jellyfish.camera.sources.live.watch import OPENING_S, SILENT_S, SourceWatch
from jellyfish.core import SourceState


def opened(now: float = 100.0) -> SourceWatch:
    watch = SourceWatch()
    watch.begin(now)
    watch.opened(now + 1)
    return watch


def test_it_is_live_from_its_first_frame_on() -> None:
    watch = opened()
    assert watch.state is SourceState.OPENING
    watch.frame(102.0)
    assert watch.state is SourceState.LIVE
    assert watch.due_s == 102 + SILENT_S


def test_frames_that_stay_away_are_silence_after_five_seconds_and_it_is_opened_anew() -> None:
    watch = opened()
    watch.frame(102.0)
    watch.frame(104.0)
    assert not watch.late(103 + SILENT_S)
    assert watch.late(104 + SILENT_S)
    assert (watch.state, watch.lived_s()) == (SourceState.SILENT, 2.0)


def test_one_that_is_open_and_shows_nothing_is_silent_at_first_and_given_up_later() -> None:
    watch = opened()
    assert watch.due_s == 101 + SILENT_S
    assert not watch.late(watch.due_s)
    assert watch.state is SourceState.SILENT
    assert watch.due_s == 100 + OPENING_S
    assert watch.late(watch.due_s)
    assert watch.state is SourceState.DEAD


def test_one_that_hangs_while_it_is_opened_is_given_up() -> None:
    watch = SourceWatch()
    watch.begin(100.0)
    assert not watch.late(100 + OPENING_S - 0.1)
    assert watch.late(100 + OPENING_S)
    assert watch.state is SourceState.DEAD


def test_silence_lasts_until_frames_come_or_it_cannot_be_opened() -> None:
    watch = opened()
    watch.frame(102.0)
    watch.late(110.0)
    watch.begin(111.0)
    watch.opened(112.0)
    assert watch.state is SourceState.SILENT
    watch.failed("Connection refused")
    assert (watch.state, watch.words) == (SourceState.DEAD, "Connection refused")
    watch.begin(113.0)
    watch.frame(114.0)
    assert (watch.state, watch.words) == (SourceState.LIVE, "")


def counted(times_s: list[float]) -> float | None:
    meter = RateMeter()
    for time_s in times_s:
        meter.frame(time_s)
    return meter.fps


def test_a_rate_is_known_after_two_seconds_of_frames_without_those_that_came_at_once() -> None:
    kept = [10 + n * 0.001 for n in range(30)]
    assert counted([10 + n / 20 for n in range(40)]) is None
    assert counted(kept + [10.1 + n / 20 for n in range(60)]) == pytest.approx(20)


def test_the_rate_of_one_that_comes_seldom_is_known_in_the_end() -> None:
    assert counted([10.0, 20.0]) is None
    assert counted([10.0, 20.0, 30.0]) is None
    assert counted([10.0, 20.0, 30.0, 40.0]) == pytest.approx(0.1)
