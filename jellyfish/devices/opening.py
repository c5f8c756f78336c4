"""The devices of a server: what they are called, what they are, how fast they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from jellyfish.config import ServerConfig
from jellyfish.devices.division import Division
from jellyfish.devices.executor import LoadingEngine, TorchExecutor
from jellyfish.devices.measuring import QUICK_PROFILE_S, measured_profile
from jellyfish.devices.processes import asked
from jellyfish.devices.profile.given import chosen_profile, require_variants
from jellyfish.devices.profile.hardware import processor_name
from jellyfish.devices.profile.table import LatencyProfile, Subject
from jellyfish.devices.workers import Report, Workplace
from jellyfish.models.families import Detectors


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
    require_variants(workplace.detectors.variants(), profile)
    if executor is None:
        return OpenDevice(workplace.device, profile, workplace.executor(Division(profile.workers, profile.threads)))
    executor.keep(profile.workers)
    return OpenDevice(workplace.device, profile, executor, measured=True)


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
