"""Headline figures of runs, with 95 % intervals. Pure.

Frames that follow one another share their network and queue, so single frames say less than their number
promises: runs are resampled in blocks of time (the block bootstrap; Künsch, Annals of Statistics 17, 1989).
Where at least `FEWEST_SEEDS` runs differ by their seed alone, the spread between seeds is used (Student's t).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from jellyfish.report.bins import Floats
from jellyfish.report.reading import Run
from jellyfish.report.tally import COUNTS, percentiles_ms, sums_of

REPLICATES = 1000
FEWEST_SEEDS = 3
FEWEST_BLOCKS = 10
MOST_BLOCKS = 48
SHORTEST_BLOCK_S = 0.5

AccuracyBasis = Literal["measured", "tables", "top-1", "unknown"]
"""What accuracy is: F1 measured on labelled frames, the variants' as measured elsewhere (simulations), the share of
right first guesses of a classifier, or not known."""


MEASURES: dict[AccuracyBasis, str] = {"measured": "F1", "tables": "F1", "top-1": "Top-1", "unknown": "Accuracy"}
"""What accuracy is called."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A headline figure. `scale` and `digits` make what is shown of it."""

    name: str
    unit: str
    lower_is_better: bool
    scale: float = 1.0
    digits: int = 1


F1_METRICS, TOP1_METRICS = ("f1_on_time", "f1_captured"), ("top1_on_time", "top1_captured")
METRICS = {
    "miss_rate": Metric("Miss rate", "%", True, 100.0, 2),
    "goodput": Metric("Goodput", "frames/s", False),
    "f1_on_time": Metric("F1 of on-time frames", "", False, digits=3),
    "f1_captured": Metric("F1 of all captured frames", "", False, digits=3),
    "top1_on_time": Metric("Top-1 of on-time frames", "", False, digits=3),
    "top1_captured": Metric("Top-1 of all captured frames", "", False, digits=3),
    "p50": Metric("Latency p50", "ms", True),
    "p95": Metric("Latency p95", "ms", True),
    "p99": Metric("Latency p99", "ms", True),
}


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value (NaN where there is none) and its 95 % interval; None where the runs do not tell one."""

    value: float
    interval: tuple[float, float] | None

    @property
    def is_clear(self) -> bool:
        """For a difference: whether its interval leaves 0 out."""
        return self.interval is not None and not self.interval[0] <= 0 <= self.interval[1]


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """Runs cut into blocks of time: what was counted in each."""

    counts: Floats
    """(blocks, len(COUNTS) + 1): the last column is the blocks' seconds."""
    latency: NDArray[Any]
    """(blocks, bins of latency): answered frames."""
    accuracy: AccuracyBasis


