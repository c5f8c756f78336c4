"""Right, wrong and missed: detections of one frame against the objects that are truly there. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jellyfish.core import Detection, LabelledObject


class Counts(NamedTuple):
    """Detections that are right (`tp`) and wrong (`fp`), and objects that were missed (`fn`)."""

    tp: int
    fp: int
    fn: int

    @property
    def precision(self) -> float:
        """Share of the detections that are right; 1 without detections."""
        return self.tp / (self.tp + self.fp) if self.tp + self.fp else 1.0

    @property
    def recall(self) -> float:
        """Share of the objects that were found; 1 without objects."""
        return self.tp / (self.tp + self.fn) if self.tp + self.fn else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 1 where there was nothing to find and nothing was found."""
        total = 2 * self.tp + self.fp + self.fn
        return 2 * self.tp / total if total else 1.0


class Judged(NamedTuple):
    """Scores of the right and of the wrong detections of some images, and the objects that were asked for.

    Matching goes from the best score down, so what is right at a score threshold is right at any lower one: the counts
    of every threshold are here.
    """

    right: list[float]
    wrong: list[float]
    asked: int

    def counts(self, score_threshold: float = 0.0) -> Counts:
        """Counts of the detections that score at least `score_threshold`."""
        tp = sum(score >= score_threshold for score in self.right)
        fp = sum(score >= score_threshold for score in self.wrong)
        return Counts(tp, fp, self.asked - tp)


def joined(parts: Iterable[Judged]) -> Judged:
    """Several images' judgements as one."""
    parts = tuple(parts)
    return Judged(
        [score for part in parts for score in part.right],
        [score for part in parts for score in part.wrong],
        sum(part.asked for part in parts),
    )


def match(detections: Sequence[Detection], objects: Sequence[LabelledObject], iou_threshold: float = 0.5) -> Counts:
    """Right, wrong and missed, as `judge` finds them: tp + fn = objects not ignored, always."""
    if not detections:
        return Counts(0, 0, len([thing for thing in objects if not thing.ignore]))
    return judge(detections, objects, iou_threshold).counts()


def judge(detections: Sequence[Detection], objects: Sequence[LabelledObject], iou_threshold: float = 0.5) -> Judged:
    """Match greedily, best score first: each detection takes the best free object of its class.

    A detection that finds no object to ask for, but overlaps one marked `ignore` (of any class) or lies
    mostly inside it, counts as neither right nor wrong.
    """
    asked = [o for o in objects if not o.ignore]
    ranked = sorted(detections, key=lambda d: -d.score)
    right: list[float] = []
    wrong: list[float] = []
    if not ranked:
        return Judged(right, wrong, len(asked))
    sides = _sides(ranked)
    overlap = _iou(sides, _sides(asked))
    overlap[np.array([d.label for d in ranked])[:, None] != np.array([o.label for o in asked])[None, :]] = 0.0
    excused = _covered(sides, _sides([o for o in objects if o.ignore]), iou_threshold)
    for detection, row, excuse in zip(ranked, overlap, excused, strict=True):
        best = int(row.argmax()) if row.size else -1
        if best >= 0 and row[best] >= iou_threshold:
            right.append(detection.score)
            overlap[:, best] = 0.0
        elif not excuse:
            wrong.append(detection.score)
    return Judged(right, wrong, len(asked))


def _sides(boxes: Sequence[Detection] | Sequence[LabelledObject]) -> NDArray[np.float64]:
    """[k, 4] left, top, right, bottom."""
    return np.array([(b.left, b.top, b.right, b.bottom) for b in boxes], dtype=np.float64).reshape(-1, 4)


def _intersection(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """[i, j] area shared by a_i and b_j."""
    size = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    shared: NDArray[np.float64] = size.clip(min=0).prod(axis=-1)
    return shared


def _area(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    area: NDArray[np.float64] = (boxes[:, 2:] - boxes[:, :2]).clip(min=0).prod(axis=-1)
    return area


def _iou(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """[i, j] intersection over union of a_i and b_j; 0 for empty boxes."""
    shared = _intersection(a, b)
    union = _area(a)[:, None] + _area(b)[None, :] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def _covered(sides: NDArray[np.float64], ignored: NDArray[np.float64], iou_threshold: float) -> NDArray[np.bool_]:
    """[i] whether a box matches an ignored one, or lies to that share inside it (a crowd, say)."""
    shared, area = _intersection(sides, ignored), _area(sides)[:, None]
    inside = np.divide(shared, area, out=np.zeros_like(shared), where=area > 0)
    covered: NDArray[np.bool_] = np.any(np.maximum(inside, _iou(sides, ignored)) >= iou_threshold, axis=1)
    return covered
