"""The devices of a server: what they are called, what they are, how fast they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import cv2
import msgspec
import torch

from jellyfish.config import ServerConfig
from jellyfish.core import Variant
from jellyfish.devices.executor import MixingEngine, TorchExecutor, detect_images, detect_mixed
from jellyfish.devices.process import usable_cores
from jellyfish.devices.profile.hardware import processor_name
from jellyfish.devices.profile.measure import Subject, measure_profile
from jellyfish.devices.profile.mixing import measure_mixing
from jellyfish.devices.profile.store import find_profile, load_profile, save_profile
from jellyfish.devices.profile.table import LatencyProfile
from jellyfish.errors import InputError
from jellyfish.models.families import AnyEngine, Detectors, identity, make_engine
from jellyfish.models.torchvision.engine import ZooEngine

QUICK_PROFILE_S = 15.0
"""Time for a profile that is made because none exists; a user waits for it."""

Report = Callable[[str, int, int], None]
"""Told what is being done, and how far it is: (words, steps done, steps in all)."""


@dataclass(frozen=True, slots=True)
class OpenDevice:
    """A device with everything that belongs to it."""

    name: str
    engine: AnyEngine
    profile: LatencyProfile
    executor: TorchExecutor


def set_threads(threads: int | None) -> int:
    """Set torch's threads: by default one core is left to sockets, decoding and the event loop.

    Frames are scaled on one thread each: there are several at a time anyway.
    """
    count = threads or max(1, len(usable_cores()) - 1)
    torch.set_num_threads(count)
    cv2.setNumThreads(1)
    return count


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


def hardware_name(device: torch.device, threads: int) -> str:
    """What the device is, in words."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else processor_name(threads)


def parse_variant(name: str, known: Sequence[Variant]) -> Variant:
    """The variant called `name`; InputError that lists them."""
    for variant in known:
        if variant.name == name:
            return variant
    raise InputError(f"unknown variant {name!r}: choose one of {', '.join(variant.name for variant in known)}")


def profile_device(
    engine: AnyEngine, subject: Subject, max_batch: int, budget_s: float | None, report: Report
) -> LatencyProfile:
    """Measure `engine` and save the profile where the next start finds it."""
    words = f"measuring {subject.device}" + ("" if budget_s is None else " (a quick profile)")
    profile = measure_profile(
        partial(detect_images, engine), subject, engine.variants(), max_batch, budget_s, partial(report, words)
    )
    if isinstance(engine, MixingEngine):
        mixes = measure_mixing(
            partial(detect_images, engine), partial(detect_mixed, engine), engine.variants(), max_batch
        )
        profile = msgspec.structs.replace(profile, mixes=mixes)
    save_profile(profile)
    return profile


def open_devices(
    config: ServerConfig, detectors: Detectors, threads: int, report: Report, cpu_cores: frozenset[int] | None = None
) -> list[OpenDevice]:
    """Every configured device, profiled; `threads` is what `set_threads` has set."""
    if config.profile is not None and len(config.devices) > 1:
        raise InputError("a profile file is for one device: give one --device, or no --profile")
    devices = []
    for name in config.devices:
        device = torch_device(name)
        engine = make_engine(detectors, device)
        subject = Subject(name, hardware_name(device, threads), identity(detectors))
        if config.profile is not None:
            profile = load_profile(config.profile)
            if profile.device != name:
                raise InputError(f"{config.profile} is the profile of {profile.device}, not of {name}")
        else:
            saved = find_profile(name, subject.hardware, subject.weights, max_batch=config.max_batch)
            profile = saved or profile_device(engine, subject, config.max_batch, QUICK_PROFILE_S, report)
        missing = set(engine.variants()) - set(profile.variants)
        if missing:
            raise InputError(f"the profile of {name} lacks the variant {min(missing).name}; run `jellyfish profile`")
        ready = engine.ready if isinstance(engine, ZooEngine) else None
        executor = TorchExecutor(engine, name, cpu_cores if device.type == "cpu" else None, ready)
        devices.append(OpenDevice(name, engine, profile, executor))
    return devices


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
