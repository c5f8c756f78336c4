"""What a number of devices would do for the cameras, by the project's own planner; and what no number of them can.
Pure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from statistics import fmean, median
from typing import Literal

import msgspec

from jellyfish.control.capacity import device_capacities, lone, mappable_clients
from jellyfish.control.host import ALLOWED
from jellyfish.control.planners import make_planner
from jellyfish.control.problem import ClientDemand, DeviceOption, Plan, Planner, Problem
from jellyfish.devices.profile.host import HostCosts
from jellyfish.dispatch.dispatcher import Dispatcher
from jellyfish.lab.simulation.model import SimulatedModel
from jellyfish.lab.simulation.timed_executor import TimedExecutor
from jellyfish.lab.sizing.demands import CameraLook
from jellyfish.server.service import LEAST_DEVICE_CARE, MOST_DEVICE_CARE

STEPS = 300
"""Of a search for a plan; what more of them find is hardly ever better."""
SAME = 0.005
"""Accuracy by which what binds is not told apart."""
Binds = Literal["devices", "links", "deadline", "nothing"]
"""What keeps answers from being more accurate: too few devices; the links; that one frame takes a device too long for
the deadline, whatever the link; or nothing, and the most accurate variant runs everywhere."""
Cares = Mapping[str, float]
"""Group -> how careful plans for its cameras are."""


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """So many devices, planned for. Means over the moments that were looked at."""

    devices: int
    cameras: int
    served: float
    """Cameras that have a place."""
    servable: float
    """Those that a device of their own could serve: their link leaves it the time."""
    accuracy: float
    """Expected, over all frames; one of a camera without a place counts 0."""
    busy: float
    """Share of the devices' time."""
    resolution: float
    """Of the frames, in the mean."""
    binds: Binds

    @property
    def all_served(self) -> bool:
        """Whether more devices would serve nobody else."""
        return self.served >= self.servable


class Possible(msgspec.Struct, frozen=True, kw_only=True):
    """What cameras could have with a device each: no number of devices does better."""

    servable: float
    accuracy: float
    near: float
    """The same with links that take no time."""
    best: float
    """The most accurate variant's."""


def options_of(kind: SimulatedModel, count: int, max_batch: int, care: float) -> tuple[DeviceOption, ...]:
    """So many devices, as a server's planner sees them when they are as quick as profiled. `care`: of the cameras."""
    variants, most = kind.variants, min(max_batch, kind.profile.max_batch)
    dispatcher = Dispatcher(TimedExecutor(kind.profile), kind.profile, variants[0], most)
    care = min(max(care, LEAST_DEVICE_CARE), MOST_DEVICE_CARE)
    one = DeviceOption(
        "", dispatcher.latency_table(variants, 0.0, care), dispatcher.workers, dispatcher.occupancy_table(variants),
        dispatcher.spare,
    )  # fmt: skip
    return tuple(msgspec.structs.replace(one, device=f"device-{number}") for number in range(count))


def problem_of_look(
    kind: SimulatedModel, looks: Sequence[CameraLook], devices: int, max_batch: int, cares: Cares
) -> Problem:
    """The cameras at one moment, and so many devices."""
    variants, care = kind.variants, median(cares[look.group.name] for look in looks)
    return Problem(
        clients=tuple(look.demand(variants, cares[look.group.name]) for look in looks),
        devices=options_of(kind, devices, max_batch, care),
        variants=variants,
        accuracy=tuple(kind.accuracy(variant) for variant in variants),
    )


def stepped_planner(name: str, seed: int, steps: int) -> Planner:
    """The planner called so, which ends after so many steps of its search and not after a time: the same everywhere."""
    return make_planner(name, seed, itertools.count(0.0).__next__, steps)


def outlook(problems: Sequence[Problem], possible: Possible, planner: str, seed: int) -> Outlook:
    """Plan each moment's problem anew."""
    plans = [stepped_planner(planner, seed, STEPS).plan(problem, None) for problem in problems]
    pairs = list(zip(problems, plans, strict=True))
    accuracy = fmean(_earned(problem, plan) for problem, plan in pairs)
    served = fmean(len(plan.clients) for plan in plans)
    return Outlook(
        devices=len(problems[0].devices),
        cameras=len(problems[0].clients),
        served=served,
        servable=possible.servable,
        accuracy=accuracy,
        busy=fmean(_busy(problem, plan) for problem, plan in pairs),
        resolution=fmean(_resolution(problem, plan) for problem, plan in pairs),
        binds=binding(served, accuracy, possible),
    )


def binding(served: float, accuracy: float, possible: Possible) -> Binds:
    """What binds where so many are served with so much accuracy."""
    if served < possible.servable or accuracy < possible.accuracy - SAME:
        return "devices"
    if possible.accuracy < possible.near - SAME:
        return "links"
    return "deadline" if possible.near < possible.best - SAME else "nothing"


def _earned(problem: Problem, plan: Plan) -> float:
    accuracy = dict(zip(problem.variants, problem.accuracy, strict=True))
    asked = sum(demand.fps for demand in problem.clients)
    places = ((demand.fps, plan.variant_of(demand.client)) for demand in problem.clients)
    return sum(fps * accuracy[variant] for fps, variant in places if variant is not None) / asked


def _resolution(problem: Problem, plan: Plan) -> float:
    """Of a frame, in the mean; the smallest where nobody has a place."""
    planned = [(demand.fps, variant) for demand in problem.clients if (variant := plan.variant_of(demand.client))]
    if not planned:
        return float(min(problem.variants).resolution)
    return sum(fps * variant.resolution for fps, variant in planned) / sum(fps for fps, _ in planned)


