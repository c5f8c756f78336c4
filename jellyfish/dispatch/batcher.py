"""Which waiting frames run next, which are given up: one device's queue, earliest deadline first. Pure.

It may not know what time it is (`now` is an argument), what a device is, or how an answer travels. A frame
answered after its deadline is worth nothing, so the aim is goodput: frames finished on time per second.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from typing import NamedTuple

from jellyfish.core import Reason
from jellyfish.dispatch.request import Request

Drop = tuple[Request, Reason]
"""A request that is given up, and why."""


class Decision(NamedTuple):
    """What to do with a free device. Both lists are in order of deadline; `run` is empty when nothing is worth it."""

    run: list[Request]
    drop: list[Drop]


class Batcher:
    """A bounded queue in order of deadline that forms the next batch when the device is free."""

    def __init__(self, capacity: int = 64) -> None:
        self._capacity = capacity
        self._queue: list[Request] = []

    def __len__(self) -> int:
        return len(self._queue)

    def push(self, request: Request, now: float) -> list[Drop]:
        """Put `request` into the queue; returns what had to leave for it.

        Frames whose deadline has passed leave at once, so that their clients need not wait for the device. A queue
        that is still too long gives up its most urgent frame (it may be this one): that one is the likeliest to
        miss its deadline behind so many others, while the frames with more time left are the newer ones.
        """
        insort(self._queue, request, key=_deadline)
        expired = bisect_left(self._queue, now, key=_deadline)
        dropped = [(gone, Reason.EXPIRED) for gone in self._leave(expired)]
        if len(self._queue) > self._capacity:
            self._queue = _wanted(self._queue)
        surplus = max(0, len(self._queue) - self._capacity)
        return dropped + [(gone, Reason.QUEUE_FULL) for gone in self._leave(surplus)]

    def take(self, now: float, latency_s: Sequence[float], max_batch: int) -> Decision:
        """The batch to run now and the frames to give up; both leave the queue. Call it when the device is free.

        `latency_s[b - 1]` is what a batch of b takes (at least one entry). It never waits for more frames while one
        can still be served: in simulated overload, waiting for larger batches gained nothing, as the queue refills
        while a batch runs. A frame thus waits for one running batch and runs in the next: the planner's bound of
        two batches per budget. Frames whose `done` is already settled or cancelled are forgotten silently.
        """
        latency_s = latency_s[:max_batch]
        self._queue = _wanted(self._queue)
        expired = self._leave(bisect_left(self._queue, now + latency_s[0], key=_deadline))
        start, size = choose(now, [request.deadline_s for request in self._queue], latency_s)
        spoilers = self._leave(start)
        drop = [(gone, Reason.EXPIRED) for gone in expired] + [(gone, Reason.OVERLOAD) for gone in spoilers]
        return Decision(self._leave(size), drop)

    def clear(self) -> list[Request]:
        """Empty the queue; returns what was in it."""
        return self._leave(len(self._queue))

    def _leave(self, count: int) -> list[Request]:
        """Take the `count` most urgent frames out of the queue."""
        gone, self._queue = self._queue[:count], self._queue[count:]
        return gone


def choose(now: float, deadlines: Sequence[float], latency_s: Sequence[float]) -> tuple[int, int]:
    """(start, size) of the next batch among rising `deadlines`: those before `start` are to be given up.

    Every deadline must leave room for a batch of one. Returns (0, 0) when there are none.
    """
    return _lossless(now, deadlines, latency_s) or _most_efficient(now, deadlines, latency_s)


def _lossless(now: float, deadlines: Sequence[float], latency_s: Sequence[float]) -> tuple[int, int] | None:
    """The largest first batch after which every waiting frame can still be on time; None if there is none."""
    latest = _latest_starts(deadlines, latency_s)
    for size in range(min(len(latency_s), len(deadlines)), 0, -1):
        if now + latency_s[size - 1] <= min(deadlines[0], latest[size]):
            return 0, size
    return None


def _latest_starts(deadlines: Sequence[float], latency_s: Sequence[float]) -> list[float]:
    """Entry j: the latest time at which the device may begin to serve the frames from j on, all on time.

    Exact for batches in order of deadline: with a first batch of b, it has to finish before its own earliest
    deadline and before the latest start of the frames behind it; the best b counts.
    """
    frames = len(deadlines)
    latest = [float("inf")] * (frames + 1)
    for first in range(frames - 1, -1, -1):
        deadline, best = deadlines[first], -float("inf")
        for latency, behind in zip(latency_s, latest[first + 1 :], strict=False):
            best = max(best, (behind if behind < deadline else deadline) - latency)
        latest[first] = best
    return latest


def _most_efficient(now: float, deadlines: Sequence[float], latency_s: Sequence[float]) -> tuple[int, int]:
    """The batch that serves most frames per second of device time, when some frame must be lost anyway.

    Plain earliest-deadline-first shrinks its batches to what the most urgent frame allows and so loses still more.
    For each size the most urgent frames that make it are meant; the ones before them could not be served after
    this batch either. Rules that look further ahead (most frames served from the queue as it stands, then least
    device time) did worse in simulation: the queue does not stay as it stands.
    """
    best, best_rate = (0, 0), 0.0
    for size, latency in enumerate(latency_s[: len(deadlines)], start=1):
        start = bisect_left(deadlines, now + latency)
        if start + size <= len(deadlines) and size / latency > best_rate:
            best, best_rate = (start, size), size / latency
    return best


def _wanted(requests: list[Request]) -> list[Request]:
    """Without the requests whose client has gone."""
    return [request for request in requests if not request.done.done()]


def _deadline(request: Request) -> float:
    return request.deadline_s
