"""The devices of a server: what they are called, what they are, how fast they are."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec
import torch

from jellyfish.config import ServerConfig
from jellyfish.core import Variant
from jellyfish.devices.division import Division
from jellyfish.devices.executor import Engine, Image, TorchExecutor, detect_images, detect_mixed
from jellyfish.devices.process import sharing_workers
from jellyfish.devices.profile.hardware import processor_name
from jellyfish.devices.profile.measure import measure_profile
from jellyfish.devices.profile.mixing import measure_mixing
from jellyfish.devices.profile.store import find_profile, load_profile, save_profile
from jellyfish.devices.profile.table import LatencyProfile, Subject
from jellyfish.devices.workers import Workplace
from jellyfish.errors import InputError
from jellyfish.models.families import Detectors, identity
from jellyfish.models.precision import inference_dtype
from jellyfish.models.torchvision.engine import ZooEngine

QUICK_PROFILE_S = 15.0
"""Time for a profile that is made because none exists; a user waits for it."""
Report = Callable[[str, int, int], None]
"""Told what is being done, and how far it is: (words, steps done, steps in all)."""


@dataclass(frozen=True, slots=True)
class OpenDevice:
    """A device with everything that belongs to it."""

    name: str
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


def subject_of(workplace: Workplace, name: str, threads: int | None) -> Subject:
    """What a profile of this device is kept under. `threads`: those of a batch on `cpu`, where the user said so."""
    device, weights = workplace.device, identity(workplace.detectors)
    software = f"torch {torch.__version__}, {str(inference_dtype(device)).removeprefix('torch.')}"
    if device.type != "cuda":
        return Subject(name, processor_name(len(workplace.cores), threads), weights, software)
    driver = getattr(torch._C, "_cuda_getDriverVersion", lambda: "unknown")()
    return Subject(name, torch.cuda.get_device_name(device), weights, f"{software}, CUDA driver {driver}")


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
        workplace = Workplace(device, detectors, config.weights, cores)
        subject = subject_of(workplace, name, config.threads)
        profile = _given(config.profile, name) or find_profile(subject, max_batch=config.max_batch)
        if profile is None:
            profile = measured_profile(workplace, subject, config.max_batch, config.threads, QUICK_PROFILE_S, report)
        if config.cameras_beside:
            profile = profile.beside_cameras()
        _require(detectors.variants(), profile)
        executor = workplace.executor(Division(profile.workers, profile.threads))
        devices.append(OpenDevice(name, profile, executor))
    return devices


def _given(path: Path | None, device: str) -> LatencyProfile | None:
    """The profile in the file that the user names. InputError if it is not one of `device`."""
    if path is None:
        return None
    profile = load_profile(path)
    if profile.device != device:
        raise InputError(f"{path} is the profile of {profile.device}, not of {device}")
    return profile


def _require(variants: Sequence[Variant], profile: LatencyProfile) -> None:
    missing = set(variants) - set(profile.variants)
    if missing:
        raise InputError(
            f"the profile of {profile.device} lacks the variant {min(missing).name}; run `jellyfish profile`"
        )


def measured_profile(
    workplace: Workplace,
    subject: Subject,
    max_batch: int,
    threads: int | None,
    budget_s: float | None,
    report: Report,
) -> LatencyProfile:
    """Divide a device into workers, measure them all at work, and save the profile where the next start finds it."""
    variants, mixes = workplace.detectors.variants(), tuple[int, ...]()
    division, words = workplace.divided(threads, partial(report, f"dividing {subject.device}"))
    with contextlib.closing(workplace.executor(division)) as executor:
        detect, timed = partial(executor.on_all, detect_images), partial(_first_seconds, executor)
        told = partial(report, f"measuring {subject.device}" + ("" if budget_s is None else " (a quick profile)"))
        profile = measure_profile(timed, subject, variants, max_batch, budget_s, told)
        if executor.mixes:
            mixes = measure_mixing(detect, partial(executor.on_all, detect_mixed), variants, max_batch)
    profile = msgspec.structs.replace(
        profile,
        mixes=mixes,
        workers=division.workers,
        threads=division.threads,
        sharing=sharing_workers(len(workplace.cores), division.workers, division.threads),
        division=words,
    )
    save_profile(profile)
    return profile


def _first_seconds(executor: TorchExecutor, variant: Variant, images: Sequence[Image]) -> float:
    """What the first worker takes for a batch while all are busy. The slowest of them would say more than one takes."""
    return executor.on_all(_seconds, variant, images)[0]


def _seconds(engine: Engine, variant: Variant, images: Sequence[Image]) -> float:
    began_s = time.perf_counter()
    detect_images(engine, variant, images)
    return time.perf_counter() - began_s


def in_words(devices: Sequence[OpenDevice]) -> str:
    """The devices, and how those that have several workers are divided."""
    return ", ".join(
        f"{each.name}: {each.profile.division}" if each.profile.division else each.name for each in devices
    )


def loading_notes(devices: Sequence[OpenDevice]) -> list[str]:
    """What loading networks has cost each device that does so, warming up included, in words."""
    zoos = [(each.name, engine) for each in devices for engine in each.executor.engines]
    return [
        f"{name}: {engine.loads.loads} networks loaded, {1000 * engine.loads.mean_load_s:.0f} ms each; the planned one "
        f"was there for {engine.loads.hits} batches, another stood in for {engine.loads.misses}."
        for name, engine in zoos
        if isinstance(engine, ZooEngine)
    ]
