"""From raw predictions to boxes, on a processor: grid points, decoding, selection and non-maximum suppression.

Works in pixels of the canvas, for whole batches at once. Knows nothing of the network's inside. What a GPU does in its
place, with numbers of boxes that are always the same, is `device_boxes`.
"""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jellyfish.core import Detection
from jellyfish.models.slimmable.layout import (
    CANDIDATES,
    MAXIMUM_DETECTIONS,
    MAXIMUM_LOG_SIZE,
    STRIDES,
    SUPPRESSION_IOU,
)
from jellyfish.models.slimmable.street import CLASSES


def _load_suppression() -> None:
    """Have torchvision's kernels at hand. The package itself, of which nothing else is used, takes a second to load."""
    package = importlib.util.find_spec("torchvision")
    assert package is not None and package.origin is not None
    for library in Path(package.origin).parent.glob("_C*"):
        torch.ops.load_library(library)  # type: ignore[no-untyped-call]


_load_suppression()
_FAR = 2.0**20
"""Pixels. Boxes of classes and images that are moved apart by less are as exact as at home, in double precision."""


class Boxes(NamedTuple):
    """Boxes of a batch of images, image by image, the best score first."""

    image: NDArray[np.int64]
    """[k] which image of the batch; rising."""
    label: NDArray[np.int64]
    """[k] class index."""
    score: NDArray[np.float32]
    """[k] 0..1."""
    sides: NDArray[np.float32]
    """[k, 4] left, top, right, bottom in pixels of the canvas."""


def grid_points(height: int, width: int, device: torch.device | str = "cpu") -> Tensor:
    """[points, 3]: x, y in pixels and stride of each point a canvas of (height, width) is predicted at."""
    levels = []
    for stride in STRIDES:
        y = (torch.arange(height // stride, device=device) + 0.5) * stride
        x = (torch.arange(width // stride, device=device) + 0.5) * stride
        rows, columns = torch.meshgrid(y, x, indexing="ij")
        levels.append(torch.stack([columns, rows, torch.full_like(rows, stride)], dim=-1).flatten(0, 1))
    return torch.cat(levels)


def decode(parameters: Tensor, points: Tensor) -> Tensor:
    """Box parameters [..., 4] at `points` [..., 3] -> left, top, right, bottom [..., 4] in pixels.

    The centre is an offset from the point and the size a factor of two strides, so a point may speak
    for an object that is smaller than a stride and does not cover it.
    """
    stride = points[..., 2:]
    centre = points[..., :2] + parameters[..., :2] * stride
    half = parameters[..., 2:].clamp(max=MAXIMUM_LOG_SIZE).exp() * stride
    return torch.cat([centre - half, centre + half], dim=-1)


def select(predictions: Tensor, points: Tensor, score_threshold: float) -> Boxes:
    """Final boxes of raw predictions [n, points, PREDICTIONS], which are on a processor.

    Each point speaks for its best class; at most 100 boxes per image are left after non-maximum
    suppression among boxes of the same class and image.
    """
    logits, labels = predictions[..., : len(CLASSES)].max(dim=-1)
    best_logits, best = (each.numpy() for each in logits.topk(min(CANDIDATES, logits.shape[1]), dim=1))
    image, rank = np.nonzero(best_logits > logit(score_threshold))
    point = best[image, rank]
    label, found = labels.numpy()[image, point], best_logits[image, rank]
    parameters = torch.from_numpy(predictions.numpy()[image, point, len(CLASSES) :])
    sides = decode(parameters, torch.from_numpy(points.numpy()[point])).numpy()
    kept = first_of_each(image, suppressed(sides, found, image * len(CLASSES) + label))
    score = torch.from_numpy(found[kept]).sigmoid().numpy()
    return Boxes(image[kept], label[kept], score, sides[kept])


def suppressed(sides: NDArray[np.float32], score: NDArray[np.float32], group: NDArray[np.int64]) -> NDArray[np.int64]:
    """Indices, rising, of the boxes that survive within their group: none that a better survivor overlaps.

    Groups are moved apart so that one pass does them all; in double precision, where a box far out is as exact as one
    at home and a batch answers what its images alone would. Where a box is so far out that it is not, or no number at
    all, each group has a pass of its own.
    """
    if not len(score):
        return np.zeros(0, np.int64)
    exact, ranked = sides.astype(np.float64), torch.from_numpy(score.astype(np.float64))
    span = float(exact.max() - exact.min()) + 1.0
    if span < _FAR:
        return np.sort(_kept(exact + (group * span)[:, None], ranked))
    members = [np.nonzero(group == each)[0] for each in np.unique(group)]
    return np.sort(np.concatenate([own[_kept(exact[own], ranked[own])] for own in members]))


def _kept(sides: NDArray[np.float64], score: Tensor) -> NDArray[np.int64]:
    kept: Tensor = torch.ops.torchvision.nms(torch.from_numpy(sides), score, SUPPRESSION_IOU)
    return kept.numpy()


def first_of_each(image: NDArray[np.int64], kept: NDArray[np.int64]) -> NDArray[np.int64]:
    """`kept` (rising), without what is beyond the most that an image may have. `image`: of each box, rising."""
    if len(kept) <= MAXIMUM_DETECTIONS:
        return kept
    own = image[kept]
    return kept[np.arange(len(own)) - np.searchsorted(own, own) < MAXIMUM_DETECTIONS]


def detections_of(boxes: Boxes, images: int, height: int, width: int) -> list[list[Detection]]:
    """Detections of each image, sides as shares of the canvas and cut at its border."""
    canvas = np.array([width, height, width, height], np.float32)
    sides = (boxes.sides / canvas).clip(0.0, 1.0).tolist()
    found: list[list[Detection]] = [[] for _ in range(images)]
    for image, label, score, box in zip(
        boxes.image.tolist(), boxes.label.tolist(), boxes.score.tolist(), sides, strict=True
    ):
        found[image].append(Detection(label, score, *box))
    return found


def logit(score: float) -> float:
    """What a network says before the sigmoid where it means `score` (0..1); infinite at the ends."""
    if not 0.0 < score < 1.0:
        return math.copysign(math.inf, score - 0.5)
    return math.log(score) - math.log1p(-score)
