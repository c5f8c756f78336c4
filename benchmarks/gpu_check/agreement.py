"""Two answers to the same frame, from two devices or two arithmetics: how far they are the same. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from jellyfish.core import Answer, Detection

OVERLAP = 0.5
"""Least of two boxes that are taken for one."""
SURE = 0.1
"""A box that only one of them has counts as strange if its score is so much over the least that is answered with."""


@dataclass
class Differences:
    """Counted over frames."""

    boxes: int = 0
    """Of the reference."""
    same: int = 0
    """Of those, that the other answer has, too."""
    strange: int = 0
    """Boxes that only one of the two has, though it was sure of them."""
    score: float = 0.0
    """Largest difference in score of two boxes that are one."""
    side: float = 0.0
    """Largest difference of a side, as a share of the frame."""

    @property
    def share(self) -> float:
        """Of the reference's boxes, those that the other has, too."""
        return self.same / self.boxes if self.boxes else 1.0

    def add(self, reference: Answer, found: Answer, least: float) -> None:
        """Of one frame more. `least`: score that both answer with at least."""
        left = list(found.detections)
        for box in reference.detections:
            self.boxes += 1
            pair = _best(box, left)
            if pair is None:
                self.strange += box.score > least + SURE
                continue
            left.remove(pair.other)
            self.same += 1
            self.score = max(self.score, abs(box.score - pair.other.score))
            self.side = max(self.side, *(abs(a - b) for a, b in zip(_sides(box), _sides(pair.other), strict=True)))
        self.strange += sum(other.score > least + SURE for other in left)

    def join(self, others: Iterable[Differences]) -> Differences:
        """Over these as well."""
        for other in others:
            self.boxes, self.same = self.boxes + other.boxes, self.same + other.same
            self.strange += other.strange
            self.score, self.side = max(self.score, other.score), max(self.side, other.side)
        return self


class _Pair(NamedTuple):
    overlap: float
    other: Detection


def _best(box: Detection, others: Iterable[Detection]) -> _Pair | None:
    """Which of them is the same thing, if any is."""
    pairs = (_Pair(_overlap(box, other), other) for other in others if other.label == box.label)
    best = max(pairs, key=lambda pair: pair.overlap, default=None)
    return best if best is not None and best.overlap >= OVERLAP else None


def _sides(box: Detection) -> tuple[float, float, float, float]:
    return box.left, box.top, box.right, box.bottom


def _overlap(a: Detection, b: Detection) -> float:
    """Intersection over union."""
    width = min(a.right, b.right) - max(a.left, b.left)
    height = min(a.bottom, b.bottom) - max(a.top, b.top)
    if width <= 0 or height <= 0:
        return 0.0
    areas = sum((box.right - box.left) * (box.bottom - box.top) for box in (a, b))
    return width * height / (areas - width * height)
