"""What the planner and the devices did over a run, boiled down for `summary.json`. Pure and streaming."""

from __future__ import annotations

import msgspec

from jellyfish.results.histogram import DurationHistogram
from jellyfish.results.records import WindowLine


class Durations(msgspec.Struct, frozen=True):
    """Milliseconds by share of the times that something ran."""

    p50: float
    p99: float
    max: float


class PlannerFigures(msgspec.Struct, frozen=True):
    """How often the planner ran and what followed. A duration is None when nothing of the kind happened."""

    solves: int
    solve_ms: Durations | None
    variant_switches: int
    switch_ms: Durations | None


class DeviceFigures(msgspec.Struct, frozen=True):
    """One device over the run: share of the time that it was executing, batches, frames per batch."""

    busy_share: float
    batches: int
    mean_batch: float


class PlannerTally:
    """Counts the windows of a run and the switches of variants on its devices."""

    def __init__(self) -> None:
        self._solve = DurationHistogram()
        self._switch = DurationHistogram()

    def solved(self, line: WindowLine) -> None:
        """Count one window."""
        self._solve.add(line.solve_ms)

    def switched(self, switch_ms: float) -> None:
        """Count one change of a device's variant, which took so long."""
        self._switch.add(switch_ms)

    def figures(self) -> PlannerFigures:
        """What was counted so far."""
        return PlannerFigures(self._solve.count, _durations(self._solve), self._switch.count, _durations(self._switch))


def _durations(histogram: DurationHistogram) -> Durations | None:
    percentiles = histogram.percentiles()
    return None if percentiles is None else Durations(percentiles.p50, percentiles.p99, percentiles.max)
