"""Which waiting frames run next, which are given up: one device's queue, earliest deadline first. Pure.

It may not know what time it is (`now` is an argument), what a device is, or how an answer travels. A frame
answered after its deadline is worth nothing, so the aim is goodput: frames finished on time per second.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence

from jellyfish.core import Reason, Variant
from jellyfish.dispatch.choice import Choice, Waiting, choose, companion
from jellyfish.dispatch.lanes import Lane
from jellyfish.dispatch.queue import Decision, Drop, LaneOf
from jellyfish.dispatch.request import Request

REMEMBERED, LASTING = 10, 0.4
"""Overload lasts when so large a share of about so many batches before could not keep everyone in time."""
LEAST_PAUSE_S = 0.001
"""Before a worker that left all to the others asks again."""


class Batcher:
    """A bounded queue in order of deadline that forms the next batch when the device is free."""

    def __init__(self, capacity: int = 64) -> None:
        self._capacity = capacity
        self._queue: list[Request] = []
        self._begun = 0
        self._last_turn: dict[Variant, int] = {}
        self._losing = 0.0
        """Smoothed share of the batches that could not keep everyone in time."""

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
        """See `FrameQueue.take`; what runs and what is given up comes in order of deadline.

        Where frames of a resolution in `mixes` wait in several lanes, up to `most` of them may run as one batch, each
        with its own variant. It never waits for more frames while one can still be served: in simulated overload,
        waiting for larger batches gained nothing, as the queue refills while a batch runs. See
        `jellyfish.dispatch.choice` for what is chosen, and why each frame is answered within the planned bound.
        """
        waiting: list[list[Request]] = [[] for _ in lanes]
        drop: list[Drop] = []
        left: list[Request] = []
        for request in _wanted(self._queue):
            lane = lane_of(request)
            slack_s, least_s = request.deadline_s - now, slow_down * lanes[lane].quickest.latency_s[0]
            if slack_s < least_s:
                drop.append((request, Reason.EXPIRED))
            elif slack_s < slower * least_s:
                left.append(request)
            else:
                waiting[lane].append(request)
        turns = sorted((each for each in range(len(lanes)) if waiting[each]), key=lambda each: self._turn(lanes[each]))
        at_lanes = [Waiting(lanes[t], [(each.deadline_s - now) / slow_down for each in waiting[t]]) for t in turns]
        decision = Decision([], drop, [])
        busy_s = [seconds / slow_down for seconds in others_s]
        first = choose(at_lanes, busy_s, self._losing > LASTING, slower)
        if first is not None:
            self._losing += (first.loses - self._losing) / REMEMBERED
        cycle_s = sum(lane.allotted_s for lane in lanes)
        alone = first is None or 0.0 in busy_s  # an idle worker takes the other lane's frames sooner
        second = None if first is None or alone else companion(at_lanes, first, mixes, most, cycle_s)
        for choice in (first, second):
            if choice is not None:
                self._carry_out(choice, lanes[turns[choice.lane]], waiting[turns[choice.lane]], decision)
        self._queue = sorted((each for lane in (left, *waiting) for each in lane), key=_deadline)
        if self._queue and first is None:
            decision = decision._replace(resume_s=now + max(min(others_s, default=0.0), LEAST_PAUSE_S))
        return decision

    def _carry_out(self, choice: Choice, lane: Lane, waiting: list[Request], decision: Decision) -> None:
        """Move the frames of a choice from its lane into the decision; it was the lane's turn."""
        self._begun += 1
        self._last_turn[lane.planned.variant] = self._begun
        end = choice.start + choice.size
        decision.drop.extend((spoiler, Reason.OVERLOAD) for spoiler in waiting[: choice.start])
        decision.run.extend(waiting[choice.start : end])
        decision.variants.extend([choice.candidate.variant] * choice.size)
        del waiting[:end]

    def _turn(self, lane: Lane) -> int:
        """Lanes with the smallest number are next: their last batch is longest ago."""
        return self._last_turn.get(lane.planned.variant, 0)

    def clear(self) -> list[Request]:
        """Empty the queue; returns what was in it."""
        return self._leave(len(self._queue))

    def _leave(self, count: int) -> list[Request]:
        """Take the `count` most urgent frames out of the queue."""
        gone, self._queue = self._queue[:count], self._queue[count:]
        return gone


def _wanted(requests: list[Request]) -> list[Request]:
    """Without the requests whose client has gone."""
    return [request for request in requests if not request.done.done()]


def _deadline(request: Request) -> float:
    return request.deadline_s
