"""The published dispatch: first come, first served, with lazy drops and a wait for fuller batches. Pure.

Source: Jellyfish (RTSS 2022), request dispatching. It is what `jellyfish.dispatch.batcher` is compared with: no order
of deadlines, no look-ahead, no variant but the planned one.
"""

from __future__ import annotations

from collections.abc import Sequence

from jellyfish.core import Reason
from jellyfish.dispatch.lanes import Lane
from jellyfish.dispatch.queue import Decision, Drop, LaneOf
from jellyfish.dispatch.request import Request

PATIENCE_S = 0.010
"""A batch that is not full waits for more frames while its tightest frame keeps more slack than this."""


class LazyQueue:
    """A bounded queue in order of arrival. The newest frame wins: a full one gives up its oldest frame."""

    def __init__(self, capacity: int = 64) -> None:
        self._capacity = capacity
        self._queue: list[Request] = []

    def __len__(self) -> int:
        return len(self._queue)

    def push(self, request: Request, now: float) -> list[Drop]:
        """Put `request` at the end."""
        self._queue = [each for each in self._queue if not each.done.done()] + [request]
        surplus = max(0, len(self._queue) - self._capacity)
        gone, self._queue = self._queue[:surplus], self._queue[surplus:]
        return [(each, Reason.QUEUE_FULL) for each in gone]

    def take(
        self,
        now: float,
        lanes: Sequence[Lane],
        lane_of: LaneOf,
        slow_down: float = 1.0,
        mixes: frozenset[int] = frozenset(),
        most: int = 1,
        others_s: Sequence[float] = (),
        slower: float = 1.0,
    ) -> Decision:
        """The oldest frames of the oldest frame's lane, up to its planned batch; see `FrameQueue.take`.

        A frame is dropped when it comes up for a batch with less time left than the planned batch takes.
        """
        self._queue = [each for each in self._queue if not each.done.done()]
        drop: list[Drop] = []
        while self._queue:
            lane = lane_of(self._queue[0])
            takes_s = slow_down * lanes[lane].planned.latency_s[lanes[lane].batch - 1]
            same = [each for each in self._queue if lane_of(each) == lane]
            hopeless = [each for each in same if each.deadline_s - now < takes_s]
            drop += [(each, Reason.EXPIRED) for each in hopeless]
            run = [each for each in same if each not in hopeless][: lanes[lane].batch]
            if run:
                return self._run_or_wait(run, drop, lanes[lane], now, takes_s)
            self._queue = [each for each in self._queue if each not in hopeless]
        return Decision([], drop, [])

    def _run_or_wait(self, run: list[Request], drop: list[Drop], lane: Lane, now: float, takes_s: float) -> Decision:
        gone = [request for request, _ in drop]
        latest_s = min(each.deadline_s for each in run) - takes_s - PATIENCE_S
        if len(run) < lane.batch and now < latest_s:
            self._queue = [each for each in self._queue if each not in gone]
            return Decision([], drop, [], latest_s)
        self._queue = [each for each in self._queue if each not in gone and each not in run]
        return Decision(run, drop, [lane.planned.variant] * len(run))

    def clear(self) -> list[Request]:
        """Empty the queue; returns what was in it."""
        gone, self._queue = self._queue, []
        return gone
