"""Sums and last values over time in bounded memory: bins grow twice as wide whenever a run outlasts them. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 256
FIRST_WIDTH_S = 0.25

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


class Sums:
    """Adds up values by row and bin: `values` is (rows, BINS, *tail)."""

    def __init__(self, tail: tuple[int, ...] = (), dtype: Any = np.float64) -> None:
        self.values: NDArray[Any] = np.zeros((0, BINS, *tail), dtype)

    def add(self, rows: Indices, bins: Indices, values: NDArray[Any], *tail: Indices) -> None:
        """Add each of `values` where rows, bins (and further indices) say; NaN adds nothing."""
        if rows.size:
            self.values = _with_rows(self.values, int(rows.max()) + 1, 0)
            places = np.ravel_multi_index((rows, bins, *tail), self.values.shape)
            np.add.at(self.values.reshape(-1), places, np.nan_to_num(values).astype(self.values.dtype))

    def fold(self) -> None:
        """Make each bin twice as wide."""
        values = self.values
        values[:, : BINS // 2] = values[:, ::2] + values[:, 1::2]
        values[:, BINS // 2 :] = 0


class Latest:
    """Keeps the last value by row and bin: `values` is (rows, BINS), -1 where there was none."""

    def __init__(self) -> None:
        self.values: NDArray[np.int32] = np.zeros((0, BINS), np.int32)

    def put(self, rows: Indices, bins: Indices, values: NDArray[np.int32]) -> None:
        """Later values replace earlier ones."""
        if rows.size:
            self.values = _with_rows(self.values, int(rows.max()) + 1, -1)
            self.values[rows, bins] = values

    def fold(self) -> None:
        """Make each bin twice as wide."""
        first, second = self.values[:, ::2], self.values[:, 1::2]
        self.values[:, : BINS // 2] = np.where(second >= 0, second, first)
        self.values[:, BINS // 2 :] = -1


class TimeBins:
    """One scale of time for several series."""

    def __init__(self, origin_s: float = 0.0) -> None:
        """`origin_s`: the moment at which the first bin begins."""
        self.width_s, self.origin_s = FIRST_WIDTH_S, origin_s
        self._series: list[Sums | Latest] = []

    def sums(self, *tail: int, dtype: Any = np.float64) -> Sums:
        """A new series of sums on this scale."""
        series = Sums(tail, dtype)
        self._series.append(series)
        return series

    def latest(self) -> Latest:
        """A new series of last values on this scale."""
        series = Latest()
        self._series.append(series)
        return series

    def place(self, times_s: Floats) -> Indices:
        """The bins of `times_s`; what lies before them is in the first. Series grow coarser as needed."""
        times_s = times_s - self.origin_s
        while times_s.size and times_s.max() >= BINS * self.width_s:
            self.width_s *= 2
            for series in self._series:
                series.fold()
        return np.maximum(times_s // self.width_s, 0).astype(np.intp)


def _with_rows(values: NDArray[Any], rows: int, empty: int) -> NDArray[Any]:
    """`values` with at least so many rows; grows by half again, so that growing stays cheap."""
    missing = rows - len(values)
    if missing <= 0:
        return values
    more = np.full((max(missing, len(values) // 2), *values.shape[1:]), empty, values.dtype)
    return np.concatenate([values, more])
