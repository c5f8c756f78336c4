"""How well objects are followed: the CLEAR MOT metrics (Bernardin and Stiefelhagen, 2008). Pure.

A few lines here instead of a library: those that have them bring pandas, or another OpenCV. The figures were compared
once with those of `trackers` 2.6.1 on the shipped clips.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from jellyfish.core import Detection, LabelledObject
from jellyfish.edge.fusion.association import overlap

LEAST_OVERLAP = 0.5
GOES_ON = 1000.0
"""What makes a pair that was one in the frame before be one again, whatever overlaps more."""


class Followed(NamedTuple):
    """A detection and the number of its object."""

    track: int
    found: Detection


class ClearMot(NamedTuple):
    """Of some frames."""

    objects: int
    missed: int
    wrong: int
    """Detections that are no object."""
    switches: int
    """Objects that have another number than when they were found before."""

    @property
    def mota(self) -> float:
        """At most 1."""
        return 1 - (self.missed + self.wrong + self.switches) / max(1, self.objects)

    def plus(self, other: ClearMot) -> ClearMot:
        """Both."""
        return ClearMot(*(mine + its for mine, its in zip(self, other, strict=True)))


def clear_mot(frames: Iterable[tuple[list[LabelledObject], list[Followed]]]) -> ClearMot:
    """What is true in each frame, and what was said to be there.

    Objects marked `ignore` are not asked for, and what finds one is not wrong.
    """
    total, before, known = ClearMot(0, 0, 0, 0), dict[int, int](), dict[int, int]()
    for objects, followed in frames:
        pairs = _pairs(objects, followed, before)
        asked = [number for number, thing in enumerate(objects) if not thing.ignore]
        found = {number for number, _ in pairs}
        before = {objects[number].track: followed[other].track for number, other in pairs}
        switches = sum(
            known.get(thing.track, before[thing.track]) != before[thing.track]
            for number in found
            if not (thing := objects[number]).ignore
        )
        known |= before
        missed = sum(number not in found for number in asked)
        total = total.plus(ClearMot(len(asked), missed, len(followed) - len(pairs), switches))
    return total


def boxes(things: Iterable[Detection | LabelledObject]) -> NDArray[np.float32]:
    """[n, 4]"""
    return np.array([(one.left, one.top, one.right, one.bottom) for one in things], np.float32).reshape(-1, 4)


def _pairs(objects: list[LabelledObject], followed: list[Followed], before: dict[int, int]) -> list[tuple[int, int]]:
    """Which object each detection is, by their indices."""
    if not objects or not followed:
        return []
    shares = overlap(boxes(objects), boxes(one.found for one in followed)).astype(np.float64)
    same_class = np.array([[thing.label == one.found.label for one in followed] for thing in objects])
    shares[(shares < LEAST_OVERLAP) | ~same_class] = 0
    goes_on = np.array([[before.get(thing.track) == one.track for one in followed] for thing in objects])
    rows, columns = linear_sum_assignment(shares + GOES_ON * (goes_on & (shares > 0)), maximize=True)
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if shares[i, j] > 0]
