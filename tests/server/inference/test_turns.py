"""Turns are evenly spaced and known at once; rates are what came of late."""

from __future__ import annotations

import pytest

from jellyfish.server.inference.demand_rate import SILENT_S, DemandRate
from jellyfish.server.inference.turns import Turns


def test_without_a_pace_everybody_goes_on_at_once() -> None:
    turns = Turns()
    assert [turns.next(8, 1.0, 2.0) for _ in range(3)] == [1.0] * 3


def test_turns_are_evenly_spaced_and_what_would_be_late_is_told_so_at_once() -> None:
    turns = Turns()
    turns.pace(10.0, 0.0)
    assert [turns.next(1, 0.0, 0.25) for _ in range(4)] == [0.0, 0.1, 0.2, None]
    assert turns.next(2, 0.25, 0.5) == pytest.approx(0.3)
    assert turns.next(1, 0.25, 0.6) == pytest.approx(0.5)
    assert turns.next(1, 9.0, 9.0) == 9.0


def test_a_new_pace_holds_at_once() -> None:
    turns = Turns()
    turns.pace(0.1, 0.0)
    assert turns.next(1, 0.0, 0.0) == 0.0
    turns.pace(10.0, 1.0)
    assert turns.next(1, 1.0, 2.0) == pytest.approx(1.1)
    turns.pace(0.0, 2.0)
    assert turns.next(1, 2.0, 100.0) is None
    turns.pace(10.0, 3.0)
    assert turns.next(1, 3.0, 3.0) == 3.0


@pytest.mark.parametrize("fps", [2.0, 30.0, 400.0])
def test_a_steady_rate_is_measured(fps: float) -> None:
    rate = DemandRate()
    assert rate.fps(0.0) == 0.0
    for number in range(int(5 * fps)):
        assert rate.came(1, number / fps) is (number == 0)
    assert rate.fps(5.0) == pytest.approx(fps, rel=0.25)


def test_who_falls_silent_counts_for_less_and_then_for_nothing() -> None:
    rate = DemandRate()
    for number in range(100):
        rate.came(1, number / 20)
    assert 0 < rate.fps(5.0 + 2.0) < 10.0
    assert rate.fps(5.0 + SILENT_S) == 0.0
    assert rate.came(1, 20.0) is True
    assert rate.fps(20.0) < 3.0
