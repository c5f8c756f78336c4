"""What an answer is worth, held against labels whose classes may be other ones than the model's. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from jellyfish.classes import ClassMap
from jellyfish.core import Answer, Detection, LabelledObject, Task
from jellyfish.evaluation.matching import Counts, match

NO_ANSWER = Answer()
"""Of a frame that was missed: nothing was found, and no class told."""


class Worth(NamedTuple):
    """Of one frame. What is not of the task, or that nobody can know, is None."""

    counts: Counts | None = None
    """Of a detector's answer."""
    right: bool | None = None
    """Of a classifier's: whether its likeliest class is that of the largest object."""


class Judge:
    """Holds a model's answers against labels. Classes are matched by name, and all is told in the labels' numbers.

    Objects of a class that the model does not know are left out: it cannot be asked for them. Detections of a class
    that the labels do not speak of are left out, too: whether they are right, nobody has said.
    """

    def __init__(
        self, labelled: Sequence[str], classes: Sequence[str] | None = None, task: Task = Task.DETECTION
    ) -> None:
        """`labelled`: names by label of the labels. `classes`: likewise of the model; None while nobody has told them,
        and all that is labelled is asked for."""
        self._task = task
        self._classes = ClassMap(labelled if classes is None else classes, labelled)
        self._asks_for_all = len(self._classes.common) == len(labelled)

    def worth(self, answer: Answer, objects: Sequence[LabelledObject]) -> Worth:
        """What `answer` is worth for a frame with these objects in it; nothing where no class is common to both."""
        if not self._classes.common:
            return Worth()
        if self._task is Task.CLASSIFICATION:
            return Worth(right=self._right(answer, objects))
        return Worth(match(self.spoken_of(answer.detections), self.asked_for(objects)))

    def asked_for(self, objects: Sequence[LabelledObject]) -> Sequence[LabelledObject]:
        """The objects of classes that the model knows."""
        if self._asks_for_all:
            return objects
        return [thing for thing in objects if thing.label in self._classes.common]

    def spoken_of(self, detections: Sequence[Detection]) -> Sequence[Detection]:
        """The detections of classes that the labels know, with the labels' numbers."""
        return self._classes.detections(detections)

    def _right(self, answer: Answer, objects: Sequence[LabelledObject]) -> bool | None:
        """Whether the likeliest class is that of the largest object; None without an object to go by."""
        known = [thing for thing in self.asked_for(objects) if not thing.ignore]
        if not known:
            return None
        largest = max(known, key=_area)
        return bool(answer.scores) and self._classes.label(answer.scores[0].label) == largest.label


def _area(thing: LabelledObject) -> float:
    return (thing.right - thing.left) * (thing.bottom - thing.top)
