"""Which waiting frames run next, which are given up: one device's queue, earliest deadline first. Pure.

It may not know what time it is (`now` is an argument), what a device is, or how an answer travels. A frame
answered after its deadline is worth nothing, so the aim is goodput: frames finished on time per second.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Sequence
from typing import NamedTuple

from jellyfish.core import Reason, Variant
from jellyfish.dispatch.choice import Waiting, choose
from jellyfish.dispatch.lanes import Lane
from jellyfish.dispatch.request import Request

Drop = tuple[Request, Reason]
"""A request that is given up, and why."""
LaneOf = Callable[[Request], int]
"""Index of the lane that a request waits in."""


class Decision(NamedTuple):
    """What to do with a free device. Both lists are in order of deadline; `run` is empty when nothing is worth it."""

    run: list[Request]
    drop: list[Drop]
    variant: Variant
    """What `run` is to be run with."""


class Batcher:
    """A bounded queue in order of deadline that forms the next batch when the device is free."""

    def __init__(self, capacity: int = 64) -> None:
        self._capacity = capacity
        self._queue: list[Request] = []
        self._begun = 0
        self._last_turn: dict[Variant, int] = {}

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

    def take(self, now: float, lanes: Sequence[Lane], lane_of: LaneOf, slow_down: float = 1.0) -> Decision:
        """The batch to run now and the frames to give up; both leave the queue. Call it when the device is free.

        `lanes`: what the device runs in turn, at least one lane; `lane_of` says which is a request's. The device takes
        `slow_down` times as long as the lanes say. It never waits for more frames while one can still be served: in
        simulated overload, waiting for larger batches gained nothing, as the queue refills while a batch runs. See
        `jellyfish.dispatch.choice` for what is chosen, and why each frame is answered within the planned bound.
        Frames whose `done` is already settled or cancelled are forgotten silently.
        """
        waiting: list[list[Request]] = [[] for _ in lanes]
        drop: list[Drop] = []
        for request in _wanted(self._queue):
            lane = lane_of(request)
            if request.deadline_s < now + slow_down * lanes[lane].quickest.latency_s[0]:
                drop.append((request, Reason.EXPIRED))
            else:
                waiting[lane].append(request)
        turns = sorted((each for each in range(len(lanes)) if waiting[each]), key=lambda each: self._turn(lanes[each]))
        choice = choose(
            [Waiting(lanes[t], [(each.deadline_s - now) / slow_down for each in waiting[t]]) for t in turns]
        )
        if choice is None:
            self._queue = []
            return Decision([], drop, lanes[0].planned.variant)
        turn = turns[choice.lane]
        self._begun += 1
        self._last_turn[lanes[turn].planned.variant] = self._begun
        taken = waiting[turn]
        waiting[turn] = taken[choice.start + choice.size :]
        self._queue = sorted((each for lane in waiting for each in lane), key=_deadline)
        drop += [(spoiler, Reason.OVERLOAD) for spoiler in taken[: choice.start]]
        return Decision(taken[choice.start : choice.start + choice.size], drop, choice.way.variant)

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
