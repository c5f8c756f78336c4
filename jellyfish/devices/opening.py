"""The devices of a server: what they are called, what they are, how fast they are."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import msgspec
import numpy as np
import torch

from jellyfish.config import ServerConfig
from jellyfish.core import Variant, canvas_size
from jellyfish.devices.division import Division, choose_division, divisions
from jellyfish.devices.executor import Image, MixingEngine, TorchExecutor, detect_images, detect_mixed
from jellyfish.devices.process import give_way, usable_cores
from jellyfish.devices.profile.hardware import processor_name
from jellyfish.devices.profile.measure import Detect, measure_profile
from jellyfish.devices.profile.mixing import measure_mixing
from jellyfish.devices.profile.store import find_profile, load_profile, save_profile
from jellyfish.devices.profile.table import LatencyProfile, Subject
from jellyfish.errors import InputError
from jellyfish.models.families import AnyEngine, Detectors, identity, make_engine
from jellyfish.models.precision import inference_dtype
from jellyfish.models.torchvision.engine import ZooEngine

QUICK_PROFILE_S = 15.0
"""Time for a profile that is made because none exists; a user waits for it."""
DIVIDING_S, WARM_UP_RUNS = 1.0, 5
"""Time that each way to divide a processor is tried for, and runs before it."""

Report = Callable[[str, int, int], None]
"""Told what is being done, and how far it is: (words, steps done, steps in all)."""


@dataclass(frozen=True, slots=True)
class OpenDevice:
    """A device with everything that belongs to it."""

    name: str
    engine: AnyEngine
    profile: LatencyProfile
    executor: TorchExecutor


def torch_device(name: str) -> torch.device:
    """The device called `cpu`, `cuda` or `cuda:N`; InputError when this machine has none such."""
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"unknown device {name!r}: use cpu or cuda:N") from error
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise InputError(f"device {name!r}: this machine has no usable CUDA GPU; use --device cpu")
        if (device.index or 0) >= torch.cuda.device_count():
            raise InputError(f"device {name!r}: there are {torch.cuda.device_count()} GPUs, numbered from 0")
    elif device.type != "cpu":
        raise InputError(f"device {name!r} is not supported: use cpu or cuda:N")
    return device


def subject_of(device: torch.device, name: str, detectors: Detectors, threads: int | None) -> Subject:
    """What a profile of this device is kept under. `threads`: those of a batch on `cpu`, where the user said so."""
    software = f"torch {torch.__version__}, {str(inference_dtype(device)).removeprefix('torch.')}"
    if device.type == "cuda":
        driver = getattr(torch._C, "_cuda_getDriverVersion", lambda: "unknown")()
        return Subject(
            name, torch.cuda.get_device_name(device), identity(detectors), f"{software}, CUDA driver {driver}"
        )
    return Subject(name, processor_name(usable_cores(), threads), identity(detectors), software)


def parse_variant(name: str, known: Sequence[Variant]) -> Variant:
    """The variant called `name`; InputError that lists them."""
    for variant in known:
        if variant.name == name:
            return variant
    raise InputError(f"unknown variant {name!r}: choose one of {', '.join(variant.name for variant in known)}")


def open_devices(config: ServerConfig, detectors: Detectors, report: Report) -> list[OpenDevice]:
    """Every configured device, profiled, and with its workers."""
    if config.profile is not None and len(config.devices) > 1:
        raise InputError("a profile file is for one device: give one --device, or no --profile")
    devices = []
    for name in config.devices:
        device = torch_device(name)
        engine = make_engine(detectors, device)
        subject = subject_of(device, name, detectors, config.threads)
        profile = _given(config.profile, name) or find_profile(subject, max_batch=config.max_batch)
        if profile is None:
            opened = measured_device(engine, device, subject, config.max_batch, config.threads, QUICK_PROFILE_S, report)
        else:
            division = Division(profile.workers, profile.threads)
            opened = OpenDevice(name, engine, profile, make_executor(engine, device, division))
        _require(engine, opened.profile)
        devices.append(opened)
    return devices


def _given(path: Path | None, device: str) -> LatencyProfile | None:
    """The profile in the file that the user names. InputError if it is not one of `device`."""
    if path is None:
        return None
    profile = load_profile(path)
    if profile.device != device:
        raise InputError(f"{path} is the profile of {profile.device}, not of {device}")
    return profile


def _require(engine: AnyEngine, profile: LatencyProfile) -> None:
    missing = set(engine.variants()) - set(profile.variants)
    if missing:
        raise InputError(
            f"the profile of {profile.device} lacks the variant {min(missing).name}; run `jellyfish profile`"
        )


def make_executor(engine: AnyEngine, device: torch.device, division: Division) -> TorchExecutor:
    """The workers of a device. Those of a processor give way to the threads that all frames wait for."""
    begin = partial(_begin_worker, division.threads, device.type == "cpu")
    ready = engine.ready if isinstance(engine, ZooEngine) else None
    return TorchExecutor(engine, str(device), division.workers, begin, ready)


@contextlib.contextmanager
def alone(engine: AnyEngine, device: torch.device, threads: int) -> Iterator[Detect]:
    """One worker of a device, on `threads` processor threads, but so that a core is left for the host."""
    executor = make_executor(engine, device, Division(1, min(threads, max(1, usable_cores() - 1))))
    try:
        yield partial(_on_all, executor, engine)
    finally:
        executor.close()


def _begin_worker(threads: int, on_processor: bool) -> None:
    set_threads(threads)
    if on_processor:
        give_way()


def set_threads(threads: int) -> None:
    """Have the calling thread run networks on so many processor threads. Frames are scaled on one."""
    torch.set_num_threads(threads)
    cv2.setNumThreads(1)


def measured_device(
    engine: AnyEngine,
    device: torch.device,
    subject: Subject,
    max_batch: int,
    threads: int | None,
    budget_s: float | None,
    report: Report,
) -> OpenDevice:
    """Divide a device into workers, measure them all at work, and save the profile where the next start finds it.

    What is measured are the very workers that will serve.
    """
    division, words = _divide(engine, device, threads, report)
    executor = make_executor(engine, device, division)
    profile = measure_profile(
        partial(_on_all, executor, engine),
        subject,
        engine.variants(),
        max_batch,
        budget_s,
        partial(report, f"measuring {subject.device}" + ("" if budget_s is None else " (a quick profile)")),
    )
    mixes: tuple[int, ...] = ()
    if isinstance(engine, MixingEngine):
        mixed = partial(executor.on_all, detect_mixed, engine)
        mixes = measure_mixing(partial(_on_all, executor, engine), mixed, engine.variants(), max_batch)
    profile = msgspec.structs.replace(
        profile, mixes=mixes, workers=division.workers, threads=division.threads, division=words
    )
    save_profile(profile)
    return OpenDevice(subject.device, engine, profile, executor)


def _on_all(executor: TorchExecutor, engine: AnyEngine, variant: Variant, images: Sequence[Image]) -> object:
    return executor.on_all(detect_images, engine, variant, images)


def _divide(engine: AnyEngine, device: torch.device, threads: int | None, report: Report) -> tuple[Division, str]:
    """How many workers a device gets, and why. One where it is no processor or its engine bears only one."""
    cores = usable_cores()
    if device.type != "cpu":
        return Division(1, 1), ""
    if isinstance(engine, ZooEngine):
        return Division(1, threads or cores), ""
    ways = divisions(cores, threads)

    def rate_fps(division: Division) -> float:
        report(f"dividing {device}", ways.index(division), len(ways))
        return _rate_fps(engine, device, division)

    return choose_division(ways, rate_fps)


def _rate_fps(engine: AnyEngine, device: torch.device, division: Division) -> float:
    """Frames a second that the workers of a division answer together, of the middle variant, one by one."""
    variants = engine.variants()
    variant = variants[len(variants) // 2]
    image = np.zeros((*canvas_size(variant.resolution), 3), dtype=np.uint8)
    executor = make_executor(engine, device, division)
    try:
        for _ in range(WARM_UP_RUNS):
            executor.on_all(detect_images, engine, variant, [image])
        counts = executor.on_all(_frames_within, engine, variant, image)
    finally:
        executor.close()
    return sum(counts) / DIVIDING_S


def _frames_within(engine: AnyEngine, variant: Variant, image: Image) -> int:
    ends_s = time.perf_counter() + DIVIDING_S
    count = 0
    while time.perf_counter() < ends_s:
        detect_images(engine, variant, [image])
        count += 1
    return count


def in_words(devices: Sequence[OpenDevice]) -> str:
    """The devices, and how those that have several workers are divided."""
    return ", ".join(
        f"{each.name}: {each.profile.division}" if each.profile.division else each.name for each in devices
    )


def loading_notes(devices: Sequence[OpenDevice]) -> list[str]:
    """What loading networks has cost each device that does so, warming up included, in words."""
    lines = []
    for device in devices:
        if isinstance(device.engine, ZooEngine):
            loads = device.engine.loads
            lines.append(
                f"{device.name}: {loads.loads} networks loaded, {1000 * loads.mean_load_s:.0f} ms each; the planned "
                f"one was there for {loads.hits} batches, another stood in for {loads.misses}."
            )
    return lines
