"""What a server runs: the seam between Jellyfish and any network, detector or classifier.

A `Model` says what it is without loading anything slow, and makes engines of itself. An `Engine` is the network on one
device and does all that is the model's own in three steps, the same for serving, profiling, detecting and evaluating.
A third kind of model is one more pair of them: see docs/models.md.
"""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from jellyfish.core import Answer, InputSize, Task, Variant
from jellyfish.errors import DeviceLostError, InputError, JellyfishError, RunError
from jellyfish.models.lost import is_lost

Image = NDArray[np.uint8]
"""RGB [height, width, 3]."""
MOST_SIDE = 4096
"""Pixels of a network's input."""


DEFAULT_MAX_BATCH = 8
"""Frames of the largest batch that engines are made for, where nobody says."""
_CAMERA = (1920, 1080)


@dataclass(frozen=True, slots=True)
class Size:
    """One network at one resolution: what a planner chooses."""

    variant: Variant
    input: InputSize
    accuracy: float
    """Expected, 0..1: F1 of a detector, share of right first guesses of a classifier."""
    source: str = ""
    """Where that figure is from, in words; empty where nobody has said."""
    least_score: float | None = None
    """Of a detection that it answers with; None where that is no one number, or nobody has said."""


@dataclass(frozen=True)
class Description:
    """What is known of a model before it is loaded. Plain values: it travels to other processes.

    Raises InputError for values that cannot be: no size, two of one name, two of one resolution that take frames of
    different sizes, no class, an accuracy that is no share.
    """

    name: str
    """As a client's hello, profiles and records call it."""
    version: str
    task: Task
    classes: tuple[str, ...]
    """Names by label."""
    sizes: tuple[Size, ...]
    """Small resolutions first, then quick networks first."""
    identity: str
    """A checksum of all that times depend on: profiles are kept under it."""
    batches: tuple[int, ...] = ()
    """The batch sizes that its engines run, ascending; smaller batches are filled up. Empty: any."""
    libraries: tuple[str, ...] = ()
    """What else times depend on: distributions, as pip calls them. Profiles of other versions are not used."""
    processor_libraries: tuple[str, ...] | None = None
    """The same on a processor, where that is something else."""
    preload: tuple[str, ...] = ()
    """Modules that its engines need, if it is `movable`: loaded once, for all processes that begin as copies."""
    in_flight: int = 1
    """Batches that an engine on a GPU may have launched and not finished; on a processor one."""
    mixes: bool = False
    """Whether a batch may hold frames for several networks of one resolution."""
    movable: bool = False
    """Whether it may be pickled, and its engines made in processes of their own, where the event loop takes no time
    from them."""
    notes: tuple[str, ...] = ()
    """What else a person should know of it, a line each: what its sizes' names mean, its licence."""

    def __post_init__(self) -> None:
        if not self.sizes:
            raise InputError(f"the model {self.name} has no sizes: it needs one at least")
        for problem in (self._about_classes(), self._about_batches(), *map(_about_size, self.sizes)):
            if problem:
                raise InputError(f"the model {self.name}: {problem}")
        names = [size.variant.name for size in self.sizes]
        for name in names:
            if names.count(name) > 1:
                raise InputError(f"the model {self.name} has two sizes called {name}: give each a name of its own")
        for size in self.sizes:
            if size.input.resolution != size.variant.resolution or size.input != self.ladder[size.variant.resolution]:
                raise InputError(
                    f"the model {self.name}: {size.variant.name} takes frames of {size.input.width} x "
                    f"{size.input.height} pixels; all sizes of one resolution must take the same, and be called by its "
                    "longest side"
                )

    def _about_classes(self) -> str:
        """What is wrong with task and classes."""
        named = [name for name in self.classes if name] if isinstance(self.classes, tuple) else []
        if not named or not all(isinstance(name, str) for name in self.classes):
            return f"its classes are a tuple of names, not {self.classes!r:.60}"
        twice = next((name for name in named if named.count(name) > 1), None)
        if twice is not None:
            return f"it has two classes called {twice}: give each a name of its own"
        return "" if isinstance(self.task, Task) else f"its task is one of {', '.join(Task)}, not {self.task!r:.60}"

    def _about_batches(self) -> str:
        """What is wrong with what engines run at once."""
        if not all(isinstance(size, int) and size > 0 for size in self.batches):
            return f"its batches are sizes from 1 on, not {self.batches!r:.60}"
        if list(self.batches) != sorted({*self.batches}):
            return f"its batches ascend, but they are {self.batches!r:.60}"
        return "" if self.in_flight > 0 else f"its engines have 1 batch in flight at least, not {self.in_flight}"

    def __str__(self) -> str:
        return f"{self.name} {self.version}".strip()

    @cached_property
    def variants(self) -> tuple[Variant, ...]:
        """All of them, in order."""
        return tuple(size.variant for size in self.sizes)

    @cached_property
    def ladder(self) -> dict[int, InputSize]:
        """Resolution -> what the network takes there, ascending."""
        return {size.variant.resolution: size.input for size in sorted(self.sizes, key=_resolution)}

    def size(self, variant: Variant) -> Size:
        """What is known of `variant`; InputError for one that the model does not have."""
        for size in self.sizes:
            if size.variant == variant:
                return size
        known = ", ".join(each.name for each in self.variants)
        raise InputError(f"{self.name} has no variant {variant.name}; it has: {known}")

    def accuracy(self, variant: Variant) -> float:
        """Expected accuracy (0..1) of `variant`; InputError for one that the model does not have."""
        return self.size(variant).accuracy

    def input_of(self, resolution: int) -> InputSize:
        """What a frame called by `resolution` is to fit into: the one place that decides how far it is scaled down.

        What the network takes at that resolution, or at the next larger one there is; beyond all, at the largest.
        """
        *_, largest = self.ladder.values()
        return next((size for own, size in self.ladder.items() if own >= resolution), largest)

    def usual_frame(self, resolution: int) -> tuple[int, int]:
        """(width, height) of what becomes of a large frame in 16:9, as most cameras have."""
        return self.input_of(resolution).fitted(*_CAMERA)

    def most(self, batch: int) -> int:
        """The largest batch, of up to `batch`, that its engines run."""
        return min(batch, self.batches[-1]) if self.batches else batch

    def offering(self, variants: Collection[Variant]) -> Description:
        """With these of its sizes alone."""
        return replace(self, sizes=tuple(size for size in self.sizes if size.variant in variants))


