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

import cv2

from jellyfish.core import Variant
from jellyfish.devices.division import Division, choose_division, divisions
from jellyfish.devices.executor import EngineExecutor, blank_frame
from jellyfish.devices.process import give_way, stands_apart, tune_process, worker_cores
from jellyfish.devices.remote_engine import RemoteEngine
from jellyfish.models.model import DEFAULT_MAX_BATCH, Engine, EngineOptions, Image, Model, answers

Report = Callable[[str, int, int], None]
"""Told what is being done, and how far it is: (words, steps done, steps in all)."""
DIVIDING_S, WARM_UP_RUNS = 1.0, 5
"""Time that each way to divide a processor is tried for, and runs before it."""


@dataclass(frozen=True, slots=True)
class Workplace:
    """A device and what its workers run."""

    device: str
    model: Model
    cores: Sequence[int]
    """The processors that a `cpu` device may use."""
    max_batch: int = DEFAULT_MAX_BATCH

    def executor(self, division: Division) -> EngineExecutor:
        """The workers. Those of a processor have processes of their own, and give way to what all frames wait for where
        that is beside them; a model that cannot be moved stays here."""
        options = EngineOptions(self.device, division.threads, max_batch=self.max_batch)
        description = self.model.description
        if self._moves:
            places = worker_cores(self.cores, division.workers, division.threads)
            makers = [partial(RemoteEngine, self.model, options, self._begin_in(each)) for each in places]
            return EngineExecutor(makers, self.device, description, scale_on_one_thread)
        begin = partial(_begin_worker, self.device == "cpu")
        in_flight = 1 if self.device == "cpu" else description.in_flight
        return EngineExecutor([partial(self.model.engine, options)], self.device, description, begin, in_flight)

    @property
    def _moves(self) -> bool:
        return self.device == "cpu" and self.model.description.movable

    def _begin_in(self, place: frozenset[int]) -> Callable[[], None]:
        return partial(_begin_process, place, not stands_apart(self.cores, place))

    def divided(self, threads: int | None, progress: Callable[[int, int], None]) -> tuple[Division, str]:
        """How many workers there are to be, and why. One where it is no processor or its model cannot be moved.

        `threads`: of each batch, where the user has decided that. `progress`: told (steps done, steps in all).
        """
        if self.device != "cpu":
            return Division(1, 1), ""
        if not self._moves:
            return Division(1, threads or len(self.cores)), ""
        ways = divisions(len(self.cores), threads)

        def rate_fps(division: Division) -> float:
            progress(ways.index(division), len(ways))
            with contextlib.closing(self.executor(division)) as executor:
                return _rate_fps(executor)

        return choose_division(ways, rate_fps)


def _begin_process(cores: frozenset[int], gives_way: bool) -> None:
    tune_process()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)
    _begin_worker(gives_way)


def _begin_worker(gives_way: bool) -> None:
    """The settings of a worker's thread, before its first batch. `gives_way`: to others on its processors."""
    scale_on_one_thread()
    if gives_way:
        give_way()


def scale_on_one_thread() -> None:
    """Have the calling thread scale frames by itself."""
    cv2.setNumThreads(1)


def _rate_fps(executor: EngineExecutor) -> float:
    """Frames a second that all workers answer together, of the middle variant, one by one."""
    variants = executor.model.variants
    variant = variants[len(variants) // 2]
    image = blank_frame(executor.model, variant)
    for _ in range(WARM_UP_RUNS):
        executor.on_all(answers, [image], [variant])
    return sum(executor.on_all(_frames_within, variant, image)) / DIVIDING_S


def _frames_within(engine: Engine, variant: Variant, image: Image) -> int:
    ends_s = time.perf_counter() + DIVIDING_S
    count = 0
    while time.perf_counter() < ends_s:
        answers(engine, [image], [variant])
        count += 1
    return count
