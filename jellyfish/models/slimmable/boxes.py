"""From raw predictions to boxes: grid points, decoding, selection and non-maximum suppression.

Works in pixels of the canvas, for whole batches at once. Knows nothing of the network's inside.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

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


class Boxes(NamedTuple):
    """Boxes of a batch of images, best score first."""

    image: Tensor
    """[k] which image of the batch."""
    label: Tensor
    """[k] class index."""
    score: Tensor
    """[k] 0..1."""
    sides: Tensor
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
    """Final boxes of raw predictions [n, points, PREDICTIONS].

    Each point speaks for its best class; at most 100 boxes per image are left after non-maximum
    suppression among boxes of the same class and image.
    """
    logits, labels = predictions[..., : len(CLASSES)].max(dim=-1)
    logits, best = logits.topk(min(CANDIDATES, logits.shape[1]), dim=1)
    image, rank = torch.nonzero(logits > _logit(score_threshold), as_tuple=True)
    point = best[image, rank]
    label, score = labels[image, point], logits[image, rank].sigmoid()
    sides = decode(predictions[image, point, len(CLASSES) :], points[point])
    group = image * len(CLASSES) + label
    kept = _suppress(sides, score, group)
    kept = kept[_rank_in_image(image[kept]) < MAXIMUM_DETECTIONS]
    return Boxes(image[kept], label[kept], score[kept], sides[kept])


def _suppress(sides: Tensor, score: Tensor, group: Tensor) -> Tensor:
    """Indices of the boxes that survive within their group, best first.

    Groups are moved apart so that one pass does them all; in double precision, where a box far out is
    as exact as one at home and a batch answers what its images alone would.
    """
    if not len(score):
        return torch.zeros(0, dtype=torch.long, device=score.device)
    sides, score = sides.double(), score.double()
    apart = group * (sides.max() - sides.min() + 1)
    kept: Tensor = torch.ops.torchvision.nms(sides + apart[:, None], score, SUPPRESSION_IOU)
    return kept


def _rank_in_image(image: Tensor) -> Tensor:
    """[k] image of each box, best box first -> [k] how many boxes of the same image come before it."""
    order = torch.argsort(image, stable=True)
    ordered = image[order]
    start = torch.searchsorted(ordered, ordered)
    rank = torch.empty_like(image)
    rank[order] = torch.arange(len(image), device=image.device) - start
    return rank


def _logit(score: float) -> float:
    return float(torch.logit(torch.tensor(score, dtype=torch.float64)))
