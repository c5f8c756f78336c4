"""What a class is: a name. Labels and models that call something by the same name mean the same, whatever its number.

Names are the same in any letters: `Car` and `car`. Whoever has to bring two lists of classes together asks here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from jellyfish.core import ClassScore, Detection


def same_name(name: str) -> str:
    """What names of one class have in common."""
    return name.strip().lower()


def translation(names: Iterable[str], classes: Sequence[str]) -> tuple[int | None, ...]:
    """For each of `names` its label among `classes`, the first of several; None for what is none of them."""
    labels = {same_name(name): label for label, name in reversed(list(enumerate(classes)))}
    return tuple(labels.get(same_name(name)) for name in names)


def class_name(label: int, classes: Sequence[str]) -> str:
    """What people call it, also where a server answers with a class that it has not told of."""
    return classes[label] if 0 <= label < len(classes) else f"class {label}"


class ClassMap:
    """From the labels of one list of classes to those of another."""

    def __init__(self, names: Sequence[str], classes: Sequence[str]) -> None:
        """From `names` to `classes`."""
        self._labels = translation(names, classes)
        self._alike = self._labels == tuple(range(len(classes)))
        self.common = frozenset(label for label in self._labels if label is not None)
        """Labels of `classes` that are among `names`."""

    def label(self, label: int) -> int | None:
        """The same class there; None for one that is not there, or that nobody knows."""
        return self._labels[label] if 0 <= label < len(self._labels) else None

    def detections(self, detections: Sequence[Detection]) -> Sequence[Detection]:
        """The same with the labels there; those of classes that are not there are left out."""
        if self._alike and all(0 <= one.label < len(self._labels) for one in detections):
            return detections
        told = ((one, self.label(one.label)) for one in detections)
        return [msgspec.structs.replace(one, label=label) for one, label in told if label is not None]

    def scores(self, scores: Sequence[ClassScore]) -> Sequence[ClassScore]:
        """The same of a classifier's answer."""
        told = ((one, self.label(one.label)) for one in scores)
        return [ClassScore(label, one.score) for one, label in told if label is not None]
