"""A run over time, as the figures draw it: sums of the bins turned into rates and shares. Pure."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jellyfish.report.bins import Floats, Sums
from jellyfish.report.estimates import AccuracyBasis, accuracy_of
from jellyfish.report.reading import Run
from jellyfish.report.tally import percentiles_ms, sums_of

POINTS = 80
"""Points of time that a figure shows at most."""
LONGEST_BRIDGE = 2.5
"""In usual distances between points: lines are broken where nothing is known for longer."""


class TimeSeries:
    """`run` cut into at most `POINTS` equal steps of time. Values are NaN where nothing happened."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.rows = run.frames.clients.rows
        width_s = run.bins.width_s
        self._used = run.used_bins
        self._starts = np.arange(0, self._used, math.ceil(self._used / POINTS))
        self.edges_s: Floats = np.append(self._starts, self._used) * width_s
        """Borders of the steps: one more than there are steps."""
        self.accuracy: AccuracyBasis = accuracy_of(run)

    @property
    def middles_s(self) -> Floats:
        """The steps' middles."""
        return (self.edges_s[1:] + self.edges_s[:-1]) / 2

    @property
    def seconds(self) -> Floats:
        """The steps' lengths."""
        return np.diff(self.edges_s)

    def attainment(self) -> Floats:
        """(clients, steps) share of the captured frames that were answered on time."""
        return _ratio(self.count("on_time"), self.count("captured"))

    def attainment_of_all(self) -> Floats:
        """(steps,) the same over all clients."""
        return _ratio(self.count("on_time").sum(axis=0), self.count("captured").sum(axis=0))

    def accurate(self) -> Floats:
        """(clients, steps) accuracy of the on-time frames: what it is says `accuracy`."""
        return self._accurate(lambda name: self.count(name))

    def accurate_of_all(self) -> Floats:
        """(steps,) the same over all clients."""
        return self._accurate(lambda name: self.count(name).sum(axis=0))

    def resolution(self) -> Floats:
        """(clients, steps) mean side of the frames sent, in pixels."""
        return _ratio(self.count("pixels"), self.count("sent"))

    def sent_mbps(self) -> Floats:
        """(clients, steps) rate of the frames sent."""
        return self.count("bits") / 1e6 / self.seconds

    def bandwidth_mbps(self) -> Floats:
        """(clients, steps) the uplink as the server estimated it for its plans."""
        windows = self.run.windows
        return _ratio(self._steps(windows.bandwidth_mbps, self.rows), self._steps(windows.bandwidths, self.rows))

    def care(self) -> Floats:
        """(clients, steps) how careful plans were, as learnt."""
        windows = self.run.windows
        return _ratio(self._steps(windows.care, self.rows), self._steps(windows.cares, self.rows))

    def worst_ms(self) -> Floats:
        """(clients, steps) the longest time from capture to answer that plans reckoned with."""
        windows = self.run.windows
        return _ratio(self._steps(windows.worst_ms, self.rows), self._steps(windows.worsts, self.rows))

    def latency_ms(self, share: float) -> Floats:
        """(steps,) percentile (0..1) of the answered frames' end-to-end latency."""
        return percentiles_ms(self._steps(self.run.frames.latency, 1)[0], [share])[..., 0]

    def window(self, name: str) -> Floats:
        """(steps,) mean over the windows of `solve_ms`, `accuracy`, `mapped` or `mappable`."""
        over_time = self.run.windows.over_time
        return _ratio(self._steps(over_time[name], 1)[0], self._steps(over_time["windows"], 1)[0])

    def variants(self) -> Floats:
        """(variants, steps) on-time frames."""
        return self._steps(self.run.frames.variants_over_time, self.run.frames.variants.rows)

    def last_variant(self, row: int) -> NDArray[np.int32]:
        """(steps,) the number of the variant that answered a client last; -1 where there was no answer."""
        values = self.run.frames.last_variant.values
        if row >= len(values):
            return np.full(len(self._starts), -1, np.int32)
        pieces = np.split(values[row, : self._used], self._starts[1:])
        return np.array([next((last for last in piece[::-1] if last >= 0), -1) for piece in pieces], np.int32)

    def count(self, name: str) -> Floats:
        """(clients, steps) sums of what `COUNTS` names."""
        return self._steps(self.run.frames.over_time[name], self.rows)

    def _steps(self, series: Sums, rows: int) -> NDArray[Any]:
        summed: NDArray[Any] = np.add.reduceat(sums_of(series, rows)[:, : self._used], self._starts, axis=1)
        return summed

    def _accurate(self, count: Any) -> Floats:
        if self.accuracy == "top-1":
            return _ratio(count("right"), count("labelled"))
        if self.accuracy == "tables":
            return _ratio(count("expected_f1"), count("labelled"))
        found = 2 * count("tp")
        return _ratio(found, found + count("fp") + count("fn"))


def joined(times: Floats, values: Floats) -> tuple[Floats, Floats]:
    """What is known, for one line: gaps as long as usual are bridged, longer ones (NaN) break it."""
    known = ~np.isnan(values)
    times, values = times[known], values[known]
    gaps = np.diff(times)
    usual = float(np.median(gaps)) if gaps.size else 0.0
    breaks = np.flatnonzero(gaps > LONGEST_BRIDGE * usual) + 1
    return np.insert(times, breaks, times[breaks]), np.insert(values, breaks, np.nan)


def _ratio(one: Floats, other: Floats) -> Floats:
    found: Floats = np.divide(one, other, out=np.full(np.shape(one), np.nan), where=other > 0)
    return found
