"""How good are a device's answers, with and without the cloud? Counts summed over labelled frames. Pure.

Memory holds the frames whose answer from the cloud may still come, and no others.
"""

from __future__ import annotations

from collections.abc import Sequence

from jellyfish.core import Detection, LabelledObject
from jellyfish.evaluation.judging import Judge
from jellyfish.evaluation.matching import Counts, match
from jellyfish.results.fusion import FusionF1

NOTHING = Counts(0, 0, 0)


class FusionScore:
    """One device's counts."""

    def __init__(self, judge: Judge) -> None:
        """`judge`: of detections in the device's own classes."""
        self._judge = judge
        self._counts = dict.fromkeys(FusionF1.__struct_fields__, NOTHING)
        self._labelled = False
        self._objects: dict[int, Sequence[LabelledObject]] = {}
        self._newest: Sequence[Detection] = ()

    def answered(
        self,
        objects: Sequence[LabelledObject] | None,
        local: Sequence[Detection],
        fused: Sequence[Detection],
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

    def heard(self, frame: int, detections: Sequence[Detection]) -> None:
        """The cloud's answer to a frame."""
        if frame in self._objects:
            self._add("cloud_instant", detections, self._objects[frame])

    def used(self, detections: Sequence[Detection]) -> None:
        """This is the cloud's newest answer from now on."""
        self._newest = detections

    def ended(self, frame: int) -> None:
        """No answer to the frame comes any more."""
        self._objects.pop(frame, None)

    def f1(self) -> FusionF1:
        """So far."""
        told = {name: counts.f1 if self._labelled else None for name, counts in self._counts.items()}
        if self._counts["cloud_instant"] == NOTHING:
            told["cloud_instant"] = None
        return FusionF1(**told)

    def _add(self, name: str, found: Sequence[Detection], objects: Sequence[LabelledObject]) -> None:
        old, judge = self._counts[name], self._judge
        new = match(judge.spoken_of(found), judge.asked_for(objects))
        self._counts[name] = Counts(old.tp + new.tp, old.fp + new.fp, old.fn + new.fn)
