"""Which box of one set is which of another: the assignment with the largest overlap. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from jellyfish.edge.fusion.motion import Boxes

LEAST_OVERLAP = 0.3
"""Boxes that share less are not the same object. Small networks draw loose boxes."""

OTHER_CLASS = 0.3
"""Overlap that another class takes away: the same object seen as something else still can be paired, if nothing
of its class is there."""

Indices = NDArray[np.intp]


def overlap(first: Boxes, second: Boxes) -> NDArray[np.float32]:
    """[i, j] intersection over union; 0 for empty boxes."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    shared = np.maximum(np.minimum(first[:, None, 2:], second[None, :, 2:]) - low, 0).prod(axis=2)
    union = _area(first)[:, None] + _area(second)[None, :] - shared
    ratio: NDArray[np.float32] = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return ratio


def paired(
    first: Boxes, first_labels: NDArray[np.intp], second: Boxes, second_labels: NDArray[np.intp]
) -> tuple[Indices, Indices]:
    """Indices (i, j) of the boxes that are the same object, each at most once."""
    likeness = overlap(first, second) - OTHER_CLASS * (first_labels[:, None] != second_labels[None, :])
    likeness[likeness < LEAST_OVERLAP] = 0
    i, j = linear_sum_assignment(likeness, maximize=True)
    same = likeness[i, j] > 0
    return i[same], j[same]


def _area(boxes: Boxes) -> NDArray[np.float32]:
    area: NDArray[np.float32] = np.maximum(boxes[:, 2:] - boxes[:, :2], 0).prod(axis=1)
    return area
