"""`jellyfish plan`: plan given instances, "what if" for capacity planning. The file's format is in docs/planning.md."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import msgspec
from rich.console import Console
from rich.table import Table

from jellyfish.control.capacity import device_capacities, mappable_clients
from jellyfish.control.planners import make_planner
from jellyfish.control.planners.shared import SharedPlanner
from jellyfish.control.problem import ClientDemand, DeviceOption, Plan, Problem
from jellyfish.core import Variant
from jellyfish.errors import InputError
from jellyfish.lab.studies.bound import Bound, plan_bound

SEE = "see docs/planning.md for the format"
BOUND_SHARE = 2.0
"""Time for the bound, as a multiple of the planner's."""
SAME = 1e-6
"""An accuracy this close to its bound is optimal."""
Positive = Annotated[float, msgspec.Meta(gt=0, le=1e9)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class InstanceClient(msgspec.Struct, frozen=True):
    """One camera: frames per second, deadline, uplink."""

    fps: Positive
    slo_ms: Positive
    bw_kbps: Annotated[float, msgspec.Meta(ge=0, le=1e9)]


class InstanceModels(msgspec.Struct, frozen=True):
    """The variants, from the smallest to the largest: `latency_ms[m][batch - 1]`."""

    accuracy: Annotated[tuple[Share, ...], msgspec.Meta(min_length=1)]
    latency_ms: tuple[Annotated[tuple[Positive, ...], msgspec.Meta(min_length=1)], ...]
    frame_kbits: tuple[Positive, ...]


class Instance(msgspec.Struct, frozen=True):
    """One question: these clients on so many devices that are alike. Further keys of a file are ignored."""

    n_gpus: Annotated[int, msgspec.Meta(ge=1, le=10_000)]
    clients: Annotated[tuple[InstanceClient, ...], msgspec.Meta(max_length=10_000)]
    models: InstanceModels


class PlannedDevice(msgspec.Struct, frozen=True):
    """What one device runs, and the clients (by index) that it serves."""

    variant: int
    batch: int
    clients: list[int]


class SharedDevice(msgspec.Struct, frozen=True):
    """What one device runs in turn: batches, one per variant; its clients, and the variant of each of these."""

    variants: list[int]
    batch: list[int]
    clients: list[int]
    client_variants: list[int]


class WhatIfAnswer(msgspec.Struct, frozen=True):
    """The plan of one instance, as `--json` writes it."""

    planner: str
    effective: int
    mapped: int
    accuracy: float
    devices: list[PlannedDevice] | list[SharedDevice]
    assign: list[int | None]
    optimal: bool
    bound: float
    solve_ms: float


def plan(path: Path, planner: str, time_budget_s: float, as_json: bool, console: Console) -> None:
    """Plan every instance in the file; a table, or JSON on standard output."""
    make_planner(planner, 0)
    answers = [answer(instance, planner, time_budget_s) for instance in load_instances(path)]
    if as_json:
        sys.stdout.buffer.write(msgspec.json.encode(answers) + b"\n")
        sys.stdout.flush()
    else:
        console.print(answers_table(answers))


def load_instances(path: Path) -> list[Instance]:
    """The instances in a JSON file, one or a list; InputError that says what is wrong with it."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}; {SEE}") from error
    kind: Any = list[Instance] if text.lstrip().startswith(b"[") else Instance
    try:
        found = msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InputError(f"{path} holds no planning instances: {error}; {SEE}") from error
    instances = found if isinstance(found, list) else [found]
    if not instances:
        raise InputError(f"{path} holds an empty list: give at least one instance; {SEE}")
    for number, instance in enumerate(instances):
        _check(instance.models, f"{path}, instance {number}")
    return instances


def _check(models: InstanceModels, where: str) -> None:
    counts = {len(models.accuracy), len(models.latency_ms), len(models.frame_kbits)}
    if len(counts) > 1:
        raise InputError(
            f"{where}: models.accuracy, latency_ms and frame_kbits have {len(models.accuracy)}, "
            f"{len(models.latency_ms)} and {len(models.frame_kbits)} entries; each needs one per model"
        )
    if len({len(row) for row in models.latency_ms}) > 1:
        raise InputError(
            f"{where}: the rows of models.latency_ms differ in length; each needs one latency per batch size"
        )


def problem_of(instance: Instance) -> Problem:
    """`instance` as the planners know it. A model is called by its index; network time is frame / bandwidth."""
    models = instance.models
    table = tuple(tuple(latency_ms / 1000.0 for latency_ms in row) for row in models.latency_ms)
    return Problem(
        clients=tuple(
            ClientDemand(str(index), client.fps, tuple(_budget_s(client, kbits) for kbits in models.frame_kbits))
            for index, client in enumerate(instance.clients)
        ),
        devices=tuple(DeviceOption(str(index), table) for index in range(instance.n_gpus)),
        variants=tuple(Variant(index, "model") for index in range(len(models.accuracy))),
        accuracy=models.accuracy,
    )


def _budget_s(client: InstanceClient, frame_kbits: float) -> float:
    if not client.bw_kbps / frame_kbits > client.fps:
        return 0.0
    return max(0.0, client.slo_ms / 1000.0 - frame_kbits / client.bw_kbps)


def answer(instance: Instance, planner: str, time_budget_s: float) -> WhatIfAnswer:
    """Plan `instance`, and say how good the plan is. Accuracy and bound are shares of all effective clients' rates."""
    problem = problem_of(instance)
    effective = [index for index, client in enumerate(problem.clients) if client.budget_s[0] > 0.0]
    asked = sum(problem.clients[index].fps for index in effective)
    policy = make_planner(planner, 0, time_budget_s=time_budget_s)
    began_s = time.perf_counter()
    found = policy.plan(problem, None)
    solve_ms = 1000.0 * (time.perf_counter() - began_s)
    accuracy = _earned(problem, found) / asked if asked else 0.0
    proved = bool(getattr(policy, "proved", False))
    if isinstance(policy, SharedPlanner):
        bound = policy.bound * _mappable_fps(problem) / asked if asked else 0.0
    else:
        most, bound = len(found.clients), accuracy
        if not proved:
            most, bound = _bound(problem, found, asked, BOUND_SHARE * time_budget_s)
        proved = len(found.clients) == most and accuracy >= bound - SAME
    return WhatIfAnswer(
        planner=planner,
        effective=len(effective),
        mapped=len(found.clients),
        accuracy=accuracy,
        devices=_shared_devices(problem, found) if isinstance(policy, SharedPlanner) else _devices(problem, found),
        assign=[_place(found, client.client) for client in problem.clients],
        optimal=proved,
        bound=bound,
        solve_ms=solve_ms,
    )


def _place(found: Plan, client: str) -> int | None:
    device = found.clients.get(client)
    return None if device is None else int(device)


def _earned(problem: Problem, found: Plan) -> float:
    variants = {client.client: found.variant_of(client.client) for client in problem.clients}
    return sum(
        client.fps * problem.accuracy[variant.resolution]
        for client in problem.clients
        if (variant := variants[client.client]) is not None
    )


def _mappable_fps(problem: Problem) -> float:
    mappable = mappable_clients(problem, device_capacities(problem.devices))
    return sum(problem.clients[index].fps for index in mappable)


def _bound(problem: Problem, found: Plan, asked: float, time_limit_s: float) -> Bound:
    """`plan_bound`, its accuracy as a share of the effective clients' rates instead of the mappable ones'."""
    share = _mappable_fps(problem) / asked if asked else 0.0
    bound = plan_bound(problem, found, time_limit_s)
    return bound._replace(accuracy=share * bound.accuracy)


def _devices(problem: Problem, found: Plan) -> list[PlannedDevice]:
    members: dict[str, list[int]] = {option.device: [] for option in problem.devices}
    for client, device in found.clients.items():
        members[device].append(int(client))
    return [
        PlannedDevice(chosen.variant.resolution, chosen.batch, sorted(members[device]))
        for device, chosen in found.devices.items()
    ]


def _shared_devices(problem: Problem, found: Plan) -> list[SharedDevice]:
    members: dict[str, list[tuple[int, int]]] = {option.device: [] for option in problem.devices}
    for client, device in found.clients.items():
        variant = found.variants.get(client, found.devices[device].variant)
        members[device].append((int(client), variant.resolution))
    return [
        SharedDevice(
            [share.variant.resolution for share in chosen.shares],
            [share.batch for share in chosen.shares],
            [client for client, _ in sorted(members[device])],
            [variant for _, variant in sorted(members[device])],
        )
        for device, chosen in found.devices.items()
    ]


def _device_cell(device: PlannedDevice | SharedDevice) -> str:
    if isinstance(device, PlannedDevice):
        return f"{device.variant} x {device.batch}: {len(device.clients)}"
    turns = " + ".join(f"{variant} x {batch}" for variant, batch in zip(device.variants, device.batch, strict=True))
    return f"{turns}: {len(device.clients)}"


def answers_table(answers: list[WhatIfAnswer]) -> Table:
    """One row per instance."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("instance", "mapped", "accuracy", "at most", "ms"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("devices: model x batch, clients", overflow="fold")
    for number, each in enumerate(answers):
        devices = ", ".join(_device_cell(device) for device in each.devices if device.clients)
        bound = "optimal" if each.optimal else f"{each.bound:.4f}"
        mapped = f"{each.mapped}/{each.effective}"
        table.add_row(str(number), mapped, f"{each.accuracy:.4f}", bound, f"{each.solve_ms:.1f}", devices)
    return table
