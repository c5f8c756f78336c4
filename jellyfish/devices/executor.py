"""A device as the dispatcher sees it: a batch of images in, answers out, as many at a time as it has workers.

Knows nothing of queues, deadlines or clients, nor what a model is beyond the seam (`jellyfish.models.model`).
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np

from jellyfish.core import Answer, InputSize, Variant
from jellyfish.devices.profile.table import LatencyProfile
from jellyfish.devices.worker_thread import WorkerThread
from jellyfish.errors import ImageError
from jellyfish.media.still import Png
from jellyfish.models.checking import checked
from jellyfish.models.model import Description, Engine, Image, LoadingEngine, StatedEngine, answers, finished, launched

RECENT_LEADS = 16
"""Batches that tell how long before it is to run the next one is to be prepared."""
Progress = Callable[[int, int], None]
"""Told (steps done, steps in all)."""
Shape = tuple[Variant, int]
"""A variant and a batch size."""
Result = TypeVar("Result")


@runtime_checkable
class ClosableEngine(Protocol):
    """An engine that can be closed while it is at work."""

    def close(self) -> None:
        """Give back what it has, at once and from any thread; a call that runs raises. The next call opens it anew."""
        ...


@runtime_checkable
class PipelinedExecutor(Protocol):
    """An executor whose workers may have more than one batch at a time. Those of a worker end in the order of `run`."""

    @property
    def in_flight(self) -> int:
        """Batches that a worker may be given before the first of them has ended."""
        ...

    def lead_s(self, worker: int, /) -> float:
        """How long before `worker` is free a batch is to be given to it, so that its device need not wait."""
        ...


@runtime_checkable
class SharedExecutor(Protocol):
    """An executor whose device runs other servers' batches, too."""

    def waited_s(self, worker: int, /) -> float:
        """How long the batch that `worker` ended last had to wait for theirs: the device was not slower for that."""
        ...


class Executor(Protocol):
    """A device, real or simulated. The seam at which tests and simulations put theirs."""

    def ready(self, variant: Variant) -> Variant:
        """What to run now in place of `variant`: itself, unless its network has yet to be loaded. Returns at once."""
        ...

    async def run(self, variants: Sequence[Variant], images: Sequence[Image], worker: int = 0, /) -> list[Answer]:
        """An answer for each image, sides as shares of the image. May raise anything: the device failed.

        `variants`: one for each image; all alike, or of one resolution where the model mixes. `worker`: which of the
        device's workers is to run it.
        """
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


class Undecoded(NamedTuple):
    """An image that its device decodes itself."""

    still: bytes | Png
    """A JPEG, or another file."""
    size: InputSize
    """What it is to be fitted into."""


class DeviceGrant(NamedTuple):
    """What a server has of a device that others use, too."""

    share: float = 1.0
    """Of its time; 1 where nobody else is there."""
    waiting_s: float = 0.0
    """For so long a batch may have to wait for one of theirs."""
    fronts: tuple[str, ...] = ()
    """Where their clients reach them: URLs of streams."""


class Ran(NamedTuple):
    """What came of a batch on a device far away."""

    found: list[Answer | ImageError]
    """For each image an answer, or why there is no image."""
    waited_s: float = 0.0
    """For so long it had to wait for batches of other servers."""


@runtime_checkable
class DistantExecutor(Protocol):
    """An executor behind a stream of bytes: images go there as they came, and batches take a way there and back."""

    grant: DeviceGrant
    on_there: Callable[[bool], None]
    """Told when the device is not there any more, and when it is there again."""
    on_grant: Callable[[], None]
    """Told when `grant` is another one."""

    def want(self, wanted: float, weight: float, /) -> None:
        """Ask for a share (`jellyfish.control.shares.ShareDemand`)."""
        ...

    @property
    def kind(self) -> str:
        """What the device is on its own machine: `cpu` or `cuda:N`."""
        ...

    @property
    def exchange_s(self) -> float:
        """What a message there and back takes."""
        ...

    def seen(self) -> LatencyProfile:
        """The device's profile with all that lies between in it, as things are now."""
        ...

    async def run_undecoded(
        self, variants: Sequence[Variant], images: Sequence[Image | Undecoded], worker: int = 0, /
    ) -> Ran:
        """See `Executor.run`."""
        ...


class DeviceExecutor(Executor, Protocol):
    """An executor, and what people are told of it."""

    @property
    def model(self) -> Description:
        """What it runs."""
        ...

    @property
    def loading(self) -> Sequence[LoadingEngine]:
        """Its engines that load networks while others run."""
        ...

    @property
    def memory_bytes(self) -> int:
        """What its networks take; 0 where that is not known."""
        ...

    @property
    def stated(self) -> Sequence[str]:
        """What its engines have chosen for themselves, in words."""
        ...


class ServingExecutor(DeviceExecutor, Protocol):
    """An executor that somebody else than a dispatcher of this process has run batches."""

    in_flight: int

    def may_give_up(self, worker: int, /) -> bool:
        """Whether `give_up` ends what that worker runs: not where it runs in a thread of this process."""
        ...


