"""The devices of a server: what they are called, what they are, how fast they are."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from jellyfish.config import ServerConfig
from jellyfish.core import Variant
from jellyfish.devices.division import Division
from jellyfish.devices.executor import LoadingEngine, TorchExecutor
from jellyfish.devices.measuring import QUICK_PROFILE_S, measured_profile
from jellyfish.devices.profile.hardware import processor_name
from jellyfish.devices.profile.store import find_profile, load_profile
from jellyfish.devices.profile.table import LatencyProfile, Subject
from jellyfish.devices.remote_engine import asked
from jellyfish.devices.workers import Report, Workplace
from jellyfish.errors import InputError
from jellyfish.models.families import Detectors

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OpenDevice:
    """A device with everything that belongs to it."""

    name: str
    profile: LatencyProfile
    executor: TorchExecutor
    measured: bool = False
    """Whether its workers have just been measured, and so have run each variant as a batch of one."""


def subject_of(workplace: Workplace, threads: int | None) -> Subject:
    """What a profile of this device is kept under. `threads`: those of a batch on `cpu`, where the user said so."""
    name, weights = workplace.device, workplace.detectors.identity
    if name == "cpu":
        return Subject(name, processor_name(len(workplace.cores), threads), weights, asked(partial(_software, name)))
    from jellyfish.devices.torch_devices import gpu_name, software

    return Subject(name, gpu_name(name), weights, software(name))


def _software(name: str) -> str:
    from jellyfish.devices.torch_devices import software

    return software(name)


def check_profile(config: ServerConfig, detectors: Detectors) -> None:
    """InputError for a profile file that is not of the one device and the weights that it is given for."""
    if config.profile is None:
        return
    if len(config.devices) > 1:
        raise InputError("a profile file is for one device: give one --device, or no --profile")
    profile, (device,) = load_profile(config.profile), config.devices
    if profile.device != device:
        raise InputError(f"{config.profile} is the profile of {profile.device}, not of {device}")
    _require(detectors.variants(), profile)
    if profile.weights != detectors.identity:
        raise InputError(
            f"{config.profile} was measured with other weights than those that are to be served; measure these: "
            "`jellyfish profile`"
        )


def open_devices(config: ServerConfig, detectors: Detectors, cores: Sequence[int], report: Report) -> list[OpenDevice]:
    """Every configured device, profiled, and with its workers. `cores`: the processors that a `cpu` device may use."""
    return [_open(Workplace(name, detectors, config.weights, cores), config, report) for name in config.devices]


def _open(workplace: Workplace, config: ServerConfig, report: Report) -> OpenDevice:
    report(f"loading the network for {workplace.device}", 0, 1)
    subject, executor = subject_of(workplace, config.threads), None
    profile = chosen_profile(config.profile, subject, config.max_batch)
    if profile is None:
        profile, executor = measured_profile(
            workplace, subject, config.max_batch, config.threads, QUICK_PROFILE_S, report
        )
    if config.cameras_beside:
        profile = profile.beside_cameras()
    _require(workplace.detectors.variants(), profile)
    if executor is None:
        return OpenDevice(workplace.device, profile, workplace.executor(Division(profile.workers, profile.threads)))
    executor.keep(profile.workers)
    return OpenDevice(workplace.device, profile, executor, measured=True)


def chosen_profile(path: Path | None, subject: Subject, max_batch: int) -> LatencyProfile | None:
    """The profile in the file that the user names, after `check_profile`; else the saved one, or None.

    A file of other hardware or software may be meant, and is said.
    """
    if path is None:
        return find_profile(subject, max_batch=max_batch)
    profile = load_profile(path)
    theirs, ours = (", ".join(filter(None, (one.hardware, one.software))) for one in (profile, subject))
    if theirs != ours:
        logger.warning("%s was measured on %s; this is %s: what it says may be wrong here", path, theirs, ours)
    return profile


def _require(variants: Sequence[Variant], profile: LatencyProfile) -> None:
    missing = set(variants) - set(profile.variants)
    if missing:
        raise InputError(
            f"the profile of {profile.device} lacks the variant {min(missing).name}; run `jellyfish profile`"
        )


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
        if isinstance(engine, LoadingEngine)
    ]
