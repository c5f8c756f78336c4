"""What the planner and the devices did over a run, boiled down for `summary.json`. Pure and streaming."""

from __future__ import annotations

from collections import Counter

import msgspec

from jellyfish.results.histogram import DurationHistogram
from jellyfish.results.units import F1, Count, Frames, Milliseconds, PerMinute, Plain, Share
from jellyfish.results.window_lines import WindowLine, WindowLines


class Durations(msgspec.Struct, frozen=True):
    """Milliseconds by share of the times that something ran."""

    p50: Milliseconds
    """Half of them took no longer."""
    p99: Milliseconds
    """99 in 100 took no longer."""
    max: Milliseconds
    """The longest."""


class PlannerFigures(msgspec.Struct, frozen=True):
    """How often the planner ran and what followed. A duration is None when nothing of the kind happened."""

    solves: Count
    """Windows in which the planner was asked."""
    solve_ms: Durations | None
    """How long answers were waited for."""
    variant_switches: Count
    """How often a device was told to run other variants."""
    switch_ms: Durations | None
    """What telling all concerned of a plan took then."""
    skipped: Count = 0
    """Windows without a solve because nothing had changed."""
    deferred: Count = 0
    """Windows without a solve because planning had had its share of the processor."""
    core_share: Share | None = None
    """Processor time of the solves over the time from the first window to the last."""
    repairs: Count = 0
    """How often the running plan was made to fit."""
    repair_ms: Durations | None = None
    """What a repair took."""
    changes_per_minute: PerMinute | None = None
    """How often a client's variant changed, per client and minute."""
    care: Plain | None = None
    """How careful plans were, as learnt: mean over clients and windows; null where that is not learnt."""
    promised_accuracy: F1 | None = None
    """What plans expected over the clients that could be served: mean over the windows."""


class DeviceFigures(msgspec.Struct, frozen=True):
    """One device over the run."""

    busy_share: Share
    """Of the time of its workers, what they were executing."""
    batches: Count
    """Batches that it ran."""
    mean_batch: Frames
    """Frames in a batch, in the mean."""


class RunningMean:
    """The mean of what is added."""

    def __init__(self) -> None:
        self._sum, self._count = 0.0, 0

    def add(self, value: float) -> None:
        """One more."""
        self._sum, self._count = self._sum + value, self._count + 1

    @property
    def mean(self) -> float | None:
        """None without any."""
        return round(self._sum / self._count, 4) if self._count else None


class HostFigures(msgspec.Struct, frozen=True):
    """The server's own machine over the run: means over the time between its windows, from the first frame on."""

    loop: Share
    """Share of the time that the event loop was occupied: running, or ready and without a processor."""
    decoders: Share
    """Share of the time that the decoders were occupied."""
    work_ms: Milliseconds
    """Processor time of both for a frame."""
    share: Share
    """Of the clients' frames that it was taken to carry."""
    binds: Share
    """Share of the time in which it was what bound: that was not all of them, or it had too much to do."""


class HostTally:
    """Adds up what windows tell of the host."""

    def __init__(self) -> None:
        self._last_s = 0.0
        self._seconds = 0.0
        self._sums = [0.0] * 5

    def window(self, line: WindowLine) -> None:
        """What was measured holds for the time since the window before."""
        span_s, self._last_s = line.t_s - self._last_s, max(0.0, line.t_s)
        if line.host_loop is not None and line.t_s > 0:
            self._seconds += span_s
            measured = line.host_loop, line.host_decoders, line.host_work_ms, line.host_share, line.host_binds
            values = (float(value or 0.0) for value in measured)
            self._sums = [total + span_s * value for total, value in zip(self._sums, values, strict=True)]

    def figures(self) -> HostFigures | None:
        """None where nothing was measured."""
        if not self._seconds:
            return None
        return HostFigures(*(round(total / self._seconds, 4) for total in self._sums))


class PlannerTally:
    """Counts the windows of a run and the switches of variants on its devices."""

    def __init__(self) -> None:
        self._solve = DurationHistogram()
        self._switch = DurationHistogram()
        self._repair = DurationHistogram()
        self._without: Counter[str] = Counter()
        self._cpu_ms = 0.0
        self._changes = 0
        self._client_s = 0.0
        self._cares = RunningMean()
        self._accuracies = RunningMean()
        self._first_s: float | None = None
        self._last_s = 0.0

    def window(self, lines: WindowLines) -> None:
        """Count one window."""
        line = lines.window
        if line.solve == "solved":
            self._solve.add(line.solve_ms)
        else:
            self._without[line.solve] += 1
        if self._first_s is None:
            self._first_s = self._last_s = line.t_s
        self._client_s += (line.t_s - self._last_s) * line.clients
        self._last_s = line.t_s
        self._cpu_ms += line.cpu_ms
        self._changes += line.changes
        self._accuracies.add(line.accuracy)
        for client in lines.clients:
            if client.care is not None:
                self._cares.add(client.care)
        for repair_ms in lines.repairs_ms:
            self._repair.add(repair_ms)

    def switched(self, switch_ms: float) -> None:
        """Count one change of a device's variant, which took so long."""
        self._switch.add(switch_ms)

    def figures(self) -> PlannerFigures:
        """What was counted so far."""
        seconds = self._last_s - (self._first_s or 0.0)
        return PlannerFigures(
            self._solve.count,
            _durations(self._solve),
            self._switch.count,
            _durations(self._switch),
            skipped=self._without["skipped"],
            deferred=self._without["deferred"],
            core_share=round(self._cpu_ms / 1000 / seconds, 4) if seconds > 0 else None,
            repairs=self._repair.count,
            repair_ms=_durations(self._repair),
            changes_per_minute=round(60 * self._changes / self._client_s, 2) if self._client_s > 0 else None,
            care=self._cares.mean,
            promised_accuracy=self._accuracies.mean,
        )


def _durations(histogram: DurationHistogram) -> Durations | None:
    percentiles = histogram.percentiles()
    return None if percentiles is None else Durations(percentiles.p50, percentiles.p99, percentiles.max)
