"""What devices run before their server is ready, so that no frame pays for the first time of a batch."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

from jellyfish.config import CLIENTS_CHOOSE, ServerConfig
from jellyfish.core import Variant
from jellyfish.devices.executor import Progress, Shape
from jellyfish.devices.opening import OpenDevice
from jellyfish.devices.workers import Report
from jellyfish.dispatch.warmth import Warmth, shapes_in_order
from jellyfish.models.families import Detectors, slimmable

WARM_UP_S = 0.7
"""So long batches are run on a processor before it serves; the rest are run while it has nothing else to do."""
LEAST_SHAPES = 3
"""So many at least, however long they take."""


async def warmed(
    devices: Sequence[OpenDevice],
    detectors: Detectors,
    config: ServerConfig,
    variants: Sequence[Variant],
    report: Report,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, Warmth]:
    """Device -> what has run on it, where that is not all. Elsewhere than on processors all is: what is captured and
    allocated on a GPU, and loaded of static detectors, is so before anybody waits for it.
    """
    warmth = {}
    for device in devices:
        shapes = shapes_in_order(variants, min(config.max_batch, device.profile.max_batch))
        told = partial(report, f"warming up {device.name}")
        if device.name != "cpu" or not slimmable(detectors):
            await device.executor.warm(shapes, told)
            continue
        begun = len(variants)  # what has just been measured has run each of them
        if not device.measured:
            least = len(variants) if config.planner == CLIENTS_CHOOSE else LEAST_SHAPES
            begun = await _begun(device, shapes, least, told, clock)
        warmth[device.name] = Warmth(shapes, device.profile.workers, begun)
    return warmth


async def _begun(
    device: OpenDevice, shapes: Sequence[Shape], least: int, told: Progress, clock: Callable[[], float]
) -> int:
    """Run the first ones for a while; how many."""
    ends_s = clock() + WARM_UP_S
    begun = 0
    while begun < len(shapes) and (begun < least or clock() < ends_s):
        await device.executor.warm(shapes[begun : begun + 1])
        begun += 1
        told(begun, max(begun, least))
    return begun
