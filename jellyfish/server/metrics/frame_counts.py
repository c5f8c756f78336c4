"""Captured frames by how they ended, over all streams there ever were: counts that only grow. Pure.

What a camera reports is cumulative over its stream, and what the server estimates may be put right later: of both only
what is more than was counted before is added.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from jellyfish.core import Outcome, Reason
from jellyfish.protocol import wire
from jellyfish.server.attained import LATE, NOT_SENT, Attained

REPORTED, ESTIMATED = "reported", "estimated"
KNOWN_REASONS = frozenset({LATE, NOT_SENT, *(reason.value for reason in Reason)})
OTHER = "other"
"""In place of reasons that a client has made up: it may have no say in how many there are."""
REPORT_S = 10.0
"""A client that has not reported by then after it came is taken for one that does not: reports come once a second."""
NOBODY = ""
"""In a camera's place: all whose names are not told."""


class Ended(NamedTuple):
    """How a frame ended."""

    outcome: str
    reason: str
    """Empty for frames that were answered in time."""


class FrameCounts:
    """Of one server. The first `cameras` names are told apart, for as long as it runs."""

    def __init__(self, cameras: int = 0) -> None:
        self._most_cameras = cameras
        self.frames: dict[str, Counter[tuple[str, Ended]]] = {NOBODY: Counter()}
        """Camera -> (source, how it ended) -> frames."""
        self.slack = {source: [0] * wire.SLACK_BUCKETS for source in (REPORTED, ESTIMATED)}

    def stream(self, camera: str) -> StreamCounts:
        """For a stream of a camera that calls itself so."""
        return StreamCounts(self, camera)

    def named(self, camera: str) -> str:
        """What it is told as."""
        if camera not in self.frames:
            if len(self.frames) > self._most_cameras:
                return NOBODY
            self.frames[camera] = Counter()
        return camera


class StreamCounts:
    """What was counted of one stream so far."""

    def __init__(self, counts: FrameCounts, camera: str) -> None:
        self._counts, self._camera = counts, camera
        self._frames: Counter[Ended] = Counter()
        self._slack = [0] * wire.SLACK_BUCKETS

    def count(self, attained: Attained, age_s: float, last: bool = False) -> None:
        """Enter what is known by now of a stream so old. `last`: nothing more will be."""
        if attained.estimated and age_s < REPORT_S and not last:
            return
        if not attained.ended:
            return
        source = ESTIMATED if attained.estimated else REPORTED
        frames = self._counts.frames[self._counts.named(self._camera)]
        for ended, known in by_end(attained).items():
            if (more := known - self._frames[ended]) > 0:
                frames[source, ended] += more
                self._frames[ended] = known
        slack = self._counts.slack[source]
        for bucket, known in enumerate(attained.slack):
            more = max(0, known - self._slack[bucket])
            slack[bucket] += more
            self._slack[bucket] += more


def by_end(attained: Attained) -> Counter[Ended]:
    """Frames by how they ended; reasons that nobody knows are one."""
    ended = Counter({Ended(Outcome.ON_TIME.value, ""): attained.on_time})
    for outcome, reasons in attained.missed.items():
        for reason, frames in reasons.items():
            ended[Ended(outcome, reason if reason in KNOWN_REASONS else OTHER)] += frames
    return ended
