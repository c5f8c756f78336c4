"""A device as the dispatcher sees it: a batch of images in, detections out, as many at a time as it has workers.

Knows nothing of queues, deadlines or clients. Torch stays behind the `Engine` protocol.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from jellyfish.core import Detection, Variant, canvas_size
from jellyfish.devices.worker_thread import WorkerThread
from jellyfish.media.resize import Letterboxed, letterbox
from jellyfish.models.torchvision.cache import Loads

Image = NDArray[np.uint8]
"""RGB [height, width, 3]."""
Progress = Callable[[int, int], None]
"""Told (steps done, steps in all)."""
Shape = tuple[Variant, int]
"""A variant and a batch size."""
Ready = Callable[[Variant], Variant]
"""What can run now in place of a variant."""
Result = TypeVar("Result")


class Engine(Protocol):
    """What runs the network: `jellyfish.models.slimmable.engine.DetectorEngine`."""

    def detect(self, canvases: NDArray[np.uint8], variant: Variant, /) -> list[list[Detection]]:
        """Detections of each canvas of [n, canvas height, canvas width, 3], sides normalised to the canvas."""
        ...


@runtime_checkable
class MixingEngine(Engine, Protocol):
    """An engine whose networks share a first stage."""

    def detect_mixed(self, canvases: NDArray[np.uint8], variants: Sequence[Variant], /) -> list[list[Detection]]:
        """As `detect`, each canvas at its own variant, all of one resolution."""
        ...


@runtime_checkable
class ClosableEngine(Protocol):
    """An engine that can be closed while it is at work."""

    def close(self) -> None:
        """Give back what it has, at once and from any thread; a call that runs raises. The next call opens it anew."""
        ...


@runtime_checkable
class LoadingEngine(Engine, Protocol):
    """An engine that loads networks while others run."""

    @property
    def loads(self) -> Loads:
        """What that has cost so far."""
        ...

    def ready(self, variant: Variant, /) -> Variant:
        """See `Executor.ready`."""
        ...


class Executor(Protocol):
    """A device, real or simulated. The seam at which tests and simulations put theirs."""

    def ready(self, variant: Variant) -> Variant:
        """What to run now in place of `variant`: itself, unless its network has yet to be loaded. Returns at once."""
        ...

    async def run(self, variant: Variant, images: Sequence[Image], worker: int = 0, /) -> list[list[Detection]]:
        """Detections of each image, sides normalised to the image. May raise anything: the device failed.

        `worker`: which of the device's workers is to run it.
        """
        ...

    async def run_mixed(
        self, variants: Sequence[Variant], images: Sequence[Image], worker: int = 0, /
    ) -> list[list[Detection]]:
        """As `run`, each image at its own variant, all of one resolution."""
        ...

    async def warm(self, shapes: Sequence[Shape], progress: Progress | None = None) -> None:
        """Run each batch once on every worker, so that no client's frame pays for the first time."""
        ...

    def give_up(self, worker: int, /) -> None:
        """Nobody waits any longer for the batch that `worker` runs: have it fail, where there is a way. At once."""
        ...

    def close(self) -> None:
        """Give the device back, at once: a batch that runs is left behind."""
        ...


def detect_images(engine: Engine, variant: Variant, images: Sequence[Image]) -> list[list[Detection]]:
    """Detections of each image, sides normalised to the image (0..1). The code path that serves and is profiled.

    `images`: at least one, each RGB [height, width, 3] of any size; scaled to fit the variant's canvas. What the
    engine finds in the padding alone is left out.
    """
    fitted, canvases = _canvases(variant.resolution, images)
    found = engine.detect(canvases, variant)
    return [box.on_frame(detections) for box, detections in zip(fitted, found, strict=True)]


def detect_mixed(engine: MixingEngine, variants: Sequence[Variant], images: Sequence[Image]) -> list[list[Detection]]:
    """As `detect_images`, each image at its own variant, all of one resolution, through a first stage they share."""
    fitted, canvases = _canvases(variants[0].resolution, images)
    found = engine.detect_mixed(canvases, variants)
    return [box.on_frame(detections) for box, detections in zip(fitted, found, strict=True)]


def _canvases(resolution: int, images: Sequence[Image]) -> tuple[list[Letterboxed], NDArray[np.uint8]]:
    fitted = [letterbox(image, *canvas_size(resolution)) for image in images]
    return fitted, np.stack([box.canvas for box in fitted])


def _as_it_is() -> None:
    """A worker that needs nothing before its first batch."""


class TorchExecutor:
    """An engine on worker threads, so that the event loop goes on while the device computes.

    A worker runs one batch at a time.
    """

    def __init__(
        self,
        engines: Sequence[Engine],
        device: str,
        begin: Callable[[], None] = _as_it_is,
        ready: Ready | None = None,
    ) -> None:
        """`engines`: each worker's own. `begin`: called on each worker's thread first.

        `ready`: of engines that load networks while others run; None where every variant can run at once.
        """
        self.engines, self._ready = tuple(engines), ready
        self._workers = [WorkerThread(f"device-{device}-{number}", begin) for number in range(len(engines))]

    @property
    def mixes(self) -> bool:
        """Whether its engines can run several networks in one batch."""
        return all(isinstance(engine, MixingEngine) for engine in self.engines)

    def ready(self, variant: Variant) -> Variant:
        """See `Executor.ready`."""
        return variant if self._ready is None else self._ready(variant)

    async def run(self, variant: Variant, images: Sequence[Image], worker: int = 0) -> list[list[Detection]]:
        """See `Executor.run`."""
        return await self._on(worker, detect_images, variant, images)

    async def run_mixed(
        self, variants: Sequence[Variant], images: Sequence[Image], worker: int = 0
    ) -> list[list[Detection]]:
        """See `Executor.run_mixed`. Profiles say where mixing pays, and do so of engines alone that can."""
        return await self._on(worker, detect_mixed, variants, images)

    async def _on(
        self, worker: int, function: Callable[..., list[list[Detection]]], *batch: Any
    ) -> list[list[Detection]]:
        return await asyncio.wrap_future(self._workers[worker].submit(function, self.engines[worker], *batch))

    def on_all(self, function: Callable[..., Result], *arguments: Any) -> list[Result]:
        """`function(engine, ...)` on every worker at once; returns when all are done. For measuring: it blocks."""
        pairs = zip(self._workers, self.engines, strict=True)
        running = [worker.submit(function, engine, *arguments) for worker, engine in pairs]
        return [each.result() for each in running]

    async def warm(self, shapes: Sequence[Shape], progress: Progress | None = None) -> None:
        """See `Executor.warm`. Every worker has to: each keeps what it has prepared for itself."""
        for done, (variant, batch) in enumerate(shapes, start=1):
            image = np.zeros((*canvas_size(variant.resolution), 3), dtype=np.uint8)
            workers = range(len(self.engines))
            await asyncio.gather(*(self._on(worker, detect_images, variant, [image] * batch) for worker in workers))
            if progress is not None:
                progress(done, len(shapes))

    def keep(self, workers: int) -> None:
        """Close all workers but the first ones."""
        for number in range(workers, len(self.engines)):
            self._workers[number].close()
            self.give_up(number)
        self.engines, self._workers = self.engines[:workers], self._workers[:workers]

    def give_up(self, worker: int) -> None:
        """See `Executor.give_up`. An engine in a thread cannot be ended."""
        engine = self.engines[worker]
        if isinstance(engine, ClosableEngine):
            engine.close()

    def close(self) -> None:
        """See `Executor.close`."""
        for worker, thread in enumerate(self._workers):
            thread.close()
            self.give_up(worker)