def _busy(problem: Problem, plan: Plan) -> float:
    """Share of the devices' time that the frames take, in batches as full as planned ones."""
    options = {option.device: option for option in problem.devices}
    busy_s = 0.0
    for demand in problem.clients:
        variant = plan.variant_of(demand.client)
        if variant is not None:
            device = plan.clients[demand.client]
            batch = next(share.batch for share in plan.devices[device].shares if share.variant == variant)
            keeps_s = options[device].keeps_s[problem.variants.index(variant)][batch - 1]
            busy_s += demand.fps * keeps_s / batch / options[device].workers
    return busy_s / len(options)


# --- what no number of devices can do ------------------------------------------------------------------------


def possible(
    problems: Sequence[Problem], looks: Sequence[Sequence[CameraLook]], near: Mapping[str, ClientDemand]
) -> Possible:
    """What each camera could have alone. `near`: group -> one of it whose link takes no time."""
    beside = [_beside_server(problem, moment, near) for problem, moment in zip(problems, looks, strict=True)]
    alone = [mappable_clients(problem, device_capacities(problem.devices)) for problem in problems]
    return Possible(
        servable=fmean(map(len, alone)),
        accuracy=fmean(map(alone_accuracy, problems)),
        near=fmean(map(alone_accuracy, beside)),
        best=max(problems[0].accuracy),
    )


def _beside_server(problem: Problem, looks: Sequence[CameraLook], near: Mapping[str, ClientDemand]) -> Problem:
    clients = (
        msgspec.structs.replace(demand, budget_s=near[look.group.name].budget_s)
        for demand, look in zip(problem.clients, looks, strict=True)
    )
    return msgspec.structs.replace(problem, clients=tuple(clients))


def alone_accuracy(problem: Problem) -> float:
    """Expected over all frames, had each camera a device to itself."""
    option = problem.devices[0]
    asked = sum(demand.fps for demand in problem.clients)
    return sum(demand.fps * _most(problem, option, demand) for demand in problem.clients) / asked


def _most(problem: Problem, option: DeviceOption, demand: ClientDemand) -> float:
    (capacities,) = device_capacities((option,))
    most = 0.0
    for index, (accuracy, budget_s) in enumerate(zip(problem.accuracy, demand.budget_s, strict=True)):
        single_s = option.keeps_s[index][0]
        free = budget_s >= option.latency_s[index][0] and lone(demand.fps, single_s, option.spare)
        if free or demand.fps < capacities[index].rate_within(budget_s):
            most = max(most, accuracy)
    return most


def why_not(kind: SimulatedModel, looks: Sequence[Sequence[CameraLook]], problems: Sequence[Problem]) -> list[str]:
    """Of the groups of which no device can serve a camera at any moment: why, a sentence each."""
    by_group: dict[str, list[tuple[CameraLook, ClientDemand]]] = {}
    served: set[str] = set()
    for moment, problem in zip(looks, problems, strict=True):
        mappable = set(mappable_clients(problem, device_capacities(problem.devices)))
        for index, (look, demand) in enumerate(zip(moment, problem.clients, strict=True)):
            by_group.setdefault(look.group.name, []).append((look, demand))
            if index in mappable:
                served.add(look.group.name)
    option = problems[0].devices[0]
    return [_why(kind, option, known) for name, known in by_group.items() if name not in served]


def _why(kind: SimulatedModel, option: DeviceOption, known: Sequence[tuple[CameraLook, ClientDemand]]) -> str:
    """In the mean over a group's cameras."""
    group, smallest = known[0][0].group, kind.variants[0].resolution
    left_ms = 1000 * fmean(max(demand.budget_s) for _, demand in known)
    who = f"{group.name}: frames at {group.fps:g} fps over {group.trace}"
    if left_ms == 0.0:
        ways_s = [look.estimator.beside_device_s(look.now, smallest)[0] for look, _ in known]
        if min(ways_s) < group.slo_ms / 1000:
            return f"{who}: the uplink does not carry so many frames a second, not even of {smallest} pixels"
        return (
            f"{who}: network and overheads alone take {1000 * fmean(ways_s):.0f} ms for a frame of {smallest} pixels, "
            f"the deadline is {group.slo_ms:g} ms"
        )
    least_ms = 1000 * min(row[0] for row in option.latency_s)
    return (
        f"{who}: of the {group.slo_ms:g} ms, {left_ms:.0f} ms are left for the device, whose quickest variant takes "
        f"{least_ms:.0f} ms for a frame, and as long again for one that it has to wait for"
    )


# --- fronts --------------------------------------------------------------------------------------------------


class Front(msgspec.Struct, frozen=True, kw_only=True):
    """What the frames cost the servers' own machines."""

    most_fps: float
    """Frames a second that one front's event loop carries."""
    fronts: int
    """Event loops, so."""
    decoding_cores: float
    """Cores that decoding takes, of all fronts together."""


def front_of(host: HostCosts | None, fps: float, resolution: float) -> Front | None:
    """For `fps` frames a second of `resolution`; None where the profile does not say what they cost."""
    if host is None:
        return None
    most_fps = ALLOWED / host.server_s if host.server_s > 0 else math.inf
    return Front(
        most_fps=most_fps,
        fronts=max(1, math.ceil(fps / most_fps)),
        decoding_cores=fps * host.decoding_s(round(resolution)),
    )
