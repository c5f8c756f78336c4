"""Measuring a device: divided into workers, all of them timed at work, and what was found saved."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import msgspec

from jellyfish.core import Variant
from jellyfish.devices.executor import EngineExecutor
from jellyfish.devices.process import sharing_workers
from jellyfish.devices.profile.measure import BatchTimes, measure_profile
from jellyfish.devices.profile.mixing import QUICK_ROUNDS, ROUNDS, measure_mixing
from jellyfish.devices.profile.store import check_folder, save_profile
from jellyfish.devices.profile.table import LatencyProfile, Subject
from jellyfish.devices.workers import Report, Workplace
from jellyfish.errors import JellyfishError, RunError
from jellyfish.models.model import Engine, Image, answers, in_words

TURNS = 3
"""Batches that an occupancy is measured over."""
QUICK_PROFILE_S = 9.0
"""Time for all variants, in a profile that is made because none exists: a user waits for it."""


class Measured(NamedTuple):
    """What was found, and the workers that it was found with."""

    profile: LatencyProfile
    executor: EngineExecutor


def measured_profile(
    workplace: Workplace,
    subject: Subject,
    max_batch: int,
    threads: int | None,
    budget_s: float | None,
    report: Report,
) -> Measured:
    """Divide a device into workers, measure them all at work, and save the profile where the next start finds it."""
    check_folder()
    division, words = workplace.divided(threads, partial(report, f"dividing {subject.device}"))
    executor = workplace.executor(division)
    try:
        profile = _timed(executor, subject, workplace.model.description.most(max_batch), budget_s, report)
    except BaseException:
        executor.close()
        raise
    profile = msgspec.structs.replace(
        profile,
        workers=division.workers,
        threads=division.threads,
        sharing=sharing_workers(len(workplace.cores), division.workers, division.threads),
        division=words,
    )
    save_profile(profile)
    return Measured(profile, executor)


def _timed(
    executor: EngineExecutor, subject: Subject, max_batch: int, budget_s: float | None, report: Report
) -> LatencyProfile:
    """Batches of one variant, and then of several."""
    note = "" if budget_s is None else " (a quick profile)"
    timed, told = partial(_first_times, executor), partial(report, f"measuring {subject.device}{note}")
    profile = measure_profile(timed, subject, executor.model, max_batch, budget_s, told)
    if not executor.model.mixes:
        return profile
    rounds = ROUNDS if budget_s is None else QUICK_ROUNDS
    told = partial(report, f"measuring mixed batches on {subject.device}")
    run = partial(executor.on_all, answers)
    return msgspec.structs.replace(
        profile, mixes=measure_mixing(run, executor.model, max_batch, progress=told, rounds=rounds)
    )


def _first_times(executor: EngineExecutor, variant: Variant, images: Sequence[Image]) -> BatchTimes:
    """What the first worker takes for a batch while all are busy. The slowest of them would say more than one takes."""
    return executor.on_all(batch_times, executor.in_flight, variant, images)[0]


def batch_times(engine: Engine, in_flight: int, variant: Variant, images: Sequence[Image]) -> BatchTimes:
    """What a batch takes by itself, and how long it keeps the engine from the next where so many are in flight.

    RunError for whatever the engine raises that is not ours.
    """
    try:
        return _batch_times(engine, in_flight, images, [variant] * len(images))
    except JellyfishError:
        raise
    except Exception as error:
        raise RunError(f"the model failed with {in_words(error)}") from error


def _batch_times(engine: Engine, in_flight: int, images: Sequence[Image], variants: Sequence[Variant]) -> BatchTimes:
    began_s = time.perf_counter()
    inputs = engine.prepare(images, variants)
    prepared_s = time.perf_counter()
    engine.finish(engine.launch(inputs))
    latency_s = time.perf_counter() - began_s
    occupancy_s = latency_s if in_flight == 1 else _turn_s(engine, in_flight, images, variants)
    return BatchTimes(latency_s, prepared_s - began_s, occupancy_s)


def _turn_s(engine: Engine, in_flight: int, images: Sequence[Image], variants: Sequence[Variant]) -> float:
    """From one answer to the next, of batches that follow each other with so many in flight."""
    handles = deque(engine.launch(engine.prepare(images, variants)) for _ in range(in_flight))
    engine.finish(handles.popleft())
    began_s = time.perf_counter()
    for _ in range(TURNS):
        handles.append(engine.launch(engine.prepare(images, variants)))
        engine.finish(handles.popleft())
    seconds = time.perf_counter() - began_s
    for handle in handles:
        engine.finish(handle)
    return seconds / TURNS
