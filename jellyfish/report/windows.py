"""Every window of a run boiled down to sums over time: planner time, objective, and what was known of the clients."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from jellyfish.report.bins import Sums, TimeBins
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
        at = list(zip(windows, bins.tolist(), strict=True))
        seen = [(each, place, then) for window, place in at for each, then in window.snapshot.items()]
        planned = [(each, place, then) for window, place in at for each, then in window.plan.clients.items()]
        self._enter(
            self.bandwidth_mbps, self.bandwidths, [(each, place, then.bandwidth_mbps) for each, place, then in seen]
        )
        self._enter(self.care, self.cares, [(each, place, then.care) for each, place, then in seen])
        self._enter(self.worst_ms, self.worsts, [(each, place, then.worst_ms) for each, place, then in planned])

    def _enter(self, sums: Sums, counts: Sums, values: Iterable[tuple[str, int, float | None]]) -> None:
        """Add what is known of known clients: (client, bin, value)."""
        known = [
            (self._clients[client], place, value)
            for client, place, value in values
            if value is not None and client in self._clients
        ]
        if known:
            rows, places, found = (np.array(column) for column in zip(*known, strict=True))
            sums.add(rows.astype(np.intp), places.astype(np.intp), found)
            counts.add(rows.astype(np.intp), places.astype(np.intp), np.ones(len(rows)))

    def solve(self) -> Percentiles | None:
        """Milliseconds that the planner took, over the windows in which it was asked; None without one."""
        return self._solve.percentiles()
