"""What a dispatcher asks of a device's queue, whoever decides in it. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from jellyfish.core import Reason, Variant
from jellyfish.dispatch.lanes import Lane
from jellyfish.dispatch.request import Request

Drop = tuple[Request, Reason]
"""A request that is given up, and why."""
LaneOf = Callable[[Request], int]
"""Index of the lane that a request waits in."""


class Decision(NamedTuple):
    """What to do with a free device. `run` is empty when nothing is worth it now."""

    run: list[Request]
    drop: list[Drop]
    variants: list[Variant]
    """What each of `run` is to be run with: the same for all, or several of one resolution."""
    resume_s: float | None = None
    """With nothing to run: when to ask again, if no frame comes before. None: when a frame comes."""


class FrameQueue(Protocol):
    """One device's bounded queue, and the choice of what leaves it. `now` is an argument."""

    def __len__(self) -> int:
        """Requests that wait."""
        ...

    def push(self, request: Request, now: float) -> list[Drop]:
        """Put `request` into the queue; returns what had to leave for it, which may be the request itself."""
        ...

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
        """The batch to run now and the frames to give up; both leave the queue. Asked when a worker is free.

        `lanes`: what the device runs, at least one lane; `lane_of` says which is a request's. The device takes
        `slow_down` times as long as the lanes say. At resolutions in `mixes` a batch of up to `most` frames may run
        several networks. `others_s`: seconds until each other worker of the device is free, 0 for one that is idle.
        `slower`: how many times as long as on those a batch takes on this one; what it cannot serve is theirs.
        Requests whose `done` is settled are forgotten silently.
        """
        ...

    def clear(self) -> list[Request]:
        """Empty the queue; returns what was in it."""
        ...
