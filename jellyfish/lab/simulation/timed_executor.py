"""The simulated device: takes the profiled time and finds nothing. Deterministic; no torch, no threads."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from jellyfish.core import Answer, Variant
from jellyfish.devices.executor import Progress, Shape
from jellyfish.devices.profile.table import LatencyProfile

Disturbance = Callable[[Variant, int], float]
"""(variant, batch) -> factor on the profiled time of this batch; may raise, then the batch fails."""


class Take(Protocol):
    """How a batch spends its time."""

    async def __call__(self, seconds: float, worker: int, resolution: int, frames: int) -> float:
        """Of so many frames, which take a worker `seconds` where it has its cores to itself.

        Seconds that it had to wait for other servers' batches, on a device that they use, too.
        """
        ...


async def asleep(seconds: float, worker: int, resolution: int, frames: int) -> float:
    """How a worker on cores of its own spends a batch."""
    await asyncio.sleep(seconds)
    return 0.0


class TimedExecutor:
    """An `Executor` that takes the median time of its profile, on whatever clock the event loop has."""

    def __init__(self, profile: LatencyProfile, disturbance: Disturbance | None = None, take: Take = asleep) -> None:
        self._profile, self._disturbance, self._take = profile, disturbance, take
        self._waited_s = [0.0] * profile.workers

    def ready(self, variant: Variant) -> Variant:
        """The variant itself: nothing has to be loaded."""
        return variant

    async def run(
        self, variants: Sequence[Variant], images: Sequence[NDArray[np.uint8]], worker: int = 0
    ) -> list[Answer]:
        """Nothing found in each image, after the profiled time; raises what the disturbance raises.

        Several variants take as long as one batch for each, which is what is planned with.
        """
        seconds = sum(self._seconds(variant, size) for variant, size in Counter(variants).items())
        self._waited_s[worker] = await self._take(seconds, worker, variants[0].resolution, len(images))
        return [Answer()] * len(images)

    def _seconds(self, variant: Variant, batch: int) -> float:
        factor = 1.0 if self._disturbance is None else self._disturbance(variant, batch)
        return factor * self._profile.of(variant).p50_s[batch - 1]

    async def warm(self, shapes: Sequence[Shape], progress: Progress | None = None) -> None:
        """Nothing to warm."""

    def waited_s(self, worker: int) -> float:
        """See `SharedExecutor`."""
        return self._waited_s[worker]

    def give_up(self, worker: int) -> None:
        """As an engine in a thread: what hangs hangs."""

    def close(self) -> None:
        """Nothing to close."""
