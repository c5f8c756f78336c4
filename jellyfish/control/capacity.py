"""Which clients can a device serve with a variant? The model that every planner shares, and its check. Pure.

Source: Jellyfish (RTSS 2022). A device that runs a variant in batches of b serves a set of clients when the sum of
their rates is below b / l(b), and twice l(b) fits each one's budget: a frame may just miss a batch, then wait for it.

A device that runs several variants in turn, v in batches of b_v, has a cycle of T = sum of l_v(b_v). It serves its
clients when the sum of the rates on each v is below b_v / T, so that a batch takes all frames of a cycle, and
T + l_v(b_v) fits the budget of each client on v: a frame may just miss its batch, then wait for one cycle. With one
variant this is the rule above.

Beyond the paper: a device's only client finds it free when its frames come further apart than one takes, so one l(1)
has to fit its budget and not two (`lone`). Should the network bring two at once, the second runs narrower.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from jellyfish.control.problem import ClientDemand, DeviceOption, DevicePlan, Plan, Problem, Share
from jellyfish.core import Variant

LONE_BUSY = 0.8
"""Most of the time between two frames that a device may take for one of them, so that the network may hold up a frame
by the rest before the next one waits for it."""
Capacities = tuple["VariantCapacity", ...]
"""One device's capacity, per variant."""
Serving = Mapping[int, tuple[int, Sequence[int]]]
"""Device index -> (variant index, indices of the clients it serves)."""


class VariantCapacity(NamedTuple):
    """One variant on one device, at its useful batch sizes; all three rise together."""

    batches: tuple[int, ...]
    worst_s: tuple[float, ...]
    """Time from a frame's arrival to its answer at the worst: 2 x l(b)."""
    rate_fps: tuple[float, ...]
    """Throughput b / l(b)."""

    def choice(self, budget_s: float) -> int:
        """Index of the largest useful batch that `budget_s` allows; -1 if it allows none."""
        return bisect_right(self.worst_s, budget_s) - 1

    def rate_within(self, budget_s: float) -> float:
        """Throughput at the largest useful batch that `budget_s` allows; 0 if it allows none."""
        index = self.choice(budget_s)
        return 0.0 if index < 0 else self.rate_fps[index]


def lone(fps: float, single_s: float) -> bool:
    """Whether a device's only client finds it free with each frame, where one takes `single_s`."""
    return fps * single_s <= LONE_BUSY


def variant_capacity(latency_s: Sequence[float]) -> VariantCapacity:
    """The useful batches of a table of latencies (index 0: batch of one): those that raise the throughput.

    A measured table need not be smooth, so a batch is also left out when another one is no slower and serves more.
    """
    useful: list[tuple[int, float, float]] = []
    for batch, seconds in sorted(enumerate(latency_s, start=1), key=lambda entry: (entry[1], -entry[0])):
        rate_fps = batch / seconds
        if not useful or rate_fps > useful[-1][2]:
            useful.append((batch, 2.0 * seconds, rate_fps))
    batches, worst_s, rates = zip(*useful, strict=True)
    return VariantCapacity(batches, worst_s, rates)


def device_capacities(devices: Iterable[DeviceOption]) -> tuple[Capacities, ...]:
    """Every device's capacity; devices with equal tables share one object."""
    known: dict[tuple[tuple[float, ...], ...], Capacities] = {}
    for device in (devices := tuple(devices)):
        if device.latency_s not in known:
            known[device.latency_s] = tuple(variant_capacity(row) for row in device.latency_s)
    return tuple(known[device.latency_s] for device in devices)


def mappable_clients(problem: Problem, capacities: Iterable[Capacities]) -> list[int]:
    """Indices of the clients that some device could serve with some variant, had it no other client."""
    different = list({id(table): table for table in capacities}.values())

    def servable(client: ClientDemand) -> bool:
        return any(
            client.fps < capacity.rate_within(budget_s)
            for table in different
            for capacity, budget_s in zip(table, client.budget_s, strict=True)
        )

    return [index for index, client in enumerate(problem.clients) if servable(client)]


def kept_variant(problem: Problem, running: Plan | None, device: int) -> int | None:
    """Index of the variant that `device` runs now; None when it runs none of the problem's."""
    in_force = running.devices.get(problem.devices[device].device) if running else None
    if in_force is None or in_force.variant not in problem.variants:
        return None
    return problem.variants.index(in_force.variant)


def complete_plan(problem: Problem, running: Plan | None, serving: Serving) -> Plan:
    """`serving` as a plan: batches filled in, idle devices left as they are (at first: the smallest variant)."""
    capacities = device_capacities(problem.devices)
    smallest = min(range(len(problem.variants)), key=problem.variants.__getitem__)
    devices: dict[str, DevicePlan] = {}
    clients: dict[str, str] = {}
    earned = 0.0
    for index, option in enumerate(problem.devices):
        kept = kept_variant(problem, running, index)
        variant, members = serving.get(index, (smallest if kept is None else kept, ()))
        batch = 1
        if members:
            capacity = capacities[index][variant]
            tightest_s = min(problem.clients[member].budget_s[variant] for member in members)
            batch = capacity.batches[capacity.choice(tightest_s)]
        devices[option.device] = DevicePlan(problem.variants[variant], batch)
        clients.update((problem.clients[member].client, option.device) for member in members)
        earned += problem.accuracy[variant] * sum(problem.clients[member].fps for member in members)
    mappable = mappable_clients(problem, capacities)
    asked = sum(problem.clients[index].fps for index in mappable)
    return Plan(devices, clients, len(mappable), earned / asked if asked else 0.0)


