"""What a device's cloud was good for: figures for `summary.json`. Pure; memory is bounded."""

from __future__ import annotations

from collections import Counter

import msgspec

from jellyfish.results.histogram import DurationHistogram, Percentiles
from jellyfish.results.records import FrameRecord
from jellyfish.results.units import F1, Bytes, Count, Kbps, Share


class FusionF1(msgspec.Struct, frozen=True):
    """F1 at IoU 0.5, of classifiers top-1: the share of the frames with an object whose class was told; null where
    nothing was labelled."""

    local: F1 | None
    """The small network alone."""
    cloud_instant: F1 | None
    """The large one alone, as if its answers took no time: over the frames that it answered."""
    cloud_arrived: F1 | None
    """The large one alone, each frame answered with its newest answer at hand."""
    fused: F1 | None
    """The device's answers, with what the cloud said by then."""


class Lag(msgspec.Struct, frozen=True):
    """Frames from the one that was asked about to the one that the answer was first used for."""

    p50: Count
    """Half of the answers took no longer."""
    p95: Count
    """95 in 100 took no longer."""
    max: Count
    """The longest."""


class FusionFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One device's account with the cloud. Shares are of the captured frames."""

    sent: Count
    """Frames that went to the cloud."""
    sent_share: Share
    """Of the captured frames."""
    bytes: Bytes
    """All that they took on the uplink."""
    kbps: Kbps
    """The same over the run."""
    fates: dict[str, Count]
    """How frames that were offered ended: the words of `cloud` in `frames.jsonl`."""
    lag_frames: Lag | None
    """In frames: how late the answers that were used came."""
    cloud_ms: Percentiles | None
    """From capture to the cloud's answer."""
    f1: FusionF1
    """What each side found, and both together."""


class FusionTally:
    """Takes one device's records one by one."""

    def __init__(self) -> None:
        self._frames, self._sent, self._bytes = 0, 0, 0
        self._fates: Counter[str] = Counter()
        self._lags: Counter[int] = Counter()
        self._cloud_ms = DurationHistogram()

    def add(self, record: FrameRecord) -> None:
        """Count one captured frame."""
        self._frames += 1
        if record.bytes is not None:
            self._sent += 1
            self._bytes += record.bytes
        if record.cloud is not None:
            self._fates[record.cloud] += 1
        if record.cloud_lag is not None:
            self._lags[record.cloud_lag] += 1
        if record.cloud_ms is not None:
            self._cloud_ms.add(record.cloud_ms)

    def figures(self, duration_s: float, f1: FusionF1) -> FusionFigures:
        """Those of a run of `duration_s`."""
        return FusionFigures(
            sent=self._sent,
            sent_share=round(self._sent / self._frames, 4) if self._frames else 0.0,
            bytes=self._bytes,
            kbps=round(8 * self._bytes / duration_s / 1000, 1) if duration_s else 0.0,
            fates=dict(self._fates.most_common()),
            lag_frames=self._lag(),
            cloud_ms=self._cloud_ms.percentiles(),
            f1=f1,
        )

    def _lag(self) -> Lag | None:
        ordered = sorted(self._lags.elements())
        if not ordered:
            return None
        return Lag(ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, len(ordered) * 95 // 100)], ordered[-1])
