"""The workers of a device: what runs on each, where, and how many there are.

The server's own process needs no torch for those of a processor, which have processes of their own.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from jellyfish.core import Variant, canvas_size
from jellyfish.devices.division import Division, choose_division, divisions
from jellyfish.devices.executor import Engine, Image, LoadingEngine, TorchExecutor, detect_images
from jellyfish.devices.process import give_way, stands_apart, tune_process, worker_cores
from jellyfish.devices.remote_engine import RemoteEngine
from jellyfish.models.families import Detectors, slimmable

if TYPE_CHECKING:
    from jellyfish.models.slimmable.engine import DetectorEngine

Report = Callable[[str, int, int], None]
"""Told what is being done, and how far it is: (words, steps done, steps in all)."""
DIVIDING_S, WARM_UP_RUNS = 1.0, 5
"""Time that each way to divide a processor is tried for, and runs before it."""


@dataclass(frozen=True, slots=True)
class Workplace:
    """A device and what its workers are made of."""

    device: str
    detectors: Detectors
    weights: Path | None
    """The file that slimmable detectors are from; None: the one that ships."""
    cores: Sequence[int]
    """The processors that a `cpu` device may use."""

    def executor(self, division: Division) -> TorchExecutor:
        """The workers. Those of a processor have processes of their own, and give way to what all frames wait for where
        that is beside them; static detectors, which are loaded while others run, stay here."""
        on_processor = self.device == "cpu"
        if on_processor and slimmable(self.detectors):
            opened = partial(_open_engine, self.weights)
            places = worker_cores(self.cores, division.workers, division.threads)
            remote = [
                RemoteEngine(
                    opened, partial(_begin_process, division.threads, each, not stands_apart(self.cores, each))
                )
                for each in places
            ]
            return TorchExecutor(remote, self.device, scale_on_one_thread)
        from jellyfish.devices.torch_devices import torch_device
        from jellyfish.models.engines import make_engine

        engine = make_engine(self.detectors, self.weights, torch_device(self.device))
        ready = engine.ready if isinstance(engine, LoadingEngine) else None
        begin = partial(_begin_worker, division.threads, on_processor)
        return TorchExecutor([engine], self.device, begin, ready)

    def divided(self, threads: int | None, progress: Callable[[int, int], None]) -> tuple[Division, str]:
        """How many workers there are to be, and why. One where it is no processor or its engine bears only one.

        `threads`: of each batch, where the user has decided that. `progress`: told (steps done, steps in all).
        """
        if self.device != "cpu":
            return Division(1, 1), ""
        if not slimmable(self.detectors):
            return Division(1, threads or len(self.cores)), ""
        ways = divisions(len(self.cores), threads)

        def rate_fps(division: Division) -> float:
            progress(ways.index(division), len(ways))
            with contextlib.closing(self.executor(division)) as executor:
                return _rate_fps(executor, self.detectors.variants())

        return choose_division(ways, rate_fps)


def _open_engine(weights: Path | None) -> DetectorEngine:
    import torch

    from jellyfish.models.slimmable.engine import DetectorEngine
    from jellyfish.models.slimmable.weights import load_weights

    return DetectorEngine(load_weights(weights), torch.device("cpu"))


def _begin_process(threads: int, cores: frozenset[int], gives_way: bool) -> None:
    tune_process()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)
    _begin_worker(threads, gives_way)


def _begin_worker(threads: int, gives_way: bool) -> None:
    """The settings of a worker's thread, before its first batch. `gives_way`: to others on its processors."""
    set_threads(threads)
    if gives_way:
        give_way()


def set_threads(threads: int) -> None:
    """Have the calling thread run networks on so many processor threads. Frames are scaled on one."""
    import torch

    torch.set_num_threads(threads)
    scale_on_one_thread()


def scale_on_one_thread() -> None:
    """Have the calling thread scale frames by itself."""
    cv2.setNumThreads(1)


def _rate_fps(executor: TorchExecutor, variants: Sequence[Variant]) -> float:
    """Frames a second that all workers answer together, of the middle variant, one by one."""
    variant = variants[len(variants) // 2]
    image = np.zeros((*canvas_size(variant.resolution), 3), dtype=np.uint8)
    for _ in range(WARM_UP_RUNS):
        executor.on_all(detect_images, variant, [image])
    return sum(executor.on_all(_frames_within, variant, image)) / DIVIDING_S


def _frames_within(engine: Engine, variant: Variant, image: Image) -> int:
    ends_s = time.perf_counter() + DIVIDING_S
    count = 0
    while time.perf_counter() < ends_s:
        detect_images(engine, variant, [image])
        count += 1
    return count
