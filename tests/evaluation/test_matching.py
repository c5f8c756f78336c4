"""Counts of right, wrong and missed, against cases worked by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jellyfish.core import Detection, LabelledObject
from jellyfish.evaluation.matching import Counts, match


def found(label: int, score: float, left: float, top: float, right: float, bottom: float) -> Detection:
    return Detection(label, score, left, top, right, bottom)


def there(label: int, left: float, top: float, right: float, bottom: float, ignore: bool = False) -> LabelledObject:
    return LabelledObject(0, label, left, top, right, bottom, ignore=ignore)


def test_a_detection_of_the_right_class_in_the_right_place_is_right():
    assert match([found(2, 0.9, 0.1, 0.1, 0.3, 0.3)], [there(2, 0.1, 0.1, 0.3, 0.3)]) == (1, 0, 0)


def test_the_wrong_class_is_both_wrong_and_missed():
    assert match([found(1, 0.9, 0.1, 0.1, 0.3, 0.3)], [there(2, 0.1, 0.1, 0.3, 0.3)]) == (0, 1, 1)


def test_overlap_below_the_threshold_is_both_wrong_and_missed():
    # 0.2 x 0.2 boxes shifted by half a side: IoU = 1/3.
    detections, objects = [found(0, 0.9, 0.2, 0.1, 0.4, 0.3)], [there(0, 0.1, 0.1, 0.3, 0.3)]
    assert match(detections, objects) == (0, 1, 1)
    assert match(detections, objects, iou_threshold=0.3) == (1, 0, 0)


def test_a_second_detection_of_the_same_object_is_wrong():
    detections = [found(0, 0.5, 0.1, 0.1, 0.3, 0.3), found(0, 0.9, 0.1, 0.1, 0.3, 0.31)]
    assert match(detections, [there(0, 0.1, 0.1, 0.3, 0.3)]) == (1, 1, 0)


def test_the_surest_detection_chooses_first():
    # Both overlap the left object best; the surest takes it, the other is left with one it does not meet at 0.5.
    objects = [there(0, 0.0, 0.0, 0.4, 0.4), there(0, 0.5, 0.0, 0.9, 0.4)]
    detections = [found(0, 0.6, 0.0, 0.0, 0.4, 0.4), found(0, 0.7, 0.05, 0.0, 0.45, 0.4)]
    assert match(detections, objects) == (1, 1, 1)


def test_a_detection_takes_its_second_best_object_if_the_best_is_taken():
    objects = [there(0, 0.0, 0.0, 0.4, 0.4), there(0, 0.1, 0.0, 0.5, 0.4)]
    detections = [found(0, 0.9, 0.0, 0.0, 0.4, 0.4), found(0, 0.8, 0.02, 0.0, 0.42, 0.4)]
    assert match(detections, objects) == (2, 0, 0)


def test_ignored_objects_absorb_detections_of_any_class():
    ignored = [there(0, 0.1, 0.1, 0.5, 0.5, ignore=True)]
    assert match([found(3, 0.9, 0.1, 0.1, 0.5, 0.5)], ignored) == (0, 0, 0)
    assert match([found(3, 0.9, 0.2, 0.2, 0.25, 0.25)], ignored) == (0, 0, 0)
    assert match([found(3, 0.9, 0.6, 0.6, 0.7, 0.7)], ignored) == (0, 1, 0)
    assert match([], ignored) == (0, 0, 0)


def test_an_object_asked_for_goes_before_an_ignored_one():
    objects = [there(0, 0.1, 0.1, 0.5, 0.5, ignore=True), there(0, 0.1, 0.1, 0.5, 0.5)]
    assert match([found(0, 0.9, 0.1, 0.1, 0.5, 0.5)], objects) == (1, 0, 0)


def test_f1_precision_and_recall():
    counts = Counts(tp=6, fp=2, fn=4)
    assert counts.precision == pytest.approx(0.75)
    assert counts.recall == pytest.approx(0.6)
    assert counts.f1 == pytest.approx(2 * 0.75 * 0.6 / 1.35)
    assert Counts(0, 0, 0).f1 == 1.0
    assert Counts(0, 3, 0).f1 == 0.0


sides = st.tuples(*[st.floats(0, 1, width=32)] * 4).map(
    lambda s: (min(s[0], s[2]), min(s[1], s[3]), max(s[0], s[2]), max(s[1], s[3]))
)
detected = st.builds(lambda label, score, box: found(label, score, *box), st.integers(0, 2), st.floats(0, 1), sides)
labelled = st.builds(lambda label, box, ignore: there(label, *box, ignore), st.integers(0, 2), sides, st.booleans())


@given(st.lists(detected, max_size=8), st.lists(labelled, max_size=8))
def test_every_object_asked_for_is_found_or_missed_and_no_detection_counts_twice(detections, objects):
    counts = match(detections, objects)
    assert counts.tp + counts.fn == sum(not o.ignore for o in objects)
    assert counts.tp + counts.fp <= len(detections)
    assert min(counts) >= 0
    if not any(o.ignore for o in objects):
        assert counts.tp + counts.fp == len(detections)
