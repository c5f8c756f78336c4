"""How frames of a live source are to be held: heard from key frames, and looked at closely only where that changes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from jellyfish.camera.sources.live.pictures import FrameTurns

SIDEWAYS = np.array([0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30], np.int32)
"""A display matrix."""
UPRIGHT, TURNED = 1, 6


@dataclass
class StandIn:
    """What is asked of a frame."""

    width: int = 640
    height: int = 360
    rotation: int = 0
    key_frame: bool = False
    looks: list[StandIn] = field(default_factory=list)
    """Frames that were looked at closely."""

    @property
    def side_data(self) -> dict[str, bytes]:
        self.looks.append(self)
        return {"DISPLAYMATRIX": SIDEWAYS.tobytes()} if self.rotation else {}


def test_frames_that_stay_as_they_are_are_looked_at_once() -> None:
    turns, looks = FrameTurns(None), []
    for number in range(100):
        assert turns.of(StandIn(key_frame=number % 5 == 0, looks=looks)) == UPRIGHT
    assert len(looks) == 1


def test_what_a_key_frame_says_holds_until_the_next_one() -> None:
    turns, looks = FrameTurns(None), []
    said = [StandIn(rotation=-90, key_frame=True), StandIn(), StandIn(), StandIn(key_frame=True), StandIn()]
    for each in said:
        each.looks = looks
    assert [turns.of(each) for each in said] == [TURNED, TURNED, TURNED, UPRIGHT, UPRIGHT]
    assert len(looks) == 2


def test_another_size_is_looked_at_anew() -> None:
    turns, looks = FrameTurns(None), []
    for height in (360, 480, 480):
        turns.of(StandIn(height=height, looks=looks))
    assert len(looks) == 2


@pytest.mark.parametrize(("degrees", "orientation"), [(0, 1), (90, 6), (180, 3), (270, 8)])
def test_what_was_asked_for_counts_whatever_frames_say(degrees: int, orientation: int) -> None:
    turns, looks = FrameTurns(degrees), []
    assert turns.of(StandIn(rotation=-90, key_frame=True, looks=looks)) == orientation
    assert not looks