@dataclass(frozen=True, slots=True, eq=False)
class RunGroup:
    """Runs that are one thing to compare: a single run, or several that differ by their seed alone."""

    label: str
    runs: tuple[Run, ...]

    @property
    def by_seed(self) -> bool:
        """Whether intervals are of the spread between seeds."""
        return len(self.runs) >= FEWEST_SEEDS

    @property
    def accuracy(self) -> AccuracyBasis:
        """What accuracy is in all of these runs."""
        kinds = {accuracy_of(run) for run in self.runs}
        return kinds.pop() if len(kinds) == 1 else "unknown"

    @property
    def median_run(self) -> Run:
        """The run whose miss rate is the middle one: shown where one must stand for all."""
        ordered = sorted(self.runs, key=lambda run: figures([run])["miss_rate"])
        return ordered[(len(ordered) - 1) // 2]


def accuracy_of(run: Run) -> AccuracyBasis:
    """What accuracy is in `run`."""
    asked = ("tp", "fn", "missed_objects", "expected_f1", "guesses")
    totals = {name: run.frames.over_time[name].values.sum() for name in asked}
    if totals["guesses"] > 0:
        return "top-1"
    if totals["expected_f1"] > 0:
        return "tables"
    return "measured" if totals["tp"] + totals["fn"] + totals["missed_objects"] > 0 else "unknown"


def blocks_of(runs: Sequence[Run]) -> Blocks:
    """All blocks of `runs`, one run after the other."""
    parts = [_blocks_of_one(run) for run in runs]
    kinds = {accuracy for _, _, accuracy in parts}
    return Blocks(
        np.concatenate([counts for counts, _, _ in parts]),
        np.concatenate([latency for _, latency, _ in parts]),
        kinds.pop() if len(kinds) == 1 else "unknown",
    )


def figures(runs: Sequence[Run]) -> dict[str, float]:
    """The metrics over all frames of `runs`; NaN where there is nothing to tell."""
    blocks = blocks_of(runs)
    values = _evaluate(np.ones((1, len(blocks.counts))), blocks)[0]
    return dict(zip(METRICS, values.tolist(), strict=True))


def estimates(group: RunGroup) -> dict[str, Estimate]:
    """The metrics of `group`: of all its frames, or the mean over its seeds."""
    if group.by_seed:
        table = _by_run(group)
        return _named(
            [_not_negative(_t_interval(column.mean(), _error(column), len(column) - 1)) for column in table.T]
        )
    return _named(_bootstrap(figures(group.runs), _replicates(blocks_of(group.runs), 0)))


def differences(base: RunGroup, other: RunGroup) -> dict[str, Estimate]:
    """`other` minus `base`. Runs of the same seeds and clients are compared seed by seed, or block by block.

    NaN for what is not the same thing on both sides: F1 as measured, and F1 out of tables.
    """
    found = _differences(base, other)
    if base.accuracy != other.accuracy:
        found |= dict.fromkeys(F1_METRICS, Estimate(math.nan, None))
    return found


def _differences(base: RunGroup, other: RunGroup) -> dict[str, Estimate]:
    paired = alike(base, other)
    if base.by_seed and other.by_seed:
        return _seed_differences(_by_run(base), _by_run(other), paired)
    one, two = figures(base.runs), figures(other.runs)
    blocks, others = blocks_of(base.runs), blocks_of(other.runs)
    paired = paired and len(blocks.counts) == len(others.counts)
    replicates = _replicates(others, 0 if paired else 1) - _replicates(blocks, 0)
    return _named(_bootstrap({key: two[key] - one[key] for key in METRICS}, replicates))


def alike(base: RunGroup, other: RunGroup) -> bool:
    """The same seeds, clients and durations: what befell one befell the other at the same time."""
    one, two = (
        sorted((run.seed or 0, run.duration_s, sorted(run.frames.clients)) for run in group.runs)
        for group in (base, other)
    )
    return one == two


def _blocks_of_one(run: Run) -> tuple[Floats, NDArray[Any], AccuracyBasis]:
    width_s = run.bins.width_s
    used = run.used_bins
    size = max(math.ceil(used / MOST_BLOCKS), math.ceil(SHORTEST_BLOCK_S / width_s))
    starts = np.arange(0, used, size)
    columns = [run.frames.over_time[name].values.sum(axis=0) for name in COUNTS]
    seconds = np.clip(run.duration_s - width_s * np.arange(len(columns[0])), 0, width_s)
    counts = np.add.reduceat(np.stack([*columns, seconds], axis=-1), starts, axis=0)
    return counts, np.add.reduceat(sums_of(run.frames.latency, 1)[0], starts, axis=0), accuracy_of(run)


def _evaluate(weights: Floats, blocks: Blocks) -> Floats:
    """(resamplings, metrics) of blocks weighted by (resamplings, blocks)."""
    totals = weights @ blocks.counts
    of = dict(zip((*COUNTS, "seconds"), totals.T, strict=True))
    latency = percentiles_ms(weights @ blocks.latency, (0.5, 0.95, 0.99))
    with np.errstate(divide="ignore", invalid="ignore"):
        missed = 1 - of["on_time"] / of["captured"]
        return np.stack([missed, of["on_time"] / of["seconds"], *_accuracy(of, blocks.accuracy), *latency.T], axis=-1)


def _accuracy(of: dict[str, Floats], kind: AccuracyBasis) -> list[Floats]:
    """F1 of the on-time and of all captured frames, then top-1 of them; NaN for what it is not."""
    found, wrong = 2 * of["tp"], of["fp"] + of["fn"]
    known = {
        "tables": (of["expected_f1"] / of["labelled"], of["expected_f1"] / of["captured"]),
        "measured": (found / (found + wrong), found / (found + wrong + of["missed_objects"])),
        "top-1": (of["right"] / of["labelled"], of["right"] / of["guesses"]),
    }
    none = np.full_like(found, np.nan, dtype=np.float64)
    told = known.get(kind, (none, none))
    return [none, none, *told] if kind == "top-1" else [*told, none, none]


def metrics_of(found: Sequence[Mapping[str, Estimate]]) -> dict[str, Metric]:
    """Those to show of several groups: of the kinds of accuracy the ones that there are, F1 where there is none."""
    some = [key for key in F1_METRICS + TOP1_METRICS if any(not math.isnan(one[key].value) for one in found)]
    left_out = {*F1_METRICS, *TOP1_METRICS} - set(some or F1_METRICS)
    return {key: metric for key, metric in METRICS.items() if key not in left_out}


def _replicates(blocks: Blocks, seed: int) -> Floats:
    """(REPLICATES, metrics) of blocks drawn with replacement; the same draws for the same seed and number of blocks."""
    count = len(blocks.counts)
    weights = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=REPLICATES)
    if count < FEWEST_BLOCKS:
        return np.full((REPLICATES, len(METRICS)), np.nan)
    return _evaluate(weights.astype(np.float64), blocks)


