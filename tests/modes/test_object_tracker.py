"""The library that follows objects does what is asked of it."""

from __future__ import annotations

from jellyfish.core import Detection
from jellyfish.modes.object_tracker import LOST_S, SPARE_NUMBERS, ByteTracker

FRAME_S = 1 / 15


def box(left: float, label: int = 2, score: float = 0.9, top: float = 0.5) -> Detection:
    return Detection(label, score, left, top, left + 0.1, top + 0.1)


def test_two_objects_keep_their_numbers_while_they_move_and_change_places_in_the_list() -> None:
    tracker = ByteTracker()
    assert tracker.update([box(0.1), box(0.7)], 0.0) == [None, None]  # one frame may be a mistake
    numbers = [tracker.update([box(0.1 + 0.01 * n), box(0.7 - 0.01 * n)], n * FRAME_S) for n in range(1, 5)]
    assert numbers == [[1, 2]] * 4
    assert tracker.update([box(0.65), box(0.15)], 5 * FRAME_S) == [2, 1]


def test_an_object_that_is_hidden_for_a_moment_is_the_same_and_after_long_another() -> None:
    tracker = ByteTracker()
    for frame in range(5):
        tracker.update([box(0.3)], frame * FRAME_S)
    for frame in range(5, 10):
        assert tracker.update([], frame * FRAME_S) == []
    assert tracker.update([box(0.3)], 10 * FRAME_S) == [1]
    later_s = 10 * FRAME_S + 2 * LOST_S
    tracker.update([], later_s - FRAME_S)
    tracker.update([box(0.3)], later_s)
    assert tracker.update([box(0.3)], later_s + FRAME_S) == [2]


def test_doubtful_detections_go_on_with_an_object_and_begin_none() -> None:
    tracker = ByteTracker()
    for frame in range(3):
        tracker.update([box(0.3), box(0.7, score=0.3)], frame * FRAME_S)
    assert tracker.update([box(0.3, score=0.3), box(0.7, score=0.3)], 3 * FRAME_S) == [1, None]


def test_numbers_of_objects_that_are_gone_are_forgotten() -> None:
    tracker = ByteTracker()
    for number in range(2 * SPARE_NUMBERS):
        for frame in range(2):
            newest = tracker.update([box(0.3)], 10.0 * number + frame * FRAME_S)
        tracker.update([], 10.0 * number + 5)
    assert newest == [2 * SPARE_NUMBERS]
    assert len(tracker._numbers) <= SPARE_NUMBERS + 1
