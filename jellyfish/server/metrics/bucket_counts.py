"""Counts of what falls between fixed edges: a histogram as Prometheus has it. Pure."""

from __future__ import annotations

import itertools
from bisect import bisect_left


class BucketCounts:
    """How many values were at most each edge. One bucket more holds those above all of them."""

    __slots__ = ("_edges", "counts", "total")

    def __init__(self, edges: tuple[float, ...]) -> None:
        self._edges = edges
        self.counts = [0] * (len(edges) + 1)
        """By bucket, each on its own."""
        self.total = 0.0
        """Sum of the values."""

    def add(self, value: float, times: int = 1) -> None:
        """Count a value; one that is an edge belongs below it."""
        self.counts[bisect_left(self._edges, value)] += times
        self.total += value * times

    def cumulative(self) -> list[tuple[str, int]]:
        """(upper edge, values up to there), the last edge being `+Inf`."""
        edges = (*map(repr, map(float, self._edges)), "+Inf")
        return list(zip(edges, itertools.accumulate(self.counts), strict=True))
