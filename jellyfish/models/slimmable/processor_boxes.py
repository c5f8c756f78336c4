"""From a processor's raw predictions to detections: what `boxes` does, without torch, an image at a time."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from jellyfish.core import Detection, InputSize
from jellyfish.models.slimmable.layout import (
    CANDIDATES,
    MAXIMUM_DETECTIONS,
    MAXIMUM_LOG_SIZE,
    STRIDES,
    SUPPRESSION_IOU,
)
from jellyfish.models.slimmable.street import CLASSES

Floats = NDArray[np.float32]


def point_table(size: InputSize) -> Floats:
    """[3, points]: x, y in pixels and stride of each point a canvas of `size` is predicted at."""
    levels = []
    for stride in STRIDES:
        rows, columns = np.mgrid[: size.height // stride, : size.width // stride]
        level = np.stack([(columns + 0.5) * stride, (rows + 0.5) * stride, np.full(rows.shape, stride)])
        levels.append(level.reshape(3, -1))
    return np.concatenate(levels, axis=1).astype(np.float32)


def detections(predictions: Floats, points: Floats, size: InputSize, least_score: float) -> list[Detection]:
    """What is in one image, best score first, sides as shares of the canvas; `predictions`: [PREDICTIONS, points].

    Each point speaks for its best class; at most 100 boxes are left after non-maximum suppression among those of a
    class.
    """
    best = predictions[: len(CLASSES)].max(axis=0)
    chosen = np.flatnonzero(best > _logit(least_score))
    if not len(chosen):
        return []
    chosen = chosen[np.argsort(-best[chosen], kind="stable")[:CANDIDATES]]
    scores = 1.0 / (1.0 + np.exp(-best[chosen]))
    labels = predictions[: len(CLASSES), chosen].argmax(axis=0)
    corners = _sides(predictions[len(CLASSES) :, chosen], points[:, chosen])
    kept = _suppressed(corners, scores, labels)
    shares = (corners[kept] / np.array([size.width, size.height] * 2, np.float32)).clip(0.0, 1.0)
    found = zip(labels[kept].tolist(), scores[kept].tolist(), shares.tolist(), strict=True)
    return [Detection(label, score, *sides) for label, score, sides in found]


def _sides(parameters: Floats, points: Floats) -> Floats:
    """Box parameters [4, k] at points [3, k] -> left, top, right, bottom [k, 4] in pixels."""
    centre = points[:2] + parameters[:2] * points[2]
    half = np.exp(np.minimum(parameters[2:], MAXIMUM_LOG_SIZE)) * points[2]
    return np.concatenate([centre - half, centre + half]).T


def _suppressed(corners: Floats, scores: Floats, labels: NDArray[np.intp]) -> NDArray[np.intp]:
    """Which boxes are left, best first. In double precision, where a box far out is as exact as one at home."""
    boxes = corners.astype(np.float64)
    boxes[:, 2:] -= boxes[:, :2]
    kept = cv2.dnn.NMSBoxesBatched(boxes, scores, labels.astype(np.int32), 0.0, SUPPRESSION_IOU)  # type: ignore[arg-type]
    return np.asarray(kept, np.intp).reshape(-1)[:MAXIMUM_DETECTIONS]


def _logit(score: float) -> float:
    if 0.0 < score < 1.0:
        return math.log(score / (1.0 - score))
    return math.copysign(math.inf, score - 0.5)
