"""Which grid point answers for which object: task-aligned assignment for whole batches.

A point is the better for an object the surer it is of its class and the closer its box (Feng et al.,
"TOOD: Task-aligned One-stage Object Detection", ICCV 2021). Knows labels and predictions, no network.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

_BEST_POINTS = 9
"""Points per object that may answer for it."""

_IOU_POWER = 4
_LEAST_IOU = 0.01
"""Added to every overlap so that an object no prediction touches yet still gets points."""


class Labels(NamedTuple):
    """Objects of a batch of images, padded to the same number m per image."""

    label: Tensor
    """[n, m] class index; anything where not `valid`."""
    sides: Tensor
    """[n, m, 4] left, top, right, bottom in pixels of the canvas."""
    valid: Tensor
    """[n, m] bool: an object to be found."""
    ignore: Tensor
    """[n, m] bool: a region where nothing is asked for and nothing is wrong."""

    def to(self, device: torch.device) -> Labels:
        """The same labels on another device."""
        return Labels(*(t.to(device, non_blocking=True) for t in self))


class Targets(NamedTuple):
    """What each grid point should answer."""

    label: Tensor
    """[n, points] class index; anything where `quality` is 0."""
    quality: Tensor
    """[n, points] 0..1: the score its class should get; 0 for background."""
    sides: Tensor
    """[n, points, 4] the box of its object, in pixels; anything where `quality` is 0."""
    weight: Tensor
    """[n, points] 1, or 0 where the point lies in an ignored region and answers for nothing."""


def overlap(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of boxes [..., 4] that broadcast against each other."""
    # One coordinate at a time: operations on planes are several times as quick as on pairs.
    (left_a, top_a, right_a, bottom_a), (left_b, top_b, right_b, bottom_b) = a.unbind(-1), b.unbind(-1)
    wide = (torch.minimum(right_a, right_b) - torch.maximum(left_a, left_b)).clamp_(min=0)
    high = (torch.minimum(bottom_a, bottom_b) - torch.maximum(top_a, top_b)).clamp_(min=0)
    shared = wide.mul_(high)
    return shared / (_area(a) + _area(b) - shared).clamp_(min=1e-6)


@torch.no_grad()
def assign(scores: Tensor, boxes: Tensor, points: Tensor, labels: Labels) -> Targets:
    """Targets of every point from predicted `scores` [n, p, classes] and `boxes` [n, p, 4] at `points` [p, 3].

    Each object takes the points that suit it best among those whose cell it touches; a point wanted by
    several objects goes to the one it overlaps most. The best point's quality is its overlap, the
    others' fall off in proportion to how well they suit.
    """
    iou = overlap(labels.sides[:, :, None], boxes[:, None])
    index = labels.label[:, :, None].expand(-1, -1, scores.shape[1])
    suits = torch.gather(scores.transpose(1, 2), 1, index) * (iou + _LEAST_IOU) ** _IOU_POWER
    suits = suits * (_inside(labels.sides, points, margin=0.75) & labels.valid[:, :, None])
    suits = suits * _best(suits)
    suits = suits * _sole_owner(iou, suits > 0)
    quality = suits / suits.amax(2, keepdim=True).clamp(min=1e-12) * (iou * (suits > 0)).amax(2, keepdim=True)
    quality, owner = quality.max(dim=1)
    ignored = (_inside(labels.sides, points, margin=0.5) & labels.ignore[:, :, None]).any(dim=1)
    return Targets(
        label=labels.label.gather(1, owner),
        quality=quality,
        sides=labels.sides.gather(1, owner[..., None].expand(-1, -1, 4)),
        weight=(~ignored | (quality > 0)).float(),
    )


def _best(suits: Tensor) -> Tensor:
    """[n, m, p] which points are among the best of their object."""
    top = suits.topk(min(_BEST_POINTS, suits.shape[2]), dim=2).indices
    return torch.zeros_like(suits, dtype=torch.bool).scatter_(2, top, True)


def _sole_owner(iou: Tensor, wanted: Tensor) -> Tensor:
    """[n, m, p] which wanted points their object keeps: those no other object overlaps more."""
    closest = torch.where(wanted, iou, -1.0).argmax(dim=1, keepdim=True)
    return wanted & torch.zeros_like(wanted).scatter_(1, closest, True)


def _inside(sides: Tensor, points: Tensor, margin: float) -> Tensor:
    """[n, m, p] whether each point lies in the box, taken to reach `margin` strides from its centre at least."""
    centre = (sides[..., :2] + sides[..., 2:]) / 2
    half = (sides[..., 2:] - sides[..., :2]) / 2
    least = points[:, 2] * margin
    inside = [
        (points[:, axis] - centre[..., axis, None]).abs_() < torch.maximum(half[..., axis, None], least)
        for axis in (0, 1)
    ]
    return inside[0] & inside[1]


def _area(boxes: Tensor) -> Tensor:
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
