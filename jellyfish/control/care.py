"""How careful plans are: one number, and what it makes of each thing that a planner is told. Pure arithmetic.

At care 0 a planner is told what is usual, means and medians, as published (Jellyfish, RTSS 2022). At 1 a batch takes
its 99th percentile, for nothing can be done once it runs; a frame on the network takes one standard deviation longer
than expected, for clients send smaller frames when the uplink gets slower before the next plan; and a bandwidth that
has just fallen is known to have fallen. Between and beyond, the distances are so many times as large. More care never
makes a budget larger or a device quicker.
"""

from __future__ import annotations

import math


def batch_s(care: float, p50_s: float, p99_s: float) -> float:
    """Seconds that a batch is planned with: its median at care 0, its 99th percentile at 1, log-normal beyond."""
    return p50_s * math.pow(max(1.0, p99_s / p50_s), care)


def bandwidth_bps(care: float, steady_bps: float, newest_bps: float, log_deviation: float) -> float:
    """Bandwidth that is planned with: a quantile of what the next frames may get.

    `steady_bps` is the mean over the last second, `newest_bps` the quick estimate, `log_deviation` the standard
    deviation by which the logarithm of a frame's network time misses its expectation. At care 1 about one frame in
    six takes longer than is planned for.
    """
    fallen = min(newest_bps / steady_bps, 1.0)
    return steady_bps * math.pow(fallen, min(care, 1.0)) * math.exp(-care * log_deviation)


def overhead_s(care: float, expected_s: float, deviation_s: float) -> float:
    """Overhead that is planned with."""
    return expected_s + care * deviation_s
