"""What is remembered of one camera: how its frames fared, how old answers were, its uplink, its misses. Pure.

It is told of each frame that comes, and about once a second how the camera is.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Hashable, Mapping
from typing import NamedTuple

from jellyfish.core import Outcome, SourceState
from jellyfish.dispatch.request import Answered
from jellyfish.server.attained import Attained
from jellyfish.server.fleet.blame import Blame, Circumstances, TimeSplit, blamed
from jellyfish.server.fleet.misses import Misses
from jellyfish.server.fleet.rolling import RollingAges, RollingShare
from jellyfish.server.frame_way import FrameWay
from jellyfish.server.metrics.frame_counts import REPORT_S, Ended, by_end

UPLINKS = 60
"""Values of the uplink that are kept, one a look."""
KEPT_SPLIT = 0.7
"""Of what is known of frames' ways, with each look."""
SOURCELESS = {SourceState.SILENT, SourceState.DEAD}
"""No pictures come."""


class CameraState(NamedTuple):
    """A camera as it is when it is looked at."""

    attained: Attained | None
    """Of its stream, from its beginning; None where it has none."""
    age_s: float
    """Of its stream."""
    fps: float
    """Frames that it captures a second; 0 where that is not known."""
    source: SourceState | None
    """Whether pictures come to it, where it says so, or the server fetches it."""
    uplink_bps: float | None
    """None where no frame came lately."""
    mapped: bool
    thinned: bool
    stream: Hashable = None
    """Which of its streams: a camera may be back while its former one is half dead."""


class _Ways:
    """Sums over frames of where they spent their time, older ones for less."""

    def __init__(self) -> None:
        self._camera_s = self._network_s = self._server_s = 0.0

    @property
    def split(self) -> TimeSplit:
        return TimeSplit(self._camera_s, self._network_s, self._server_s)

    def add(self, way: FrameWay) -> None:
        self._camera_s += way.sent_s - way.captured_s
        self._network_s += way.arrived_s - way.sent_s + way.back_s
        self._server_s += way.ended_s - way.arrived_s

    def grow_old(self) -> None:
        self._camera_s *= KEPT_SPLIT
        self._network_s *= KEPT_SPLIT
        self._server_s *= KEPT_SPLIT


class CameraHistory:
    """Of one camera, over all its streams."""

    def __init__(self) -> None:
        self.minute, self.hour = RollingShare(5.0, 12), RollingShare(60.0, 60)
        self.ages = RollingAges(5.0, 12)
        self.uplinks: deque[float | None] = deque(maxlen=UPLINKS)
        """The estimate with each look, in bit/s."""
        self.misses = Misses()
        self.estimated = False
        """Whether the server had to guess how its frames fared."""
        self.fps = 0.0
        """That its last stream had; 0 before the first."""
        self.seen_s = float("-inf")
        """When it was last here."""
        self._known: dict[Hashable, dict[Ended, int]] = defaultdict(dict)
        """What has been counted of each stream that runs."""
        self._ways, self._late_ways = _Ways(), _Ways()
        self._looked_s: float | None = None
        self._owed = 0.0
        """Part of a frame that would have been captured while nothing came."""

    def frame(self, now: float, way: FrameWay) -> None:
        """A frame has been dealt with."""
        answered = isinstance(way.outcome, Answered)
        if answered:
            self.ages.add(now, way.e2e_s)
        self._ways.add(way)
        if not answered or way.e2e_s > way.slo_s:
            self._late_ways.add(way)

    def look(self, now: float, state: CameraState, host_over: bool) -> None:
        """Take in how the camera is now."""
        since_s = 0.0 if self._looked_s is None else now - self._looked_s
        self._looked_s = now
        self.uplinks.append(state.uplink_bps)
        if state.attained is not None:
            self.seen_s, self.fps = now, state.fps
            self._count(now, state, state.attained, host_over)
        if state.source in SOURCELESS:
            self._nothing_came(now, Blame.SOURCE, state.source.value, state.fps * since_s)
        for ways in (self._ways, self._late_ways):
            ways.grow_old()

    def away(self, now: float, fps: float) -> None:
        """Its stream has broken off, and it has not come back so far."""
        since_s = 0.0 if self._looked_s is None else now - self._looked_s
        self._looked_s = now
        self.uplinks.append(None)
        self._nothing_came(now, Blame.NETWORK, "disconnected", fps * since_s)

    def left(self, now: float, state: CameraState, host_over: bool) -> None:
        """Its stream has ended: what is known of it is all there will be."""
        if state.attained is not None:
            self._count(now, state, state.attained, host_over, last=True)
        self._known.pop(state.stream, None)

    def _count(self, now: float, state: CameraState, attained: Attained, host_over: bool, last: bool = False) -> None:
        if attained.estimated and state.age_s < REPORT_S and not last:
            return
        self.estimated = attained.estimated
        more = _more(by_end(attained), self._known[state.stream])
        on_time = sum(frames for ended, frames in more if ended.outcome == Outcome.ON_TIME)
        ended = sum(frames for _, frames in more)
        if ended:
            self.minute.add(now, ended, on_time)
            self.hour.add(now, ended, on_time)
        at = Circumstances(self.split, host_over, state.mapped, state.thinned)
        for way, frames in more:
            if way.outcome != Outcome.ON_TIME:
                self.misses.add(now, blamed(way.reason, at), way.reason, frames)

    @property
    def split(self) -> TimeSplit:
        """Where frames that were late spent their time lately, else where all did."""
        return self._late_ways.split if any(self._late_ways.split) else self._ways.split

    def _nothing_came(self, now: float, blame: Blame, reason: str, frames: float) -> None:
        """Frames that a camera would have captured meanwhile: they are in no count of captured ones."""
        self._owed += frames
        whole = int(self._owed)
        self._owed -= whole
        self.misses.add(now, blame, reason, whole)


def _more(counts: Mapping[Ended, int], known: dict[Ended, int]) -> list[tuple[Ended, int]]:
    """What has ended since `known`, which is kept; an estimate may have been put right, and be less."""
    found = []
    for ended, frames in counts.items():
        more = frames - known.get(ended, 0)
        if more > 0:
            found.append((ended, more))
            known[ended] = frames
    return found
