"""The devices of a server: what they are called, what they are, how fast they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from jellyfish.config import ServerConfig
from jellyfish.devices.division import Division
from jellyfish.devices.executor import DeviceExecutor
from jellyfish.devices.measuring import QUICK_PROFILE_S, measured_profile
from jellyfish.devices.profile.given import chosen_profile, require_variants
from jellyfish.devices.profile.hardware import processor_name
from jellyfish.devices.profile.table import LatencyProfile, Subject
from jellyfish.devices.workers import Report, Workplace
from jellyfish.errors import InputError
from jellyfish.models.model import Description, Model


@dataclass(frozen=True, slots=True)
class OpenDevice:
    """A device with everything that belongs to it."""

    name: str
    profile: LatencyProfile
    executor: DeviceExecutor
    measured: bool = False
    """Whether its workers have just been measured, and so have run each variant as a batch of one."""


def subject_of(workplace: Workplace, threads: int | None) -> Subject:
    """What a profile of this device is kept under. `threads`: those of a batch on `cpu`, where the user said so."""
    name, model = workplace.device, workplace.model.description
    software = libraries_in_words(model, name)
    if name == "cpu":
        hardware = processor_name(len(workplace.cores), threads)
        return Subject(name, hardware, model.identity, software, model.name)
    from jellyfish.devices.gpus import driver_in_words, gpu_name

    return Subject(name, gpu_name(name), model.identity, f"{software}, {driver_in_words()}", model.name)


def libraries_in_words(model: Description, device: str) -> str:
    """What times depend on beside hardware and model: which versions there are of what it needs. InputError."""
    others = model.processor_libraries if device == "cpu" else None
    try:
        return ", ".join(f"{name} {version(name)}" for name in (model.libraries if others is None else others))
    except PackageNotFoundError as error:
        raise InputError(f"the model {model.name} needs {error.name}, which is not installed") from error


def open_devices(config: ServerConfig, model: Model, cores: Sequence[int], report: Report) -> list[OpenDevice]:
    """Every configured device, profiled, and with its workers. `cores`: the processors that a `cpu` device may use."""
    most = model.description.most(config.max_batch)
    return [_open(Workplace(name, model, cores, most), config, report) for name in config.devices]


def _open(workplace: Workplace, config: ServerConfig, report: Report) -> OpenDevice:
    report(f"loading the network for {workplace.device}", 0, 1)
    model, executor = workplace.model.description, None
    subject, max_batch = subject_of(workplace, config.threads), model.most(config.max_batch)
    profile = chosen_profile(config.profile, subject, max_batch)
    if profile is None:
        profile, executor = measured_profile(workplace, subject, max_batch, config.threads, QUICK_PROFILE_S, report)
    if config.cameras_beside:
        profile = profile.beside_cameras()
    require_variants(model.variants, profile)
    if executor is None:
        return OpenDevice(workplace.device, profile, workplace.executor(Division(profile.workers, profile.threads)))
    executor.keep(profile.workers)
    return OpenDevice(workplace.device, profile, executor, measured=True)


def in_words(devices: Sequence[OpenDevice]) -> str:
    """The devices, how those of several workers are divided, what networks take of their memory and run in."""
    return ", ".join(_in_words(each) for each in devices)


def _in_words(device: OpenDevice) -> str:
    profile = device.profile
    words = ", ".join(filter(None, (profile.division, profile.software)))
    words = f"{device.name}: {words}" if words else device.name
    memory_bytes = device.executor.memory_bytes
    words = f"{words}, {memory_bytes / 1e6:.0f} MB for networks" if memory_bytes else words
    return ", ".join([words, *filter(None, device.executor.stated)])


def loading_notes(devices: Sequence[OpenDevice]) -> list[str]:
    """What loading networks has cost each device that does so, warming up included, in words."""
    return [f"{each.name}: {engine.loading}" for each in devices for engine in each.executor.loading]
