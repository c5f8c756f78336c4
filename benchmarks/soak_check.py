"""Whether a process has grown: pure functions of what was seen of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

MOST_MB_PER_MIN = 0.1
CONFIDENCE = 0.95
BLOCKS = 20
"""Samples are averaged in so many blocks first: neighbours are alike and would make the slope look surer than it is."""


@dataclass(frozen=True)
class Sample:
    """A process at a moment."""

    at_s: float
    rss_mb: float
    descriptors: int
    threads: int
    tasks: int


def slope_mb_per_min(samples: Sequence[Sample]) -> tuple[float, float]:
    """How memory grew over the last two thirds of the time: the slope, and the upper end of its 95 % interval."""
    began_s, ended_s = samples[0].at_s, samples[-1].at_s
    late = [each for each in samples if each.at_s >= began_s + (ended_s - began_s) / 3]
    blocks = np.array_split(np.array([(each.at_s / 60, each.rss_mb) for each in late]), min(BLOCKS, len(late)))
    minutes, megabytes = np.array([block.mean(axis=0) for block in blocks]).T
    fit = stats.linregress(minutes, megabytes)
    reach = stats.t.ppf((1 + CONFIDENCE) / 2, len(blocks) - 2)
    return float(fit.slope), float(fit.slope + reach * fit.stderr)


def failures(first: Sample, samples: Sequence[Sample], last: Sample) -> list[str]:
    """What has grown, in words. `first` and `last`: without any client, before and after; `samples`: those between."""
    found = []
    _, most = slope_mb_per_min(samples)
    if not most <= MOST_MB_PER_MIN:
        found.append(f"memory may grow by {most:.2f} MB a minute, {MOST_MB_PER_MIN:g} at most was wanted")
    for name in ("descriptors", "threads", "tasks"):
        before, after = getattr(first, name), getattr(last, name)
        if after > before:
            found.append(f"{name}: {before} before, {after} after")
    return found
