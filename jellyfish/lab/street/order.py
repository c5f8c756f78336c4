"""Who is painted before whom. Knows places and image areas, not what is painted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jellyfish.lab.street.drawers import Area, Placement

RIDER_LEAD_M = 0.05
"""How much nearer than its cycle a rider counts."""


def drawing_order(placements: Sequence[Placement], areas: Sequence[Area], eye: tuple[float, float]) -> list[int]:
    """Indexes of the placements from back to front, for a viewer at `eye` (x, y).

    A body is painted after all those behind it whose image areas touch its own; among the free ones the farthest goes
    first. Should bodies overlap in a circle, the farthest of the rest breaks it.
    """
    if not placements:
        return []
    place = np.array([(p.x, p.y) for p in placements]) - eye
    lead = np.array([RIDER_LEAD_M * p.rides for p in placements])
    away = np.hypot(place[:, 0], place[:, 1]) - lead
    blocked_by = _in_front(placements, place, lead) & _touching(areas)
    blockers = blocked_by.sum(axis=1)
    order: list[int] = []
    for _ in placements:
        free = blockers == 0
        index = int(np.argmax(np.where(free, away, -1.0) if free.any() else away))
        order.append(index)
        blockers = blockers - blocked_by[:, index]
        blockers[index] = len(placements)
        away[index] = -2.0
    return order


def _in_front(
    placements: Sequence[Placement], place: NDArray[np.float64], lead: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Matrix [n, n]: whether the row's body is nearer to the viewer (at the origin) than the column's.

    Of two bodies the nearer is the one on the viewer's side of the line between their closest points. The longer body
    counts as the segment along its middle, the other as a point.
    """
    ahead = np.array([(p.ahead_x, p.ahead_y) for p in placements])
    half = np.array([max(0.0, (p.body.length_m - p.body.width_m) / 2) for p in placements])
    offset = place[None, :] - place[:, None]
    along = np.clip(np.einsum("ijk,ik->ij", offset, ahead), -half[:, None], half[:, None])
    closest = place[:, None] + along[..., None] * ahead[:, None]
    own = np.hypot(closest[..., 0], closest[..., 1]) - lead[:, None]
    other = np.hypot(place[:, 0], place[:, 1]) - lead
    before = own < other[None, :]
    longer = (half[:, None] > half[None, :]) | ((half[:, None] == half[None, :]) & np.tri(len(half), dtype=bool))
    front: NDArray[np.bool_] = np.where(longer, before, ~before.T)
    np.fill_diagonal(front, False)
    return front


def _touching(areas: Sequence[Area]) -> NDArray[np.bool_]:
    """Matrix [n, n]: whether two image areas overlap."""
    left, top, right, bottom = np.array(areas).T
    across = (left[:, None] < right[None, :]) & (left[None, :] < right[:, None])
    down = (top[:, None] < bottom[None, :]) & (top[None, :] < bottom[:, None])
    both: NDArray[np.bool_] = across & down
    return both
