"""Every frame of a run boiled down to counts, histograms and sums over time. Pure; memory grows with clients only.

Durations have the bins of `jellyfish.results.histogram`, so that percentiles are those of `summary.json`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jellyfish.core import Outcome
from jellyfish.report.bins import Floats, Indices, Sums, TimeBins
from jellyfish.report.lines import FrameRow
from jellyfish.results.histogram import LAST_BIN, LEAST_MS, STEP

MOST_CLIENTS = 2048
"""Clients told apart; the frames of any further ones are counted together as one."""
MOST_VARIANTS = 64
MOST_WORDS = 64
MOST_DEADLINES = 16
OTHERS = "others"
DURATION_BINS = LAST_BIN + 2
"""One for all that is shorter than `LEAST_MS`, then those of the histogram."""

PARTS = ("wait_ms", "uplink_ms", "queue_ms", "execute_ms", "downlink_ms")
COUNTS = (
    *("captured", "on_time", "labelled", "expected_f1", "tp", "fp", "fn", "missed_objects"),
    *("right", "guesses", "sent", "pixels", "bits"),
)
"""What is summed up per client and bin. tp, fp, fn, expected_f1, `right` (classes guessed) are of on-time frames,
`labelled` are the on-time frames with any of them; missed_objects are of all others; `guesses` are all frames in which
there was a class to be guessed; pixels are the sides of the `sent` frames."""

_columns = attrgetter(
    "captured_s", "frames",
    "resolution", "bytes", "tp", "fp", "fn", "expected_f1", "class_right", "slo_ms", "e2e_ms", *PARTS
)  # fmt: skip


class Names(dict[str, int]):
    """Numbers for names in the order of their coming. From `most` on they share the last number, called `OTHERS`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._shared = False

    @property
    def rows(self) -> int:
        """How many numbers have been given."""
        return len(self) + self._shared

    def __missing__(self, name: str) -> int:
        if len(self) >= self._most:
            self._shared = True
            return self._most
        number = self[name] = len(self)
        return number

    @property
    def listed(self) -> list[str]:
        """Names by number."""
        return [*self, OTHERS][: self.rows]