def _about_size(size: Size) -> str:
    """What is wrong with it by itself."""
    if not isinstance(size.variant, Variant) or not isinstance(size.input, InputSize):
        return f"a size has a Variant and an InputSize, not {size.variant!r:.40} and {size.input!r:.40}"
    if not (0 < size.input.width <= MOST_SIDE and 0 < size.input.height <= MOST_SIDE):
        return f"{size.variant.name} takes {size.input.width} x {size.input.height} pixels; sides are 1 to {MOST_SIDE}"
    return "" if 0 <= size.accuracy <= 1 else f"the accuracy of {size.variant.name} is 0 to 1, not {size.accuracy}"


def _resolution(size: Size) -> int:
    return size.variant.resolution


class Engine(Protocol):
    """A model on one device. It knows nothing of queues, deadlines, JPEG or clients.

    Each step may raise anything: the batch failed. At most `in_flight` batches are launched and not finished. One
    thread calls them all, in turn; where more than one batch may be in flight, another one calls `finish`, in the order
    of the launches. `prepare` may run beside both.
    """

    @property
    def memory_bytes(self) -> int:
        """What its weights and buffers take on the device; 0 where that is not known."""
        ...

    def prepare(self, images: Sequence[Image], variants: Sequence[Variant], /) -> Any:
        """Images of any size as the network takes them. `variants`: one for each image; all alike unless it `mixes`."""
        ...

    def launch(self, inputs: Any, /) -> Any:
        """Have the device begin with what `prepare` made. On a GPU this does not wait."""
        ...

    def finish(self, handle: Any, /) -> list[Answer]:
        """Wait for what `launch` began; an answer for each image, sides as shares of the image (0..1)."""
        ...


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How an engine is to be made."""

    device: str = "cpu"
    """`cpu` or `cuda:N`."""
    threads: int = 1
    """Processor threads of one batch, on `cpu`."""
    least_score: float | None = None
    """The least score of a detection to answer with; None: as the model says itself. Evaluations want them all."""
    max_batch: int = DEFAULT_MAX_BATCH
    """The largest batch that comes often: what an engine allocates for, and captures. Larger ones may come, too."""


class Model(Protocol):
    """What can be served."""

    @property
    def description(self) -> Description:
        """What it is. Known at once."""
        ...

    def engine(self, options: EngineOptions, /) -> Engine:
        """The model loaded on a device, ready to run every size. InputError if it cannot be.

        Called where batches run: on the worker's thread, or in its process if the model is `movable`.
        """
        ...


@runtime_checkable
class LoadingEngine(Engine, Protocol):
    """An engine that loads some of its networks while others run."""

    @property
    def loading(self) -> str:
        """What that has cost so far, in words."""
        ...

    def ready(self, variant: Variant, /) -> Variant:
        """What to run now in place of `variant`: itself, unless its network has yet to be loaded, which begins.

        Returns at once. Called from any thread.
        """
        ...


@runtime_checkable
class StatedEngine(Protocol):
    """An engine that has chosen something that a person should know of."""

    @property
    def stated(self) -> str:
        """What it runs in and how far that is off, how many frames it takes at once, in words; empty: nothing."""
        ...


class WholeBatches:
    """An engine of one function that does all: what a model of few lines needs."""

    memory_bytes = 0

    def __init__(self, run: Callable[[Sequence[Image], Variant], list[Answer]]) -> None:
        """`run`: images of any size and their variant -> an answer for each."""
        self._run = run

    def prepare(self, images: Sequence[Image], variants: Sequence[Variant]) -> tuple[Sequence[Image], Variant]:
        """See `Engine.prepare`."""
        return images, variants[0]

    def launch(self, inputs: tuple[Sequence[Image], Variant]) -> list[Answer]:
        """See `Engine.launch`."""
        return self._run(*inputs)

    def finish(self, handle: list[Answer]) -> list[Answer]:
        """See `Engine.finish`."""
        return handle


def answers(engine: Engine, images: Sequence[Image], variants: Sequence[Variant]) -> list[Answer]:
    """All three steps: what serving, profiling, detecting and evaluating have in common.

    RunError for whatever the engine raises that is not ours; DeviceLostError where its device is lost by that.
    """
    return finished(engine, launched(engine, images, variants))


def launched(engine: Engine, images: Sequence[Image], variants: Sequence[Variant]) -> Any:
    """The first two steps, up to where the device has begun. Raises what `answers` raises."""
    with _told_in_words():
        return engine.launch(engine.prepare(images, variants))


def finished(engine: Engine, handle: Any) -> list[Answer]:
    """The last one. Raises what `answers` raises."""
    with _told_in_words():
        return engine.finish(handle)


@contextlib.contextmanager
def _told_in_words() -> Iterator[None]:
    try:
        yield
    except JellyfishError:
        raise
    except Exception as error:
        words = f"the model failed with {in_words(error)}"
        raise (DeviceLostError if is_lost(words) else RunError)(words) from error


def in_words(error: Exception) -> str:
    """What other people's code raised, and where: for messages of one line."""
    place = traceback.extract_tb(error.__traceback__)[-1:]
    where = "".join(f" ({Path(each.filename).name}, line {each.lineno})" for each in place)
    return f"{type(error).__name__}: {error}{where}"
