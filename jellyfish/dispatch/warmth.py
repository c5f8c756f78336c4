"""Which batches of a device have run before, and when another is tried, so that no frame pays for its first time. Pure.

A processor's library prepares each layer for each shape when it meets it first, which takes time. A server begins with
the shapes that it had time to prepare, and plans with no others; the rest follow, one by one, whenever a worker has
nothing to do and all frames have so much time to spare.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Sequence

from jellyfish.core import Variant
from jellyfish.devices.executor import Shape
from jellyfish.devices.profile.table import LatencyProfile

RECENT_S, RECENT_FRAMES = 2.0, 8
"""What frames had to spare is seen over so long, and over so many of them at least."""
EXTRA_S = 0.2
"""What the first time of a batch is taken to add to what it takes later, before one was tried."""
EXTRAS = 4
"""The first times that are remembered for that."""


def shapes_in_order(variants: Sequence[Variant], max_batch: int) -> list[Shape]:
    """All shapes, as they are to be prepared: batches of one first, of variants ever closer to each other.

    After the smallest, the largest and the middle one come the middles of what lies between, and so on.
    """
    spread = [variants[place] for place in _bisected(len(variants))]
    return [(variant, batch) for batch in range(1, max_batch + 1) for variant in spread]


def _bisected(count: int) -> list[int]:
    """0, the last, the middle, the quarters, ... each place once."""
    places = dict.fromkeys([0, count - 1])
    parts = 2
    while len(places) < count:
        places.update(dict.fromkeys(round(part * (count - 1) / parts) for part in range(1, parts)))
        parts *= 2
    return list(places)


def all_warm(profile: LatencyProfile) -> Warmth:
    """Of a device every batch of whose profile has run."""
    order = shapes_in_order(profile.variants, profile.max_batch)
    return Warmth(order, profile.workers, len(order))


class Warmth:
    """Of one device. Each worker prepares for itself, in the same order as far as time allows."""

    def __init__(self, order: Sequence[Shape], workers: int, begun: int, follow: int = 0) -> None:
        """`order`: see `shapes_in_order`. `begun`: so many of them have run on every worker. `follow`: so many
        batches larger than those of `order` need no preparing: when those of their variant have run, it costs little.
        """
        self._follow = follow
        self._left = [list(order[begun:]) for _ in range(workers)]
        self._depth = Counter(variant for variant, _ in order[:begun])
        self._ended: set[int] = set()
        self._extra_s = deque([EXTRA_S], maxlen=EXTRAS)
        self._spare_s: deque[tuple[float, float]] = deque()
        """(when, what was left until its deadline) of the newest frames."""

    def depth(self, variant: Variant) -> int:
        """It may run in batches of up to so many."""
        return self._depth[variant] and self._depth[variant] + self._follow

    @property
    def complete(self) -> bool:
        """Whether every batch may be run: nothing is left on any worker."""
        return not any(self._left)

    def idle(self, worker: int) -> bool:
        """Whether it has nothing to prepare any more."""
        return worker in self._ended or not self._left[worker]

    def spare(self, now: float, seconds: float) -> None:
        """A frame has ended that was due so much later."""
        if self.complete:
            return
        self._spare_s.append((now, seconds))
        while len(self._spare_s) > RECENT_FRAMES and self._spare_s[0][0] < now - RECENT_S:
            self._spare_s.popleft()

    def next(self, worker: int, profiled_s: Callable[[Shape], float], clients: bool) -> Shape | None:
        """What `worker`, which is free, is to prepare now; None where nothing is left, or a frame might wait too long.

        `profiled_s`: what a shape takes later; no less for a larger batch. `clients`: whether there are any, whose
        frames may come meanwhile: what these had to spare lately is how long they may wait.
        """
        if worker in self._ended:
            return None
        most_s = math.inf
        if clients:
            most_s = min((seconds for _, seconds in self._spare_s), default=0.0) - max(self._extra_s)
        return next((shape for shape in self._left[worker] if profiled_s(shape) <= most_s), None)

    def ran(self, worker: int, shape: Shape, seconds: float, profiled_s: float) -> bool:
        """`worker` has run `shape`, which was to take `profiled_s`, for the first time. Whether it may be planned."""
        self._extra_s.append(max(0.0, seconds - profiled_s))
        self._left[worker].remove(shape)
        everywhere = all(shape not in left for left in self._left)
        self._depth[shape[0]] += everywhere
        return everywhere

    def failed(self, worker: int) -> None:
        """`worker` has failed at that: it prepares no more, so that it does not fail again and again."""
        self._ended.add(worker)
