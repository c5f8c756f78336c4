"""The devices of a server: what they are called, what they are, how fast they are."""

from __future__ import annotations

import contextlib
import os
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
from jellyfish.devices.executor import Engine, Image, MixingEngine, TorchExecutor, detect_images, detect_mixed
from jellyfish.devices.process import give_way, sharing_workers, tune_process, worker_cores
from jellyfish.devices.profile.hardware import processor_name
from jellyfish.devices.profile.measure import Detect, measure_profile
from jellyfish.devices.profile.mixing import measure_mixing
from jellyfish.devices.profile.store import find_profile, load_profile, save_profile
from jellyfish.devices.profile.table import LatencyProfile, Subject
from jellyfish.devices.remote_engine import RemoteEngine
from jellyfish.errors import InputError
from jellyfish.models.families import AnyEngine, Detectors, identity, make_engine
from jellyfish.models.precision import inference_dtype
from jellyfish.models.slimmable.engine import DetectorEngine
from jellyfish.models.slimmable.weights import load_weights
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


def subject_of(
    device: torch.device, name: str, detectors: Detectors, cores: Sequence[int], threads: int | None
) -> Subject:
    """What a profile of this device is kept under. `threads`: those of a batch on `cpu`, where the user said so."""
    software = f"torch {torch.__version__}, {str(inference_dtype(device)).removeprefix('torch.')}"
    if device.type == "cuda":
        driver = getattr(torch._C, "_cuda_getDriverVersion", lambda: "unknown")()
        return Subject(
            name, torch.cuda.get_device_name(device), identity(detectors), f"{software}, CUDA driver {driver}"
        )
    return Subject(name, processor_name(len(cores), threads), identity(detectors), software)


def parse_variant(name: str, known: Sequence[Variant]) -> Variant:
    """The variant called `name`; InputError that lists them."""
    for variant in known:
        if variant.name == name:
            return variant
    raise InputError(f"unknown variant {name!r}: choose one of {', '.join(variant.name for variant in known)}")


def open_devices(config: ServerConfig, detectors: Detectors, cores: Sequence[int], report: Report) -> list[OpenDevice]:
    """Every configured device, profiled, and with its workers. `cores`: the processors that a `cpu` device may use."""
    if config.profile is not None and len(config.devices) > 1:
        raise InputError("a profile file is for one device: give one --device, or no --profile")
    devices = []
    for name in config.devices:
        device = torch_device(name)
        engine = make_engine(detectors, device)
        subject = subject_of(device, name, detectors, cores, config.threads)
        profile = _given(config.profile, name) or find_profile(subject, max_batch=config.max_batch)
        if profile is None:
            profile = measured_profile(
                engine, device, subject, config.weights, config.max_batch, cores, config.threads, QUICK_PROFILE_S,
                report,
            )  # fmt: skip
        if config.cameras_beside:
            profile = msgspec.structs.replace(profile, workers=profile.workers - profile.sharing, sharing=0)
        division = Division(profile.workers, profile.threads)
        opened = OpenDevice(name, engine, profile, make_executor(engine, device, division, cores, config.weights))
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


def make_executor(
    engine: AnyEngine, device: torch.device, division: Division, cores: Sequence[int], weights: Path | None
) -> TorchExecutor:
    """The workers of a device. Those of a processor have processes of their own and give way to what all frames wait
    for; static detectors, which are loaded while others run, stay here. `weights`: the slimmable network's file."""
    on_processor = device.type == "cpu"
    if on_processor and isinstance(engine, DetectorEngine):
        opened = partial(_open_engine, weights)
        places = worker_cores(cores, division.workers, division.threads)
        remote = [RemoteEngine(opened, partial(_begin_process, division.threads, each)) for each in places]
        return TorchExecutor(remote, str(device), partial(set_threads, 1))
    ready = engine.ready if isinstance(engine, ZooEngine) else None
    return TorchExecutor([engine], str(device), partial(_begin_worker, division.threads, on_processor), ready)


def _open_engine(weights: Path | None) -> DetectorEngine:
    return DetectorEngine(load_weights(weights), torch.device("cpu"))


def _begin_process(threads: int, cores: frozenset[int]) -> None:
    tune_process()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)
    _begin_worker(threads, on_processor=True)


@contextlib.contextmanager
def alone(
    engine: AnyEngine, device: torch.device, threads: int, cores: Sequence[int], weights: Path | None
) -> Iterator[Detect]:
    """One worker of a device, on `threads` processor threads, but so that a core is left for the host."""
    division = Division(1, min(threads, max(1, len(cores) - 1)))
    with contextlib.closing(make_executor(engine, device, division, cores, weights)) as executor:
        yield partial(executor.on_all, detect_images)


def _begin_worker(threads: int, on_processor: bool) -> None:
    """The settings of a worker's thread, before its first batch."""
    set_threads(threads)
    if on_processor:
        give_way()


def set_threads(threads: int) -> None:
    """Have the calling thread run networks on so many processor threads. Frames are scaled on one."""
    torch.set_num_threads(threads)
    cv2.setNumThreads(1)


def measured_profile(
    engine: AnyEngine,
    device: torch.device,
    subject: Subject,
    weights: Path | None,
    max_batch: int,
    cores: Sequence[int],
    threads: int | None,
    budget_s: float | None,
    report: Report,
) -> LatencyProfile:
    """Divide a device into workers, measure them all at work, and save the profile where the next start finds it."""
    division, words = _divide(engine, device, weights, cores, threads, report)
    mixes: tuple[int, ...] = ()
    with contextlib.closing(make_executor(engine, device, division, cores, weights)) as executor:
        detect = partial(executor.on_all, detect_images)
        told = partial(report, f"measuring {subject.device}" + ("" if budget_s is None else " (a quick profile)"))
        profile = measure_profile(detect, subject, engine.variants(), max_batch, budget_s, told)
        if isinstance(engine, MixingEngine):
            mixes = measure_mixing(detect, partial(executor.on_all, detect_mixed), engine.variants(), max_batch)
    profile = msgspec.structs.replace(
        profile,
        mixes=mixes,
        workers=division.workers,
        threads=division.threads,
        sharing=sharing_workers(len(cores), division.workers, division.threads),
        division=words,
    )
    save_profile(profile)
    return profile


def _divide(
    engine: AnyEngine,
    device: torch.device,
    weights: Path | None,
    cores: Sequence[int],
    threads: int | None,
    report: Report,
) -> tuple[Division, str]:
    """How many workers a device gets, and why. One where it is no processor or its engine bears only one."""
    if device.type != "cpu":
        return Division(1, 1), ""
    if isinstance(engine, ZooEngine):
        return Division(1, threads or len(cores)), ""
    ways = divisions(len(cores), threads)

    def rate_fps(division: Division) -> float:
        report(f"dividing {device}", ways.index(division), len(ways))
        with contextlib.closing(make_executor(engine, device, division, cores, weights)) as executor:
            return _rate_fps(executor, engine.variants())

    return choose_division(ways, rate_fps)


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
