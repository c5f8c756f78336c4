"""What a trace is like, in numbers. Pure; knows nothing of files or of how a trace was made.

All but outages are figures of the means over whole seconds, so that traces of different resolution compare.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jellyfish.link.trace import MEGABIT, BandwidthTrace

LOW_MBPS = 5.0
"""Below this a frame of a few tens of kilobytes takes most of a deadline."""
OUTAGE_MBPS = 0.1
"""A link slower than this is down: one small frame would take a second."""


@dataclass(frozen=True, slots=True)
class TraceStatistics:
    """Rates in Mbit/s; `percentiles_mbps` by percent."""

    duration_s: float
    mean_mbps: float
    variation: float
    """Coefficient of variation: standard deviation over mean."""
    autocorrelation: float | None
    """Of one second with the next; None for less than three seconds or a rate that never changes."""
    percentiles_mbps: dict[int, float]
    low_share: float
    """Share of the seconds below `LOW_MBPS`."""
    longest_outage_s: float
    """The longest time in a row below `OUTAGE_MBPS`; an outage is not continued from the trace's end to its start."""
    outages: int


def statistics_of(trace: BandwidthTrace) -> TraceStatistics:
    """The statistics of one round of `trace`."""
    mbps = per_second(trace)
    outages = _outages_s(trace)
    return TraceStatistics(
        duration_s=trace.duration_s,
        mean_mbps=float(mbps.mean()),
        variation=variation(mbps),
        autocorrelation=autocorrelation(mbps),
        percentiles_mbps={percent: float(np.percentile(mbps, percent)) for percent in (0, 5, 25, 50, 75, 95, 100)},
        low_share=float((mbps < LOW_MBPS).mean()),
        longest_outage_s=max(outages, default=0.0),
        outages=len(outages),
    )


def per_second(trace: BandwidthTrace) -> NDArray[np.float64]:
    """[seconds] mean rate in Mbit/s of each whole second of a round; one value for a trace of less than a second."""
    edges_s = np.array((*trace.times_s, trace.duration_s))
    carried = np.concatenate(([0.0], np.cumsum(np.diff(edges_s) * trace.bits_per_s)))
    if trace.duration_s < 1:
        return np.array([carried[-1] / trace.duration_s / MEGABIT])
    grid_s = np.arange(np.floor(trace.duration_s + 1e-6) + 1)
    return np.diff(np.interp(grid_s, edges_s, carried)) / MEGABIT


def variation(mbps: NDArray[np.float64]) -> float:
    """Standard deviation over mean; 0 where the mean is."""
    return float(mbps.std() / mbps.mean()) if mbps.any() else 0.0


def autocorrelation(mbps: NDArray[np.float64]) -> float | None:
    """Correlation of one value with the next; None where there is none."""
    if len(mbps) < 3 or np.ptp(mbps[:-1]) == 0 or np.ptp(mbps[1:]) == 0:
        return None
    return float(np.corrcoef(mbps[:-1], mbps[1:])[0, 1])


def _outages_s(trace: BandwidthTrace) -> list[float]:
    """Lengths of the times in a row in which the link is down."""
    edges_s = itertools.pairwise((*trace.times_s, trace.duration_s))
    pieces = zip(edges_s, trace.bits_per_s, strict=True)
    runs = itertools.groupby(pieces, key=lambda piece: piece[1] < OUTAGE_MBPS * MEGABIT)
    return [sum(end_s - begin_s for (begin_s, end_s), _ in run) for down, run in runs if down]