def idle_plan(problem: Problem, running: Plan | None) -> Plan:
    """The plan that maps nobody: every device stays as it is."""
    return complete_plan(problem, running, {})


def cycle_length_s(problem: Problem, option: DeviceOption, chosen: DevicePlan) -> float:
    """What one full batch of each share takes together: the longest cycle."""
    return sum(option.latency_s[problem.variants.index(share.variant)][share.batch - 1] for share in chosen.shares)


def worst_cases_s(problem: Problem, plan: Plan) -> dict[str, float]:
    """Client -> seconds that its frames wait and run on their device at the worst, if `plan` is feasible."""
    options = {option.device: option for option in problem.devices}
    fps = {demand.client: demand.fps for demand in problem.clients}
    on_device = Counter(plan.clients.values())
    worst_s = {}
    for client, device in plan.clients.items():
        chosen, option = plan.devices[device], options[device]
        own = next(share for share in chosen.shares if share.variant == plan.variant_of(client))
        own_s = option.latency_s[problem.variants.index(own.variant)][own.batch - 1]
        waits = on_device[device] > 1 or chosen.others or own.batch > 1 or not lone(fps[client], own_s)
        worst_s[client] = own_s + (cycle_length_s(problem, option, chosen) if waits else 0.0)
    return worst_s


def violations(problem: Problem, plan: Plan) -> list[str]:
    """What is wrong with `plan` as an answer to `problem`, one sentence each; empty when it is feasible."""
    demands = {client.client: client for client in problem.clients}
    options = {device.device: device for device in problem.devices}
    found = [f"unknown client {client}" for client in plan.clients if client not in demands]
    found += [f"device {device} is not in the plan" for device in options if device not in plan.devices]
    found += [f"client {client} is on an unknown device" for client, at in plan.clients.items() if at not in options]
    if found:
        return found
    return [sentence for sentences in broken_devices(problem, plan).values() for sentence in sentences]


def broken_devices(problem: Problem, plan: Plan) -> dict[str, list[str]]:
    """Device -> what is wrong there, where something is. `plan` knows no other clients than the problem."""
    demands = {client.client: client for client in problem.clients}
    options = {device.device: device for device in problem.devices}
    members: dict[str, dict[Variant, list[ClientDemand]]] = {device: defaultdict(list) for device in plan.devices}
    for client, at in plan.clients.items():
        members[at][plan.variants.get(client, plan.devices[at].variant)].append(demands[client])
    found = {
        device: _device_violations(problem, options.get(device), chosen, members[device])
        for device, chosen in plan.devices.items()
    }
    return {device: sentences for device, sentences in found.items() if sentences}


def _device_violations(
    problem: Problem, option: DeviceOption | None, chosen: DevicePlan, members: Mapping[Variant, Sequence[ClientDemand]]
) -> list[str]:
    if option is None:
        return ["the plan names an unknown device"]
    found = []
    for share in chosen.shares:
        if share.variant not in problem.variants:
            found.append(f"{option.device}: unknown variant {share.variant.name}")
        elif not 1 <= share.batch <= len(option.latency_s[problem.variants.index(share.variant)]):
            found.append(f"{option.device}: no profile for a batch of {share.batch}")
    planned = [share.variant for share in chosen.shares]
    found += [
        f"{option.device}: {variant.name} has two shares" for variant in set(planned) if planned.count(variant) > 1
    ]
    found += [f"{option.device}: clients of {v.name}, which it does not run" for v in members if v not in planned]
    if found:
        return found
    cycle_s = cycle_length_s(problem, option, chosen)
    clients = [member for on_it in members.values() for member in on_it]
    if len(clients) == 1 == len(chosen.shares) == chosen.batch and lone(clients[0].fps, cycle_s):
        cycle_s = 0.0  # it never waits for one
    for share in chosen.shares:
        found += _share_violations(problem, option, share, cycle_s, members.get(share.variant, ()))
    return found


def _share_violations(
    problem: Problem, option: DeviceOption, share: Share, cycle_s: float, members: Sequence[ClientDemand]
) -> list[str]:
    """Clients whose worst case, a cycle and a batch, is over their budget; and more frames than a batch can take."""
    variant = problem.variants.index(share.variant)
    worst_s = cycle_s + option.latency_s[variant][share.batch - 1]
    found = [
        f"{option.device}: {member.client} has {member.budget_s[variant] * 1000:.1f} ms, a batch of {share.batch} may "
        f"take {worst_s * 1000:.1f} ms"
        for member in members
        if worst_s > member.budget_s[variant]
    ]
    asked = sum(member.fps for member in members)
    if not asked * cycle_s < share.batch:
        found.append(f"{option.device}: {asked:g} fps asked, {share.batch / cycle_s:.1f} fps possible")
    return found