def _bootstrap(values: dict[str, float], replicates: Floats) -> list[Estimate]:
    """Percentile intervals. Replicates that all are the same, as where no frame missed, tell none."""
    found = []
    for value, column in zip(values.values(), replicates.T, strict=True):
        column = column[~np.isnan(column)]
        told = column.size > 0 and np.ptp(column) > 0
        low, high = np.quantile(column, (0.025, 0.975)) if told else (math.nan, math.nan)
        found.append(Estimate(value, (float(low), float(high)) if told else None))
    return found


def _by_run(group: RunGroup) -> Floats:
    """(runs, metrics), in the order of the seeds."""
    runs = sorted(group.runs, key=lambda run: run.seed or 0)
    return np.array([list(figures([run]).values()) for run in runs])


def _seed_differences(base: Floats, other: Floats, paired: bool) -> dict[str, Estimate]:
    """By Student's t on pairs, else by Welch's."""
    found = []
    for one, two in zip(base.T, other.T, strict=True):
        difference = float(two.mean() - one.mean())
        if paired:
            found.append(_t_interval(difference, _error(two - one), len(one) - 1))
            continue
        a, b = _error(one) ** 2, _error(two) ** 2
        freedom = (a + b) ** 2 / max(a**2 / (len(one) - 1) + b**2 / (len(two) - 1), 1e-300)
        found.append(_t_interval(difference, math.sqrt(a + b), freedom))
    return _named(found)


def _error(column: Floats) -> float:
    """Standard error of the mean."""
    return float(column.std(ddof=1) / math.sqrt(len(column)))


def _t_interval(value: float, error: float, freedom: float) -> Estimate:
    if not error > 0:
        return Estimate(float(value), None)
    margin = _t_quantile(freedom) * error
    return Estimate(float(value), (float(value - margin), float(value + margin)))


def _not_negative(estimate: Estimate) -> Estimate:
    """No metric is below 0, whatever the symmetric interval of a few seeds says."""
    if estimate.interval is None:
        return estimate
    return Estimate(estimate.value, (max(0.0, estimate.interval[0]), estimate.interval[1]))


@functools.cache
def _t_quantile(freedom: float) -> float:
    return float(stdtrit(freedom, 0.975))


def _named(found: Sequence[Estimate]) -> dict[str, Estimate]:
    return dict(zip(METRICS, found, strict=True))
