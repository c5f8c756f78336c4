"""How good are a device's answers, with and without the cloud? Counts summed over labelled frames. Pure.

Memory holds the frames whose answer from the cloud may still come, and no others.
"""

from __future__ import annotations

from collections.abc import Sequence

from jellyfish.core import Answer, LabelledObject
from jellyfish.evaluation.judging import NO_ANSWER, Judge, Worth
from jellyfish.evaluation.matching import Counts
from jellyfish.results.fusion import FusionF1

NOTHING = Counts(0, 0, 0)


class FusionScore:
    """One device's counts."""

    def __init__(self, judge: Judge) -> None:
        """`judge`: of answers in the device's own classes."""
        self._judge = judge
        self._counts = dict.fromkeys(FusionF1.__struct_fields__, NOTHING)
        self._labelled = False
        self._objects: dict[int, Sequence[LabelledObject]] = {}
        self._newest = NO_ANSWER

    def answered(
        self,
        objects: Sequence[LabelledObject] | None,
        local: Answer,
        fused: Answer,
    ) -> None:
        """The device answered a frame, in which `objects` are. `local`: at the threshold that serves."""
        if objects is not None:
            self._labelled = True
            for name, found in (("local", local), ("cloud_arrived", self._newest), ("fused", fused)):
                self._add(name, found, objects)

    def asked(self, frame: int, objects: Sequence[LabelledObject] | None) -> None:
        """A frame was offered to the cloud."""
        if objects is not None:
            self._objects[frame] = objects

    def heard(self, frame: int, answer: Answer) -> None:
        """The cloud's answer to a frame."""
        if frame in self._objects:
            self._add("cloud_instant", answer, self._objects[frame])

    def used(self, answer: Answer) -> None:
        """This is the cloud's newest answer from now on."""
        self._newest = answer

    def ended(self, frame: int) -> None:
        """No answer to the frame comes any more."""
        self._objects.pop(frame, None)

    def f1(self) -> FusionF1:
        """So far."""
        told = {name: counts.f1 if self._labelled else None for name, counts in self._counts.items()}
        if self._counts["cloud_instant"] == NOTHING:
            told["cloud_instant"] = None
        return FusionF1(**told)

    def _add(self, name: str, answer: Answer, objects: Sequence[LabelledObject]) -> None:
        old, new = self._counts[name], _counted(self._judge.worth(answer, objects))
        self._counts[name] = Counts(old.tp + new.tp, old.fp + new.fp, old.fn + new.fn)


def _counted(worth: Worth) -> Counts:
    """A classifier says one thing of each frame, so that its F1 is the share of the frames that it is right about."""
    if worth.right is not None:
        return Counts(1, 0, 0) if worth.right else Counts(0, 1, 1)
    return worth.counts or NOTHING
