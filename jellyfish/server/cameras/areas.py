"""Parts of a frame, and what is in them. Pure."""

from __future__ import annotations

from itertools import pairwise

from jellyfish.config import Polygon


class Area:
    """A polygon's inside and its border, in shares of the frame. One that crosses itself is in and out by turns."""

    def __init__(self, polygon: Polygon) -> None:
        self._edges = tuple((*start, *end) for start, end in pairwise((*polygon, polygon[0])))
        across, down = zip(*polygon, strict=True)
        self._left, self._right, self._top, self._bottom = min(across), max(across), min(down), max(down)

    def __contains__(self, place: tuple[float, float]) -> bool:
        """Whether (x, y) is in it: a line from there to the right leaves it an odd number of times."""
        x, y = place
        if not (self._left <= x <= self._right and self._top <= y <= self._bottom):
            return False
        inside = False
        for x0, y0, x1, y1 in self._edges:
            turn = (x - x0) * (y1 - y0) - (y - y0) * (x1 - x0)
            if turn == 0 and min(x0, x1) <= x <= max(x0, x1) and min(y0, y1) <= y <= max(y0, y1):
                return True
            if (y0 > y) != (y1 > y) and (turn < 0) == (y1 > y0):
                inside = not inside
        return inside


def surface(polygon: Polygon) -> float:
    """Share of the frame that a polygon encloses; where it crosses itself, what is left of it."""
    return abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairwise((*polygon, polygon[0])))) / 2
