"""What came of one cell of a matrix, as a value that is kept: counts, accuracy, latencies, causes, seconds. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec
import numpy as np

from jellyfish.core import Outcome
from jellyfish.lab.reproduction.causes import Miss
from jellyfish.lab.reproduction.matrix import Cell
from jellyfish.lab.simulation.scenario import Scenario
from jellyfish.results.records import FrameRecord

MOST_MISSES = 500
"""Missed frames kept one by one, per cell."""
SHARE_EDGES = tuple(round(0.02 * edge, 2) for edge in range(76))
"""Latency as a share of the SLO: bins of 2 %, up to one and a half."""


class MissedFrame(msgspec.Struct, frozen=True, omit_defaults=True):
    """One frame that was not answered on time."""

    client: str
    frame: int
    captured_s: float
    outcome: str
    cause: str
    reason: str | None = None
    resolution: int | None = None


class Seconds(msgspec.Struct, frozen=True):
    """Second by second, over all cameras: means of the frames answered on time, None where there is none."""

    resolution: list[float | None]
    """What the network saw: the smaller of what was sent and what ran, in pixels."""
    f1: list[float | None]
    missed: list[int]
    bandwidth_mbps: list[float | None]
    """Of the cameras' uplinks, mean; None where they are not shaped."""


class CellResult(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the matrix. Rates are shares of 1."""

    cell: Cell
    scenario: Scenario
    frames: int
    outcomes: dict[str, int]
    reasons: dict[str, int]
    causes: dict[str, int]
    """Of all missed frames, see `jellyfish.lab.reproduction.causes`."""
    missed: list[MissedFrame]
    """At most `MOST_MISSES` of them."""
    f1_on_time: float
    """Mean over the frames answered on time of F1 as in the model's table, relative to the largest variant."""
    f1_offered: float
    """The same over all captured frames, a missed one counting 0."""
    shares: list[int]
    """Answered frames by latency as a share of the SLO, in bins between `SHARE_EDGES`; the last one holds the rest."""
    seconds: Seconds
    fingerprint: str = ""
    """Of what was run, so that a result is not taken for that of something else."""

    @property
    def miss_rate(self) -> float:
        """Captured frames without an answer on time; stricter than the published rate."""
        return 1 - self.outcomes.get("on_time", 0) / self.frames

    @property
    def published_miss_rate(self) -> float:
        """(late + dropped) / sent, as published; lost frames count as late."""
        sent = self.frames - self.outcomes.get("skipped", 0)
        return 1 - self.outcomes.get("on_time", 0) / sent if sent else 0.0


def summed_up(
    cell: Cell,
    scenario: Scenario,
    records: Sequence[FrameRecord],
    misses: Sequence[Miss],
    bandwidth_mbps: Sequence[float | None],
) -> CellResult:
    """`bandwidth_mbps`: second by second."""
    f1 = [record.expected_f1 or 0.0 for record in records if record.outcome is Outcome.ON_TIME]
    shares = [record.e2e_ms / record.slo_ms for record in records if record.e2e_ms is not None]
    edges = np.array([*SHARE_EDGES, np.inf])
    return CellResult(
        cell=cell,
        scenario=scenario,
        frames=len(records),
        outcomes=dict(Counter(record.outcome.value for record in records)),
        reasons=dict(Counter(record.reason.value for record in records if record.reason is not None)),
        causes=dict(Counter(miss.cause.value for miss in misses)),
        missed=[_missed(miss) for miss in misses[:MOST_MISSES]],
        f1_on_time=sum(f1) / len(f1) if f1 else 0.0,
        f1_offered=sum(f1) / len(records),
        shares=np.histogram(shares, edges)[0].tolist(),
        seconds=_seconds(records, bandwidth_mbps),
    )


def _missed(miss: Miss) -> MissedFrame:
    record = miss.record
    reason = None if record.reason is None else record.reason.value
    return MissedFrame(
        record.client,
        record.frame,
        record.captured_s,
        record.outcome.value,
        miss.cause.value,
        reason,
        record.resolution,
    )


def _seconds(records: Sequence[FrameRecord], bandwidth_mbps: Sequence[float | None]) -> Seconds:
    count = len(bandwidth_mbps)
    sizes: list[list[int]] = [[] for _ in range(count)]
    f1: list[list[float]] = [[] for _ in range(count)]
    missed = [0] * count
    for record in records:
        second = min(int(record.captured_s), count - 1)
        if record.outcome is not Outcome.ON_TIME:
            missed[second] += 1
        elif record.variant is not None and record.resolution is not None:
            ran = int(record.variant.rpartition("-")[2])
            sizes[second].append(min(ran, record.resolution))
            f1[second].append(record.expected_f1 or 0.0)
    return Seconds(_means(sizes, 1), _means(f1, 4), missed, list(bandwidth_mbps))


def _means(values: Sequence[Sequence[float]], digits: int) -> list[float | None]:
    return [round(sum(each) / len(each), digits) if each else None for each in values]
