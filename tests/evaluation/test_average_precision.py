"""Average precision as COCO defines it, on cases that can be worked out by hand."""

import numpy as np
import pytest

from jellyfish.core import LabelledObject
from jellyfish.evaluation.average_precision import GroundTruth
from jellyfish.models.slimmable.street import CLASSES

CAR, BUS = LabelledObject(0, 2, 0.1, 0.1, 0.3, 0.3), LabelledObject(1, 4, 0.5, 0.5, 0.9, 0.9)


def found(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, dtype=np.float64).reshape(-1, 6)


def row(thing: LabelledObject, score: float, label: int | None = None) -> tuple[float, ...]:
    return (thing.label if label is None else label, score, thing.left, thing.top, thing.right, thing.bottom)


def test_all_found_and_nothing_else_is_one():
    truth = GroundTruth([[CAR], [BUS, CAR]], CLASSES)
    assert truth.average_precision([found(row(CAR, 0.5)), found(row(BUS, 0.3), row(CAR, 0.2))]) == pytest.approx((1, 1))


def test_nothing_found_is_zero_and_so_is_nothing_to_find():
    assert GroundTruth([[CAR], []], CLASSES).average_precision([found(), found()]) == (0, 0)
    assert GroundTruth([[], []], CLASSES).average_precision([found(row(CAR, 0.9)), found()]) == (0, 0)


def test_it_is_the_mean_over_the_classes_that_there_are_objects_of():
    # The bus is found; the car is taken for a person, a class without objects.
    assert (
        GroundTruth([[CAR, BUS]], CLASSES).average_precision([found(row(BUS, 0.5), row(CAR, 0.9, label=0))]).ap50 == 0.5
    )


def test_a_better_scored_mistake_costs_and_a_worse_scored_one_does_not():
    truth, elsewhere = GroundTruth([[CAR]], CLASSES), LabelledObject(0, 2, 0.6, 0.6, 0.8, 0.8)
    assert truth.average_precision([found(row(CAR, 0.9), row(elsewhere, 0.5))]).ap50 == pytest.approx(1.0)
    assert truth.average_precision([found(row(CAR, 0.5), row(elsewhere, 0.9))]).ap50 == pytest.approx(0.5)


def test_half_of_the_objects_found_is_half_of_the_recalls():
    # Precision 1 at recalls 0, 0.01 .. 0.5: 51 of COCO's 101 points.
    assert GroundTruth([[CAR], [CAR]], CLASSES).average_precision(
        [found(row(CAR, 0.9)), found()]
    ).ap50 == pytest.approx(51 / 101)


def test_overlap_counts_by_steps():
    # An IoU of 0.72: right at 0.50 .. 0.70, five of the ten thresholds.
    loose = LabelledObject(0, 2, 0.1, 0.1, 0.3, 0.1 + 0.2 * 0.72)
    assert GroundTruth([[CAR]], CLASSES).average_precision([found(row(loose, 0.9))]) == pytest.approx((1.0, 0.5))


def test_what_lies_on_an_object_to_ignore_is_neither_right_nor_wrong():
    crowd = LabelledObject(1, 2, 0.5, 0.5, 0.9, 0.9, ignore=True)
    inside = LabelledObject(1, 2, 0.6, 0.6, 0.7, 0.7)
    truth = GroundTruth([[CAR, crowd]], CLASSES)
    assert truth.average_precision([found(row(inside, 0.9), row(CAR, 0.5))]).ap50 == pytest.approx(1.0)