class FrameTally:
    """Counts frames as they are read."""

    def __init__(self, bins: TimeBins) -> None:
        self.clients = Names(MOST_CLIENTS)
        self.variants = Names(MOST_VARIANTS)
        self.over_time = {name: bins.sums() for name in COUNTS}
        """Rows are clients."""
        self.variants_over_time = bins.sums()
        """On-time frames; rows are variants."""
        self.last_variant = bins.latest()
        """Rows are clients."""
        self.latency = bins.sums(DURATION_BINS, dtype=np.int32)
        """Answered frames by end-to-end latency, of all clients (one row)."""
        self.parts = np.zeros((len(PARTS), DURATION_BINS), np.int64)
        """Answered frames by each part's duration."""
        self.parts_by_latency = np.zeros((len(PARTS), DURATION_BINS))
        """Milliseconds spent in each part, summed over the frames of each end-to-end latency."""
        self.misses: Counter[tuple[str, str, str]] = Counter()
        """Frames that were not answered on time by client, outcome and reason."""
        self.blames: Counter[tuple[str, str, str]] = Counter()
        """Those that the server has judged, by client, reason and where they come from."""
        self.outcomes: Counter[str] = Counter()
        self.deadlines_ms: set[float] = set()
        self.last_s = 0.0
        """After the first bin's beginning."""
        self._bins = bins
        self._words = Names(MOST_WORDS)
        self._client_latency: dict[int, NDArray[np.int32]] = {}

    def add(self, frames: Sequence[FrameRow]) -> None:
        """Count frames."""
        if not frames:
            return
        rows = np.array([self.clients[frame.client] for frame in frames], np.intp)
        captured_s, frames_each, resolution, sent_bytes, tp, fp, fn, expected, right, slo_ms, e2e_ms, *parts = np.array(
            list(map(_columns, frames)), np.float64
        ).T
        on_time = np.array([frame.outcome == Outcome.ON_TIME for frame in frames])
        bins = self._bins.place(captured_s)
        self.last_s = max(self.last_s, float(captured_s.max()) - self._bins.origin_s)
        if len(self.deadlines_ms) < MOST_DEADLINES:
            self.deadlines_ms |= set(np.unique(slo_ms[~np.isnan(slo_ms)]).tolist())
        self._count(frames)
        columns = {
            "captured": frames_each, "on_time": frames_each * on_time,
            "tp": tp * on_time, "fp": fp * on_time, "fn": fn * on_time,
            "missed_objects": (tp + fn) * ~on_time, "expected_f1": expected * on_time,
            "labelled": on_time & ~(np.isnan(tp) & np.isnan(expected) & np.isnan(right)), "pixels": resolution,
            "right": right * on_time, "guesses": ~np.isnan(right),
            "sent": ~np.isnan(resolution), "bits": 8 * sent_bytes,
        }  # fmt: skip
        for name, values in columns.items():
            self.over_time[name].add(rows, bins, values)
        self._add_variants(frames, rows, bins, on_time)
        answered = ~np.isnan(e2e_ms)
        self._add_latency(rows[answered], bins[answered], e2e_ms[answered], [part[answered] for part in parts])

    def missed_by_reason(self, client: str) -> Counter[str]:
        """A client's misses, whatever their outcome."""
        missed = Counter[str]()
        for (who, _, reason), frames in self.misses.items():
            if who == client:
                missed[reason] += frames
        return missed

    def client_latency(self, row: int) -> NDArray[np.int32]:
        """A client's answered frames by end-to-end latency."""
        return self._client_latency.get(row, np.zeros(DURATION_BINS, np.int32))

    def _count(self, frames: Sequence[FrameRow]) -> None:
        for frame in frames:
            outcome = self._word(frame.outcome)
            self.outcomes[outcome] += frame.frames
            if frame.outcome != Outcome.ON_TIME:
                client = frame.client if frame.client in self.clients else OTHERS
                reason = self._word(frame.reason or frame.outcome)
                self.misses[client, outcome, reason] += frame.frames
                if frame.blame is not None:
                    self.blames[client, reason, self._word(frame.blame)] += frame.frames

    def _word(self, word: str) -> str:
        """An outcome or a reason, as long as there are not absurdly many."""
        return word if self._words[word] < MOST_WORDS else OTHERS

    def _add_variants(self, frames: Sequence[FrameRow], rows: Indices, bins: Indices, on_time: NDArray[Any]) -> None:
        variants = np.array([-1 if frame.variant is None else self.variants[frame.variant] for frame in frames])
        known = variants >= 0
        self.last_variant.put(rows[known], bins[known], variants[known].astype(np.int32))
        served = known & on_time
        self.variants_over_time.add(variants[served], bins[served], np.ones(int(served.sum())))

    def _add_latency(self, rows: Indices, bins: Indices, e2e_ms: Floats, parts: list[Floats]) -> None:
        if not rows.size:
            return
        places = duration_bin(e2e_ms)
        self.latency.add(np.zeros_like(rows), bins, np.ones(len(rows)), places)
        for row in np.unique(rows):
            counts = self._client_latency.setdefault(int(row), np.zeros(DURATION_BINS, np.int32))
            np.add.at(counts, places[rows == row], 1)
        for number, part in enumerate(parts):
            known = ~np.isnan(part)
            np.add.at(self.parts[number], duration_bin(part[known]), 1)
            np.add.at(self.parts_by_latency[number], places[known], part[known])


def duration_bin(durations_ms: Floats) -> Indices:
    """Bin 0 is shorter than `LEAST_MS`; bin i + 1 is the histogram's bin i."""
    steps = np.floor(np.log(np.maximum(durations_ms, LEAST_MS) / LEAST_MS) / STEP).astype(np.intp)
    bins: Indices = np.where(durations_ms < LEAST_MS, 0, np.minimum(steps, LAST_BIN) + 1)
    return bins


def duration_edges_ms() -> Floats:
    """The upper ends of the bins."""
    edges: Floats = LEAST_MS * np.exp(STEP * np.arange(DURATION_BINS))
    return edges


def duration_middles_ms() -> Floats:
    """What stands for the durations of each bin."""
    middles: Floats = LEAST_MS * np.exp(STEP * (np.arange(DURATION_BINS) - 0.5))
    middles[0] = LEAST_MS / 2
    return middles


def percentiles_ms(counts: NDArray[Any], shares: Sequence[float]) -> Floats:
    """(..., len(shares)) nearest-rank percentiles of (..., DURATION_BINS) counts; NaN where nothing was counted."""
    seen = np.cumsum(counts, axis=-1)
    total = seen[..., -1:]
    bins = [np.argmax(seen >= np.maximum(share * total, 1e-9), axis=-1) for share in shares]
    found: Floats = np.where(total > 0, duration_middles_ms()[np.stack(bins, axis=-1)], np.nan)
    return found


def sums_of(series: Sums, rows: int) -> NDArray[Any]:
    """The first `rows` rows of `series`, which may have none yet."""
    values = series.values[:rows]
    missing = np.zeros((rows - len(values), *values.shape[1:]), values.dtype)
    return np.concatenate([values, missing])
