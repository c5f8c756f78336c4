"""Every window of a run boiled down to sums over time: planner time, objective, and what was known of the clients."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jellyfish.report.bins import Indices, Sums, TimeBins
from jellyfish.report.lines import ClientRow, WindowRow
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
        self.care, self.cares = bins.sums(), bins.sums()
        """The same of how careful plans were."""
        self.worst_ms, self.worsts = bins.sums(), bins.sums()
        """The same of the longest time that plans reckoned with."""
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

    def add_clients(self, lines: Sequence[ClientRow]) -> None:
        """Add what was known of clients, and promised to them."""
        known = [line for line in lines if line.client in self._clients]
        if not known:
            return
        bins = self._bins.place(np.array([line.t_s for line in known]))
        rows = np.array([self._clients[line.client] for line in known], np.intp)
        self._enter(self.bandwidth_mbps, self.bandwidths, rows, bins, [line.bandwidth_mbps for line in known])
        self._enter(self.care, self.cares, rows, bins, [line.care for line in known])
        self._enter(self.worst_ms, self.worsts, rows, bins, [line.worst_ms for line in known])

    @staticmethod
    def _enter(sums: Sums, counts: Sums, rows: Indices, bins: Indices, values: Sequence[float | None]) -> None:
        found = np.array(values, np.float64)
        known = ~np.isnan(found)
        sums.add(rows[known], bins[known], found[known])
        counts.add(rows[known], bins[known], np.ones(int(known.sum())))

    def solve(self) -> Percentiles | None:
        """Milliseconds that the planner took, over the windows in which it was asked; None without one."""
        return self._solve.percentiles()
