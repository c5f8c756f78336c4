"""What an answer is worth where labels and model do not speak of the same classes."""

from __future__ import annotations

from jellyfish.core import Answer, ClassScore, Detection, LabelledObject, Task
from jellyfish.evaluation.judging import NO_ANSWER, Judge
from jellyfish.evaluation.matching import Counts

LABELLED = ("kite", "car", "bus")
CLASSES = ("car", "person", "bus")
BOX, ELSEWHERE = (0.1, 0.1, 0.3, 0.3), (0.6, 0.6, 0.8, 0.8)


def there(name: str, box: tuple[float, float, float, float] = BOX, ignore: bool = False) -> LabelledObject:
    return LabelledObject(0, LABELLED.index(name), *box, ignore=ignore)


def found(name: str, box: tuple[float, float, float, float] = BOX) -> Answer:
    return Answer((Detection(CLASSES.index(name), 0.9, *box),))


def counts(answer: Answer, *objects: LabelledObject) -> Counts | None:
    return Judge(LABELLED, CLASSES).worth(answer, objects).counts


def test_classes_are_matched_by_name() -> None:
    assert counts(found("car"), there("car")) == (1, 0, 0)
    assert counts(found("bus"), there("car")) == (0, 1, 1)


def test_the_model_is_not_asked_for_what_it_does_not_know() -> None:
    assert counts(NO_ANSWER, there("kite"), there("car", ELSEWHERE)) == (0, 0, 1)


def test_what_the_labels_do_not_speak_of_is_neither_right_nor_wrong() -> None:
    assert counts(found("person"), there("car")) == (0, 0, 1)


def test_without_a_class_in_common_nothing_can_be_told() -> None:
    assert Judge(("kite",), CLASSES).worth(found("car"), [LabelledObject(0, 0, *BOX)]) == (None, None)


def test_until_a_model_is_known_all_that_is_labelled_is_asked_for() -> None:
    assert Judge(LABELLED).worth(NO_ANSWER, [there("kite"), there("car")]).counts == (0, 0, 2)


def right(name: str | None, *objects: LabelledObject) -> bool | None:
    answer = NO_ANSWER if name is None else Answer(scores=(ClassScore(CLASSES.index(name), 0.8), ClassScore(1, 0.1)))
    worth = Judge(LABELLED, CLASSES, Task.CLASSIFICATION).worth(answer, objects)
    assert worth.counts is None
    return worth.right


def test_a_classifier_is_right_with_the_class_of_the_largest_object_that_it_knows() -> None:
    large, larger, largest = (0.0, 0.0, 0.5, 0.5), (0.0, 0.0, 0.6, 0.6), (0.0, 0.0, 0.9, 0.9)
    objects = [there("bus"), there("car", large), there("bus", larger, ignore=True), there("kite", largest)]
    assert right("car", *objects) is True
    assert right("bus", *objects) is False
    assert right("person", *objects) is False
    assert right(None, *objects) is False, "a missed frame counts as wrong"


def test_of_a_frame_without_an_object_nobody_knows_what_it_shows() -> None:
    assert right("car") is None
    assert right("car", there("kite"), there("bus", ignore=True)) is None
