"""What all parts of a check share in one process: the engine on its device, frames, and what batches take there."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from jellyfish.core import Variant
from jellyfish.devices.executor import EngineExecutor
from jellyfish.devices.profile.table import LatencyProfile, VariantLatency
from jellyfish.models.model import Description, Engine, EngineOptions, Image, StatedEngine, answers
from jellyfish.models.slimmable.model import SlimmableModel, open_slimmable

if TYPE_CHECKING:
    import torch

    from benchmarks.gpu_check.gpu import Gpu

Result = TypeVar("Result")
FRAMES = Path(__file__).parent / "frames"
"""Of the clips that ship: 640 x 360 pixels."""


@dataclass(frozen=True, slots=True)
class Options:
    """What is to be checked."""

    device: str
    short: bool = False
    """A minute's form: fewer sizes, batches and rounds."""
    max_batch: int = 8
    stretch: float = 1.0
    """Times the usual budget of each part, in the full form."""


class Place:
    """A device and its engine, made when it is first asked for."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.load_s = 0.0
        """What making the engine took, with all that it captures and allocates before it is ready."""
        self._times: dict[tuple[Variant, int], list[float]] = {}

    @cached_property
    def gpu(self) -> Gpu | None:
        """What may be asked of it as a GPU; None where it is none."""
        if self.options.device == "cpu":
            return None
        from benchmarks.gpu_check.gpu import Gpu

        return Gpu(self.device)

    @cached_property
    def device(self) -> torch.device:
        """As torch knows it."""
        from jellyfish.models.torch_device import torch_device

        return torch_device(self.options.device)

    @cached_property
    def model(self) -> Description:
        """The detector that ships."""
        return self._served.description

    @cached_property
    def executor(self) -> EngineExecutor:
        """One worker with the engine, as a server has it."""
        began_s = time.perf_counter()
        in_flight = 1 if self.gpu is None else self.model.in_flight
        executor = EngineExecutor([self._engine], self.options.device, self.model, in_flight=in_flight)
        self.load_s = time.perf_counter() - began_s
        return executor

    @property
    def stated(self) -> str:
        """What the engine says that it has chosen."""
        return self.engine.stated if isinstance(self.engine, StatedEngine) else ""

    @property
    def engine(self) -> Engine:
        """The engine itself. Call it on its thread: `on_thread`."""
        return self.executor.engines[0]

    @cached_property
    def _served(self) -> SlimmableModel:
        """As torch runs it, on a processor too: this is what GPUs are served with, and no other library is needed."""
        return open_slimmable("torch", None)

    def _engine(self) -> Engine:
        import torch

        options = EngineOptions(self.options.device, torch.get_num_threads(), max_batch=self.options.max_batch)
        return self._served.engine(options)

    def on_thread(self, function: Callable[[], Result]) -> Result:
        """Run it where the engine's batches run."""
        return self.executor.on_all(lambda engine: function())[0]

    @cached_property
    def variants(self) -> tuple[Variant, ...]:
        """Those that are checked: all, or a few from one end to the other."""
        if not self.options.short:
            return self.model.variants
        chosen = {("w025e1", 128), ("w100e2", 128), ("w050e2", 256)}
        return tuple(each for each in self.model.variants if (each.network, each.resolution) in chosen)

    @property
    def batches(self) -> tuple[int, ...]:
        """Sizes of batches that are checked."""
        most = self.model.most(self.options.max_batch)
        return tuple(sorted({1, 3, most} if self.options.short else range(1, most + 1)))

    @property
    def largest(self) -> Variant:
        """The most accurate of those that are checked."""
        return self.variants[-1]

    def images(self, variant: Variant, count: int) -> list[Image]:
        """Frames as a camera sends them for it."""
        frames = frames_at(*self.model.usual_frame(variant.resolution))
        return [frames[number % len(frames)] for number in range(count)]

    def seconds(self, variant: Variant, batch: int) -> float:
        """One batch, frames in to answers out."""
        images = self.images(variant, batch)

        def timed(engine: Engine) -> float:
            began_s = time.perf_counter()
            answers(engine, images, [variant] * batch)
            return time.perf_counter() - began_s

        return self.executor.on_all(timed)[0]

    def measure(
        self, variants: Sequence[Variant], batches: Sequence[int], ends_s: float, least: int = 3, most: int = 60
    ) -> int:
        """Time all of these in turns until the clock says `ends_s`, `least` rounds at least; how many there were.

        A moment in which the machine does something else so falls on all of them alike. The first round warms up.
        """
        for variant in variants:
            for batch in batches:
                self.seconds(variant, batch)
        rounds = 0
        while rounds < least or (rounds < most and time.perf_counter() < ends_s):
            for variant in variants:
                for batch in batches:
                    self._times.setdefault((variant, batch), []).append(self.seconds(variant, batch))
            rounds += 1
        return rounds

    def forget(self, variant: Variant) -> None:
        """What has been measured of it, so that it is measured anew."""
        self._times = {shape: times for shape, times in self._times.items() if shape[0] != variant}

    def times_s(self, variant: Variant, batch: int) -> list[float]:
        """What has been measured of it, in order; measured now if nothing has."""
        if (variant, batch) not in self._times:
            self.measure([variant], [batch], time.perf_counter() + 0.5)
        return self._times[variant, batch]

    def profile(self, variants: Sequence[Variant]) -> LatencyProfile:
        """What a dispatcher needs to know of these: batches of 1 to the largest."""
        batches = range(1, self.model.most(self.options.max_batch) + 1)
        known = [batch for batch in batches if all((variant, batch) in self._times for variant in variants)]
        known = known or sorted({1, batches[-1] // 2 or 1, batches[-1]})
        rows = []
        for variant in variants:
            middle = [statistics.median(self.times_s(variant, batch)) for batch in known]
            high = [high_s(self.times_s(variant, batch)) for batch in known]
            p50, p99 = (np.maximum.accumulate(np.interp(batches, known, values)).tolist() for values in (middle, high))
            rows.append(VariantLatency(variant, tuple(p50), tuple(p99)))
        return LatencyProfile(self.options.device, "", self.model.identity, tuple(rows))


def engine_on(device: torch.device, dtype: torch.dtype) -> Engine:
    """The detector in this arithmetic, without any pipeline."""
    from jellyfish.models.slimmable.engine import DetectorEngine
    from jellyfish.models.slimmable.weights import load_weights

    return DetectorEngine(load_weights(), device, dtype)


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def high_s(times_s: Sequence[float]) -> float:
    """The 99th percentile, or the largest of few."""
    return float(np.percentile(times_s, 99))


@lru_cache
def frames_at(width: int, height: int) -> tuple[Image, ...]:
    """The frames scaled to this size. By Pillow, which comes with torchvision: OpenCV need not be there."""
    from PIL import Image as Pictures

    found = []
    for path in sorted(FRAMES.glob("*.jpg")):
        with Pictures.open(path) as picture:
            scaled = picture.convert("RGB").resize((width, height), Pictures.Resampling.BOX)
        found.append(np.asarray(scaled, np.uint8))
    return tuple(found)
