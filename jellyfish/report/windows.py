"""Every window of a run boiled down to sums over time: planner time, objective, and what was known of the clients."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jellyfish.report.bins import TimeBins
from jellyfish.report.lines import WindowRow
from jellyfish.report.tally import Names
from jellyfish.results.histogram import DurationHistogram, Percentiles

FIGURES = ("windows", "solve_ms", "accuracy", "mapped", "mappable")


class WindowTally:
    """Counts windows as they are read. `clients` numbers the clients that captured a frame; others are left out."""

    def __init__(self, bins: TimeBins, clients: Names) -> None:
        self.windows = 0
        self.over_time = {name: bins.sums() for name in FIGURES}
        """One row."""
        self.bandwidth_mbps = bins.sums()
        self.bandwidths = bins.sums()
        """Sum and number of the estimates; rows are clients."""
        self._solve = DurationHistogram()
        self._bins, self._clients = bins, clients

    def add(self, windows: Sequence[WindowRow]) -> None:
        """Count windows."""
        if not windows:
            return
        self.windows += len(windows)
        bins = self._bins.place(np.array([window.t_s for window in windows]))
        first = np.zeros_like(bins)
        for name, series in self.over_time.items():
            column = [1 if name == "windows" else getattr(window, name) for window in windows]
            series.add(first, bins, np.array(column, np.float64))
        for window in windows:
            if window.solve_ms is not None and window.solve == "solved":
                self._solve.add(window.solve_ms)
        known = [
            (self._clients[client], place, then.bandwidth_mbps)
            for window, place in zip(windows, bins, strict=True)
            for client, then in window.snapshot.items()
            if then.bandwidth_mbps is not None and client in self._clients
        ]
        rows, places, mbps = (np.array(column) for column in zip(*known, strict=True)) if known else (first[:0],) * 3
        self.bandwidth_mbps.add(rows.astype(np.intp), places.astype(np.intp), mbps)
        self.bandwidths.add(rows.astype(np.intp), places.astype(np.intp), np.ones(len(rows)))

    def solve(self) -> Percentiles | None:
        """Milliseconds that the planner took, over the windows in which it was asked; None without one."""
        return self._solve.percentiles()
