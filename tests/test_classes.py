"""Classes are the same by name, whatever their numbers and letters."""

from __future__ import annotations

from jellyfish.classes import ClassMap, class_name, translation
from jellyfish.core import Detection


def one(label: int) -> Detection:
    return Detection(label, 0.5, 0.1, 0.1, 0.2, 0.2)


def test_names_are_the_same_in_any_letters_and_the_first_of_two_is_meant() -> None:
    assert translation(("Bus ", "car", "kite"), ("car", "bus", "CAR")) == (1, 0, None)


def test_detections_get_the_other_lists_labels_and_those_that_it_lacks_are_left_out() -> None:
    there = ClassMap(("car", "kite", "bus"), ("bus", "car"))
    assert list(there.detections([one(0), one(1), one(2)])) == [one(1), one(0)]
    assert there.common == {0, 1}


def test_a_label_that_nobody_knows_is_left_out_too() -> None:
    same = ClassMap(("car", "bus"), ("car", "bus"))
    assert list(same.detections([one(1), one(2), one(-1)])) == [one(1)]
    assert class_name(7, ("car",)) == "class 7"
