"""Boxes of raw predictions where nothing may wait for the host: the same operations on the same shapes each time.

A GPU selects, decodes and suppresses `CANDIDATES` boxes of each image, in a graph, and hands over one tensor;
`boxes_of` makes boxes of it on the host. The answers are those of `boxes.select`.

**Why suppression is exact.** A candidate is kept unless a better one that is kept overlaps it: that is greedy
suppression, said without an order. `_step` applies this rule to all candidates at once, from what the step before has
kept. By induction over rank there is one set that the rule leaves as it is, the greedy one: the best candidate is
always kept, and the fate of each other one is decided by those before it. So a step that changes nothing has found it;
and after t steps every candidate is right that no chain of more than t overlaps, each with a better one, leads up to.
On street photographs no chain was longer than 3 at the scores that are answered with, nor than 9 at scores from .01 on.
What the steps have not settled, which the last two tell by their difference, the host suppresses again from the start.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jellyfish.models.slimmable.boxes import Boxes, decode, logit, suppressed
from jellyfish.models.slimmable.layout import CANDIDATES, MAXIMUM_DETECTIONS, SUPPRESSION_IOU
from jellyfish.models.slimmable.street import CLASSES

STEPS = 10
_LABEL, _SCORE, _SIDES, _KEPT, _BEFORE = 0, 1, slice(2, 6), 6, 7
COLUMNS = 8
"""Of a candidate: label (-1 where its score is too low), score, left, top, right, bottom in pixels of the canvas,
whether it is kept, and whether it was a step before."""


def candidates(predictions: Tensor, points: Tensor, score_threshold: float, steps: int = STEPS) -> Tensor:
    """Raw predictions [n, points, PREDICTIONS] in float32 -> [n, CANDIDATES or all points, COLUMNS], best first."""
    logits, labels = predictions[..., : len(CLASSES)].max(dim=-1)
    logits, best = logits.topk(min(CANDIDATES, logits.shape[1]), dim=1)
    label = labels.gather(1, best)
    parameters = predictions[..., len(CLASSES) :]
    parameters = parameters.gather(1, best[..., None].expand(-1, -1, parameters.shape[-1]))
    sides = decode(parameters, points[best])
    valid = logits > logit(score_threshold)
    before, kept = _settled(_suppressing(sides, label), valid.float(), steps)
    columns = (torch.where(valid, label, -1), logits.sigmoid(), sides, kept, before)
    return torch.cat([each if each.ndim == sides.ndim else each[..., None].float() for each in columns], dim=-1)


def _suppressing(sides: Tensor, label: Tensor) -> Tensor:
    """[n, k, k] 1 where the box of the row, if it is kept, suppresses that of the column, which is no better.

    In double precision, as the host does it, so that both decide alike; what is no number overlaps nothing.
    """
    exact = sides.double()
    near, far = exact[..., :2], exact[..., 2:]
    shared = torch.minimum(far[:, :, None], far[:, None]) - torch.maximum(near[:, :, None], near[:, None])
    inner, area = shared.clamp_(min=0).prod(dim=-1), (far - near).prod(dim=-1)
    overlaps = inner / (area[:, :, None] + area[:, None] - inner) > SUPPRESSION_IOU
    return (overlaps & (label[:, :, None] == label[:, None])).triu(1).float()


def _settled(suppressing: Tensor, valid: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """[n, k] What is kept before the last step and after it: 1 or 0."""
    before = kept = valid
    for _ in range(steps):
        before, kept = kept, _step(suppressing, valid, kept)
    return before, kept


def _step(suppressing: Tensor, valid: Tensor, kept: Tensor) -> Tensor:
    """Who is kept if `kept` are: without a branch, from how many of them suppress each."""
    return torch.baddbmm(valid[:, None], kept[:, None], suppressing, alpha=-1).clamp_(min=0)[:, 0]


def boxes_of(found: NDArray[np.float32]) -> Boxes:
    """Boxes of candidates that have come to the host: [n, k, COLUMNS]."""
    kept = found[..., _KEPT] > 0
    for unsettled in np.nonzero((found[..., _KEPT] != found[..., _BEFORE]).any(axis=1))[0]:
        kept[unsettled] = _suppressed_again(found[unsettled])
    kept &= np.cumsum(kept, axis=1) <= MAXIMUM_DETECTIONS
    image, rank = np.nonzero(kept)
    rows = found[image, rank]
    return Boxes(image, rows[:, _LABEL].astype(np.int64), rows[:, _SCORE], rows[:, _SIDES])


def _suppressed_again(found: NDArray[np.float32]) -> NDArray[np.bool_]:
    """[k] which candidates of one image are kept: suppression from its start."""
    valid = np.nonzero(found[:, _LABEL] >= 0)[0]
    rows = found[valid]
    kept = np.zeros(len(found), np.bool_)
    kept[valid[suppressed(rows[:, _SIDES], -valid.astype(np.float32), rows[:, _LABEL].astype(np.int64))]] = True
    return kept
