"""Parts of a frame, and what is in them. Pure.

All of a camera's polygons are held against all places at once: that takes as long for many corners as for few, and the
event loop waits for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from jellyfish.config import Polygon


class Areas:
    """Insides and borders of some polygons, in shares of the frame. What crosses itself is in and out by turns."""

    def __init__(self, polygons: Sequence[Polygon]) -> None:
        self._starts = np.cumsum([0, *map(len, polygons[:-1])])
        edges = [(*start, *end) for polygon in polygons for start, end in pairwise((*polygon, polygon[0]))]
        self._x0, self._y0, self._x1, self._y1 = np.array(edges, float).T
        self._wide, self._high = self._x1 - self._x0, self._y1 - self._y0
        self._left, self._right = np.minimum(self._x0, self._x1), np.maximum(self._x0, self._x1)
        self._top, self._bottom = np.minimum(self._y0, self._y1), np.maximum(self._y0, self._y1)
        self._down = self._high > 0

    def around(self, places: Sequence[tuple[float, float]]) -> NDArray[np.bool_]:
        """[places, polygons]: whether each place (x, y) is in each of them.

        A line from there to the right leaves what it is in an odd number of times.
        """
        at = np.array(places, float)
        x, y = at[:, :1], at[:, 1:]
        turn = (x - self._x0) * self._high - (y - self._y0) * self._wide
        crossed = ((self._y0 > y) != (self._y1 > y)) & ((turn < 0) == self._down)
        inside: NDArray[np.bool_] = np.logical_xor.reduceat(crossed, self._starts, axis=1)
        in_line = turn == 0
        if in_line.any():
            within = (self._left <= x) & (x <= self._right) & (self._top <= y) & (y <= self._bottom)
            inside |= np.logical_or.reduceat(in_line & within, self._starts, axis=1)
        return inside


def surface(polygon: Polygon) -> float:
    """Share of the frame that a polygon encloses; where it crosses itself, what is left of it."""
    return abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairwise((*polygon, polygon[0])))) / 2