def _as_it_is() -> None:
    """A worker that needs nothing before its first batch."""


class EngineExecutor:
    """Engines on worker threads, so that the event loop goes on while the device computes.

    A worker runs one batch at a time; or it prepares and launches the next ones meanwhile, where its engine may have
    more than one in flight. Another thread waits for what they find then.
    """

    def __init__(
        self,
        makers: Sequence[Callable[[], Engine]],
        device: str,
        model: Description,
        begin: Callable[[], None] = _as_it_is,
        in_flight: int = 1,
    ) -> None:
        """`makers`: of each worker's own engine, called on its thread; this waits for them, and raises what they raise.

        `begin`: called on each worker's threads first. `in_flight`: batches that a worker may have at a time.
        """
        self.model, self.in_flight = model, in_flight
        self._workers = [WorkerThread(f"device-{device}-{number}", begin) for number in range(len(makers))]
        self._finishers = [
            WorkerThread(f"device-{device}-{number}-answers", begin) for number in range(len(makers)) if in_flight > 1
        ]
        self._leads_s: list[deque[float]] = [deque([0.0], maxlen=RECENT_LEADS) for _ in makers]
        self.engines: tuple[Engine, ...] = ()
        try:
            self.engines = tuple(
                worker.submit(make).result() for worker, make in zip(self._workers, makers, strict=True)
            )
        except BaseException:
            for worker in (*self._workers, *self._finishers):
                worker.close()
            raise

    @property
    def loading(self) -> list[LoadingEngine]:
        """Its engines that load networks while others run: what they have not loaded cannot stand in."""
        return [engine for engine in self.engines if isinstance(engine, LoadingEngine)]

    @property
    def memory_bytes(self) -> int:
        """Of all engines together, as far as it is known."""
        return sum(engine.memory_bytes for engine in self.engines)

    @property
    def stated(self) -> list[str]:
        """What its engines have chosen for themselves, in words; nothing of those in processes of their own."""
        return [engine.stated for engine in self.engines if isinstance(engine, StatedEngine)]

    def ready(self, variant: Variant) -> Variant:
        """See `Executor.ready`."""
        for engine in self.loading:
            return engine.ready(variant)
        return variant

    async def run(self, variants: Sequence[Variant], images: Sequence[Image], worker: int = 0) -> list[Answer]:
        """See `Executor.run`."""
        engine = self.engines[worker]
        if self.in_flight == 1:
            running = self._workers[worker].submit(self._answers, engine, images, variants)
        else:
            begun = self._workers[worker].submit(self._begun, worker, engine, images, variants)
            running = self._finishers[worker].submit(self._finished, engine, len(images), begun)
        return await asyncio.wrap_future(running)

    def lead_s(self, worker: int) -> float:
        """See `PipelinedExecutor.lead_s`: what the slowest of the newest batches has taken until it was launched."""
        return max(self._leads_s[worker])

    def _answers(self, engine: Engine, images: Sequence[Image], variants: Sequence[Variant]) -> list[Answer]:
        return checked(self.model, len(images), answers(engine, images, variants))

    def _begun(self, worker: int, engine: Engine, images: Sequence[Image], variants: Sequence[Variant]) -> Any:
        began_s = time.perf_counter()
        handle = launched(engine, images, variants)
        self._leads_s[worker].append(time.perf_counter() - began_s)
        return handle

    def _finished(self, engine: Engine, images: int, begun: Future[Any]) -> list[Answer]:
        return checked(self.model, images, finished(engine, begun.result()))

    def on_all(self, function: Callable[..., Result], *arguments: Any) -> list[Result]:
        """`function(engine, ...)` on every worker at once; returns when all are done. For measuring: it blocks."""
        pairs = zip(self._workers, self.engines, strict=True)
        running = [worker.submit(function, engine, *arguments) for worker, engine in pairs]
        return [each.result() for each in running]

    async def warm(self, shapes: Sequence[Shape], progress: Progress | None = None) -> None:
        """See `Executor.warm`. Every worker has to: each keeps what it has prepared for itself."""
        for done, (variant, batch) in enumerate(shapes, start=1):
            images = [blank_frame(self.model, variant)] * batch
            workers = range(len(self.engines))
            await asyncio.gather(*(self.run([variant] * batch, images, worker) for worker in workers))
            if progress is not None:
                progress(done, len(shapes))

    def keep(self, workers: int) -> None:
        """Close all workers but the first ones."""
        for number in range(workers, len(self.engines)):
            for thread in (*self._workers[number : number + 1], *self._finishers[number : number + 1]):
                thread.close()
            self.give_up(number)
        self.engines, self._workers = self.engines[:workers], self._workers[:workers]
        self._finishers = self._finishers[:workers]

    def may_give_up(self, worker: int) -> bool:
        """See `ServingExecutor.may_give_up`."""
        return isinstance(self.engines[worker], ClosableEngine)

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
        for thread in self._finishers:
            thread.close()


def blank_frame(model: Description, variant: Variant) -> Image:
    """A black frame, as large as they come for a variant."""
    width, height = model.usual_frame(variant.resolution)
    return np.zeros((height, width, 3), np.uint8)
