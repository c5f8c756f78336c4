"""The loss of one size of the network against the targets that all sizes of a step share.

The largest network chooses the targets and the smaller ones imitate its scores too (in-place distillation, Yu and
Huang, "Universally Slimmable Networks", ICCV 2019).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from jellyfish.lab.training.targets import Labels, Targets, assign
from jellyfish.models.slimmable.boxes import decode
from jellyfish.models.slimmable.street import CLASSES

_BOX_WEIGHT = 2.5
_NEGATIVE_WEIGHT = 0.75
_FOCUS = 2.0


def targets_of(predictions: Tensor, points: Tensor, labels: Labels) -> Targets:
    """Targets for raw predictions [n, points, PREDICTIONS] of the largest network."""
    predictions = predictions.detach().float()
    scores = predictions[..., : len(CLASSES)].sigmoid()
    return assign(scores, decode(predictions[..., len(CLASSES) :], points), points, labels)


def detection_loss(predictions: Tensor, points: Tensor, targets: Targets, teacher: Tensor | None = None) -> Tensor:
    """Scalar loss of raw predictions [n, points, PREDICTIONS]: varifocal for scores, GIoU for boxes.

    With the `teacher`'s raw predictions, its scores are to be met too. All are sums per unit of target quality, so
    that crowded and empty images weigh as their objects do.
    """
    predictions = predictions.float()
    total = targets.quality.sum().clamp(min=1.0)
    scores = _score_loss(predictions[..., : len(CLASSES)], targets)
    if teacher is not None:
        scores = scores + _imitation_loss(predictions[..., : len(CLASSES)], teacher[..., : len(CLASSES)], targets)
    boxes = _box_loss(predictions[..., len(CLASSES) :], points, targets)
    return (scores + _BOX_WEIGHT * boxes) / total


def _score_loss(logits: Tensor, targets: Targets) -> Tensor:
    """Varifocal loss (Zhang et al., CVPR 2021): objects count by their quality, background by its error."""
    wanted = torch.zeros_like(logits).scatter_(2, targets.label[..., None], targets.quality[..., None])
    background = _NEGATIVE_WEIGHT * logits.detach().sigmoid() ** _FOCUS
    weight = torch.where(wanted > 0, wanted, background) * targets.weight[..., None]
    return F.binary_cross_entropy_with_logits(logits, wanted, weight=weight, reduction="sum")


def _imitation_loss(logits: Tensor, teacher: Tensor, targets: Targets) -> Tensor:
    """Quality focal loss (Li et al., NeurIPS 2020) against the teacher's scores: counts where the two differ."""
    wanted = teacher.detach().float().sigmoid()
    weight = (logits.detach().sigmoid() - wanted).abs() ** _FOCUS * targets.weight[..., None]
    return F.binary_cross_entropy_with_logits(logits, wanted, weight=weight, reduction="sum")


def _box_loss(parameters: Tensor, points: Tensor, targets: Targets) -> Tensor:
    """1 - generalised IoU (Rezatofighi et al., CVPR 2019) of the points that answer for an object."""
    image, point = torch.nonzero(targets.quality, as_tuple=True)
    found, wanted = decode(parameters[image, point], points[point]), targets.sides[image, point]
    return (targets.quality[image, point] * (1 - _generalised_overlap(found, wanted))).sum()


def _generalised_overlap(a: Tensor, b: Tensor) -> Tensor:
    """[k] generalised intersection over union of boxes [k, 4], pair by pair: -1..1."""
    size = (torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])).clamp(min=0)
    hull = torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])
    shared = size.prod(dim=1)
    union = (a[:, 2:] - a[:, :2]).prod(dim=1) + (b[:, 2:] - b[:, :2]).prod(dim=1) - shared
    hull_area = hull.prod(dim=1).clamp(min=1e-6)
    return shared / union.clamp(min=1e-6) - (hull_area - union) / hull_area
