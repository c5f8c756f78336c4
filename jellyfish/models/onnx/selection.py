"""From what a decoder has read to answers: the best boxes, one for each object, on the frame."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from jellyfish.core import Answer, ClassScore, Detection
from jellyfish.models.onnx.decoders.decoder import Candidates
from jellyfish.models.onnx.fitting import Where

MOST_BOXES = 100
"""Of an answer."""
_FIRST_LOOK = 400
"""Candidates among which suppression looks first: nearly always enough for an answer."""


def boxes_answer(found: Candidates, where: Where, nms_iou: float | None) -> Answer:
    """The best boxes, sides as shares of the frame and cut at its border; what lies beside it is left out.

    `nms_iou`: how far boxes of a class may overlap; None where the network has seen to that.
    """
    found = found.kept(np.argsort(-found.scores, kind="stable"))
    found = found.kept(slice(MOST_BOXES) if nms_iou is None else suppressed(found, nms_iou))
    sides = where.on_frame(found.sides)
    cut = np.clip(sides, 0, 1)
    there = (cut[:, :2] < cut[:, 2:]).all(axis=1)
    rows = zip(found.labels[there].tolist(), found.scores[there].tolist(), cut[there].tolist(), strict=True)
    return Answer(detections=tuple(Detection(label, score, *box) for label, score, box in rows))


def suppressed(found: Candidates, nms_iou: float) -> list[int]:
    """Which of the candidates, best first, are kept, each overlapping no better one of its class too far."""
    looked_at = _FIRST_LOOK
    while True:
        kept = _suppressed(found.kept(slice(looked_at)), nms_iou)
        if len(kept) >= MOST_BOXES or looked_at >= len(found.scores):  # what comes later is no better than these
            return kept[:MOST_BOXES]
        looked_at *= 4


def _suppressed(found: Candidates, nms_iou: float) -> list[int]:
    if not len(found.scores):
        return []
    boxes = np.concatenate([found.sides[:, :2], found.sides[:, 2:] - found.sides[:, :2]], axis=1).astype(np.float64)
    scores = -np.arange(len(boxes), dtype=np.float32)  # in the order that they have: of equals the first
    scores += len(boxes) + 1
    suppress: Any = cv2.dnn.NMSBoxesBatched  # takes arrays, too, which its types do not say
    return [int(row) for row in suppress(boxes, scores, found.labels.astype(np.int32), 0.0, nms_iou)]


def scores_answer(found: Candidates) -> Answer:
    """The likeliest classes."""
    rows = zip(found.labels.tolist(), found.scores.tolist(), strict=True)
    return Answer(scores=tuple(ClassScore(label, score) for label, score in rows))
