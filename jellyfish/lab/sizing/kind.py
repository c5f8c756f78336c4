"""The kind of device that is asked about: how long it takes, and how good what it runs is."""

from __future__ import annotations

from pathlib import Path

import msgspec

from jellyfish.devices.naming import check_device
from jellyfish.devices.opening import subject_of
from jellyfish.devices.process import usable_cores
from jellyfish.devices.profile.given import require_variants
from jellyfish.devices.profile.store import find_profile, load_profile
from jellyfish.devices.profile.table import LatencyProfile, VariantLatency
from jellyfish.devices.workers import Workplace
from jellyfish.errors import InputError
from jellyfish.lab.simulation.model import SHIPPED, SimulatedModel, load_model
from jellyfish.models.opening import open_model

ELSEWHERE = "device"
"""What a planned device is called: none of this machine's processors, which a `cpu` shares with the server."""


class _Simulated(msgspec.Struct):
    """What a model file of simulations has and a profile has not."""

    f1: tuple[float, ...]


def kind_of(
    profile: Path | None, device: str, model_name: str, weights: Path | None, max_batch: int, times_as_fast: float
) -> SimulatedModel:
    """The kind that a profile says, the saved one of `device` where none is named; InputError.

    `profile`: what `jellyfish profile` wrote, a model file as simulations take it, or the name of one that ships.
    """
    if profile is not None and _is_simulated(profile):
        kind = load_model(str(profile))
    else:
        kind = _measured(profile, device, model_name, weights, max_batch)
    if times_as_fast != 1.0:
        kind = msgspec.structs.replace(
            kind,
            origin=f"{kind.origin}; taken to be {times_as_fast:g} times as fast, which nobody has measured",
            profile=quicker(kind.profile, times_as_fast),
        )
    return kind


def _is_simulated(path: Path) -> bool:
    if (SHIPPED / f"{path}.json").is_file():
        return True
    try:
        msgspec.json.decode(path.read_bytes(), type=_Simulated)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return False
    return True


def _measured(path: Path | None, device: str, model_name: str, weights: Path | None, max_batch: int) -> SimulatedModel:
    model = open_model(model_name, weights)
    description = model.description
    if path is not None:
        found = load_profile(path)
        if found.weights != description.identity:
            raise InputError(
                f"{path} was measured with other weights than those of {description.name}, so how good its answers "
                "are is not known; name its --model and --weights"
            )
    else:
        check_device(device)
        batches = description.most(max_batch)
        subject = subject_of(Workplace(device, model, usable_cores(), batches), None)
        saved = find_profile(subject, max_batch=batches)
        if saved is None:
            raise InputError(
                f"no profile of {device} is saved here: `jellyfish profile --device {device}` measures one; or give "
                "--profile FILE, from the machine that has such a device"
            )
        found = saved
    require_variants(description.variants, found)
    kept = tuple(found.of(variant) for variant in description.variants)
    f1 = tuple(description.accuracy(variant) for variant in description.variants)
    origin = f"{found.device}: {found.measured_on}"
    return SimulatedModel(origin, msgspec.structs.replace(found, latencies=kept), f1)


def quicker(profile: LatencyProfile, times: float) -> LatencyProfile:
    """A device that takes so many times less for everything; its host is as it is."""

    def scaled(seconds: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(each / times for each in seconds)

    def entry(each: VariantLatency) -> VariantLatency:
        return msgspec.structs.replace(
            each,
            p50_s=scaled(each.p50_s),
            p99_s=scaled(each.p99_s),
            prepare_s=scaled(each.prepare_s),
            occupancy_s=scaled(each.occupancy_s),
        )

    return msgspec.structs.replace(profile, latencies=tuple(map(entry, profile.latencies)))


def elsewhere(kind: SimulatedModel) -> SimulatedModel:
    """The same, as a device that takes nothing from the server's machine."""
    return msgspec.structs.replace(kind, profile=msgspec.structs.replace(kind.profile, device=ELSEWHERE))
