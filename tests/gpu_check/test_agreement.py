"""Two answers to one frame: what is the same, and what is strange."""

import pytest

from benchmarks.gpu_check.agreement import Differences
from jellyfish.core import Answer, Detection

BOX = Detection(2, 0.8, 0.1, 0.1, 0.3, 0.3)
MOVED = Detection(2, 0.75, 0.1, 0.11, 0.3, 0.3)
OTHER_CLASS = Detection(1, 0.8, 0.1, 0.1, 0.3, 0.3)
UNSURE = Detection(2, 0.35, 0.6, 0.6, 0.9, 0.9)


def differences(reference: list[Detection], found: list[Detection]) -> Differences:
    counted = Differences()
    counted.add(Answer(tuple(reference)), Answer(tuple(found)), least=0.3)
    return counted


def test_a_box_that_has_moved_a_little_is_the_same_one():
    counted = differences([BOX], [MOVED])
    assert (counted.share, counted.strange) == (1.0, 0)
    assert (counted.score, counted.side) == (pytest.approx(0.05), pytest.approx(0.01))


@pytest.mark.parametrize(("reference", "found"), [([BOX], []), ([], [BOX])])
def test_a_sure_box_that_only_one_has_is_strange(reference, found):
    assert differences(reference, found).strange == 1


def test_another_class_is_another_box():
    counted = differences([BOX], [OTHER_CLASS])
    assert (counted.share, counted.strange) == (0.0, 2)


def test_one_near_the_threshold_may_come_and_go():
    assert differences([BOX, UNSURE], [BOX]).strange == 0
    assert differences([BOX, UNSURE], [BOX]).share == 0.5


def test_a_box_stands_for_one_other_only():
    assert differences([BOX, MOVED], [BOX]).share == 0.5


def test_those_of_several_sizes_add_up():
    total = Differences().join([differences([BOX], [MOVED]), differences([BOX], [])])
    assert (total.boxes, total.same, total.strange) == (2, 1, 1)
    assert total.side == pytest.approx(0.01)
