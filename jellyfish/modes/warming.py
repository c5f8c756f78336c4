"""What devices run before their server is ready, so that no frame pays for the first time of a batch."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

from jellyfish.config import CLIENTS_CHOOSE, ServerConfig
from jellyfish.core import Variant
from jellyfish.devices.executor import DistantExecutor, Progress, Shape
from jellyfish.devices.opening import OpenDevice
from jellyfish.devices.workers import Report
from jellyfish.dispatch.warmth import Warmth, shapes_in_order

WARM_UP_S = 1.5
"""So long batches are run on a processor before it serves; the rest are run while it has nothing else to do."""
LEAST_SHAPES = 3
"""So many at least, however long they take."""


async def warmed(
    devices: Sequence[OpenDevice],
    config: ServerConfig,
    variants: Sequence[Variant],
    report: Report,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, Warmth]:
    """Device -> what has run on it, where that is not all. Elsewhere than on processors all is: what is captured and
    allocated on a GPU, and loaded of networks that are loaded as they are wanted, is so before anybody waits for it.

    On a processor a variant has run when a single frame has. What larger batches need beyond that is 4 to 9 ms more in
    the mean of their first time, and 74 ms at most, a fifth of that batch (`python -m benchmarks.first_times`); running
    all of them before would take half a minute, and running them beside frames cost eight cameras a quarter of theirs.
    """
    warmth = {}
    for device in devices:
        if isinstance(device.executor, DistantExecutor):
            if (follows := followed(device, config, variants)) is not None:
                warmth[device.name] = follows
            continue
        most = device.executor.model.most(min(config.max_batch, device.profile.max_batch))
        told = partial(report, f"warming up {device.name}")
        if device.name != "cpu" or device.executor.loading:
            await device.executor.warm(shapes_in_order(variants, most), told)
            continue
        singles = shapes_in_order(variants, 1)
        begun = len(singles)  # what has just been measured has run each of them
        if not device.measured:
            least = len(singles) if config.planner == CLIENTS_CHOOSE else LEAST_SHAPES
            begun = await _begun(device, singles, least, told, clock)
        warmth[device.name] = Warmth(singles, device.profile.workers, begun, follow=most - 1)
    return warmth


def followed(device: OpenDevice, config: ServerConfig, variants: Sequence[Variant]) -> Warmth | None:
    """What has run on a device behind a stream, whose worker has warmed it up: on a processor single frames; None where
    all has."""
    if not isinstance(device.executor, DistantExecutor) or device.executor.kind != "cpu":
        return None
    most = device.executor.model.most(min(config.max_batch, device.profile.max_batch))
    singles = shapes_in_order(variants, 1)
    return Warmth(singles, device.profile.workers, len(singles), follow=most - 1)


async def warm_all(device: OpenDevice, config: ServerConfig, variants: Sequence[Variant], report: Report) -> None:
    """Run on a device what it is to have run before it serves others: see `warmed`; on a processor single frames."""
    most = device.executor.model.most(min(config.max_batch, device.profile.max_batch))
    shapes = shapes_in_order(variants, 1 if device.name == "cpu" and not device.executor.loading else most)
    await device.executor.warm(shapes, partial(report, f"warming up {device.name}"))


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
