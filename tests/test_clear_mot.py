"""The metrics of `benchmarks.tracking`, on frames that are counted by hand."""

from __future__ import annotations

from benchmarks.clear_mot import ClearMot, Followed, clear_mot
from jellyfish.core import Detection, LabelledObject


def thing(track: int, left: float, label: int = 2, ignore: bool = False) -> LabelledObject:
    return LabelledObject(track, label, left, 0.0, left + 0.1, 0.1, ignore=ignore)


def said(track: int, left: float, label: int = 2) -> Followed:
    return Followed(track, Detection(label, 0.9, left, 0.0, left + 0.1, 0.1))


def test_who_is_followed_without_a_mistake() -> None:
    frames = [([thing(1, 0.1 * n), thing(2, 0.9)], [said(7, 0.1 * n), said(9, 0.9)]) for n in range(5)]
    assert clear_mot(frames) == ClearMot(10, 0, 0, 0) and clear_mot(frames).mota == 1.0


def test_another_number_is_a_switch_even_after_a_gap() -> None:
    there = [thing(1, 0.1)]
    frames = [(there, [said(7, 0.1)]), (there, []), (there, [said(8, 0.1)]), (there, [said(8, 0.1)])]
    assert clear_mot(frames) == ClearMot(4, 1, 0, 1)


def test_what_is_of_another_class_or_elsewhere_is_wrong() -> None:
    assert clear_mot([([thing(1, 0.1)], [said(7, 0.1, label=0), said(8, 0.5)])]) == ClearMot(1, 1, 2, 0)


def test_who_was_one_goes_on_being_one_beside_a_closer_box() -> None:
    there = [thing(1, 0.1)]
    assert clear_mot([(there, [said(7, 0.1)]), (there, [said(7, 0.12), said(8, 0.1)])]) == ClearMot(2, 0, 1, 0)


def test_what_is_not_asked_for_is_neither_missed_nor_wrong() -> None:
    assert clear_mot([([thing(1, 0.1, ignore=True)], []), ([thing(1, 0.1, ignore=True)], [said(7, 0.1)])]).objects == 0
    assert clear_mot([([thing(1, 0.1, ignore=True)], [said(7, 0.1)])]).wrong == 0
