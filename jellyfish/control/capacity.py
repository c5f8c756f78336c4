"""Which clients can a device serve with a variant? The model that every planner shares, and its check. Pure.

Source: Jellyfish (RTSS 2022). A device that runs a variant in batches of b serves a set of clients when the sum of
their rates is below b / l(b), and twice l(b) fits each one's budget: a frame may just miss a batch, then wait for it.

A device that runs several variants in turn, v in batches of b_v, has a cycle of T = sum of l_v(b_v). It serves its
clients when the sum of the rates on each v is below b_v / T, so that a batch takes all frames of a cycle, and
T + l_v(b_v) fits the budget of each client on v: a frame may just miss its batch, then wait for one cycle. With one
variant this is the rule above.

Beyond the paper:

* Budgets are held against l(b), what a batch takes at the worst; rates against what one usually keeps a worker
  (`DeviceOption.occupancy_s`): for one batch that takes long there is another that does not, and if one is too long for
  the frames that come meanwhile, the next one takes them.
* A device may have W workers, which take their batches from one queue: rates are those of T / W. While a frame waits
  all workers are busy, with what was left of W batches when it came, one of them its own lane's, and at most one batch
  of each other lane: so it waits at most (T + (W - 1) x the longest batch) / W (as in Graham's bound for lists, 1966).
* A device with a worker for each of its clients is found free when a client's frames come further apart than one takes,
  so one l(1) has to fit its budget and not two (`lone`). Should the network bring two at once, the second one runs
  narrower.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from jellyfish.control.importance import weights
from jellyfish.control.problem import SHARING, ClientDemand, DeviceOption, DevicePlan, Plan, Problem, Share
from jellyfish.core import Variant

LONE_BUSY = 0.9
"""Most of the time between two frames that a device may usually take for one of them, so that the network may hold up a
frame by the rest before the next one waits for it."""
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
    """Throughput b / l(b), of all workers together."""

    def choice(self, budget_s: float) -> int:
        """Index of the largest useful batch that `budget_s` allows; -1 if it allows none."""
        return bisect_right(self.worst_s, budget_s) - 1

    def rate_within(self, budget_s: float) -> float:
        """Throughput at the largest useful batch that `budget_s` allows; 0 if it allows none."""
        index = self.choice(budget_s)
        return 0.0 if index < 0 else self.rate_fps[index]


def lone(fps: float, single_s: float, spare: float = 0.0) -> bool:
    """Whether a client with a worker of its own finds it free with each frame, where one usually takes `single_s`.

    `spare`: of `DeviceOption`; what that takes of the client's frames, the worker need not.
    """
    return fps * single_s <= LONE_BUSY * (1.0 + spare)


def longest_wait_s(batches_s: Collection[float], workers: int) -> float:
    """How long a frame waits for its batch at the worst where the lanes' full batches take `batches_s`."""
    return (sum(batches_s) + (workers - 1) * max(batches_s, default=0.0)) / workers


def variant_capacity(latency_s: Sequence[float], workers: int = 1, keeps_s: Sequence[float] = ()) -> VariantCapacity:
    """The useful batches of a table of latencies (index 0: batch of one): those that raise the throughput.

    `keeps_s`: how long they keep a worker, where that is known. A measured table need not be smooth, so a batch is also
    left out when another one is no slower and serves more.
    """
    useful: list[tuple[int, float, float]] = []
    for batch, seconds in sorted(enumerate(latency_s, start=1), key=lambda entry: (entry[1], -entry[0])):
        rate_fps = workers * batch / (keeps_s or latency_s)[batch - 1]
        if not useful or rate_fps > useful[-1][2]:
            useful.append((batch, 2.0 * seconds, rate_fps))
    batches, worst_s, rates = zip(*useful, strict=True)
    return VariantCapacity(batches, worst_s, rates)


def device_capacities(devices: Iterable[DeviceOption]) -> tuple[Capacities, ...]:
    """Every device's capacity; devices that are alike share one object."""
    known: dict[tuple[object, ...], Capacities] = {}
    devices = tuple(devices)
    kinds = [(device.latency_s, device.keeps_s, device.workers) for device in devices]
    for kind, device in zip(kinds, devices, strict=True):
        if kind not in known:
            rows = zip(device.latency_s, device.keeps_s, strict=True)
            known[kind] = tuple(variant_capacity(row, device.workers, keeps_s) for row, keeps_s in rows)
    return tuple(known[kind] for kind in kinds)


def best_need(clients: Iterable[ClientDemand], capacities: Sequence[Capacities], accuracy: Sequence[float]) -> float:
    """What clients would take, in shares of all devices, if each had the most accurate variant that it could have."""
    best = sorted(range(len(accuracy)), key=accuracy.__getitem__, reverse=True)
    need = 0.0
    for client in clients:
        for variant in best:
            rate = sum(each[variant].rate_within(client.budget_s[variant]) for each in capacities)
            if rate > 0:
                need += client.fps / rate
                break
    return need


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


def runs(option: DeviceOption, chosen: DevicePlan) -> bool:
    """Whether the device has so large batches."""
    return all(share.batch <= len(option.latency_s[0]) for share in chosen.shares)


def full_batches_s(problem: Problem, option: DeviceOption, chosen: DevicePlan) -> list[float]:
    """What a full batch of each share takes. Their sum is the longest cycle of one worker."""
    return [option.latency_s[problem.variants.index(share.variant)][share.batch - 1] for share in chosen.shares]


def usual_cycle_s(problem: Problem, option: DeviceOption, chosen: DevicePlan) -> float:
    """How long a cycle of full batches usually keeps a worker."""
    return sum(option.keeps_s[problem.variants.index(share.variant)][share.batch - 1] for share in chosen.shares)


def usual_singles_s(problem: Problem, option: DeviceOption, chosen: DevicePlan) -> dict[Variant, float]:
    """What one frame of each share's variant usually takes."""
    return {share.variant: option.keeps_s[problem.variants.index(share.variant)][0] for share in chosen.shares}


def worker_for_each(
    fps_and_single_s: Collection[tuple[float, float]], chosen: DevicePlan, option: DeviceOption
) -> bool:
    """Whether each client of a device finds a worker free with each of its frames (`lone`), so that none waits.

    `fps_and_single_s`: of each client, its rate and what one frame of its variant usually takes.
    """
    return (
        len(chosen.shares) <= len(fps_and_single_s) <= option.workers
        and all(share.batch == 1 for share in chosen.shares)
        and all(lone(fps, single_s, option.spare) for fps, single_s in fps_and_single_s)
    )


def worth(problem: Problem, plan: Plan) -> tuple[float, float]:
    """How good a plan is, to be compared: what its clients count, then sum of rate x weight x accuracy, less what
    sharing must gain."""
    accuracy = dict(zip(problem.variants, problem.accuracy, strict=True))
    sharing = {option.device: option.sharing for option in problem.devices}
    counted = earned = 0.0
    for demand, weight in zip(problem.clients, weights(problem.clients), strict=True):
        variant = plan.variant_of(demand.client)
        if variant is not None:
            shares = plan.shares_time(demand.client)
            gained = accuracy.get(variant, 0.0) - (sharing.get(plan.clients[demand.client], SHARING) if shares else 0.0)
            counted, earned = counted + weight, earned + demand.fps * weight * gained
    return counted, earned


def worst_cases_s(problem: Problem, plan: Plan) -> dict[str, float]:
    """Client -> seconds that its frames wait and run on their device at the worst, if `plan` is feasible.

    Of the clients and devices of `problem` alone, as far as the plan knows them: either may be older.
    """
    fps = {demand.client: demand.fps for demand in problem.clients}
    members: dict[str, list[str]] = defaultdict(list)
    for client, device in plan.clients.items():
        if client in fps:
            members[device].append(client)
    worst_s: dict[str, float] = {}
    for option in problem.devices:
        chosen, clients = plan.devices.get(option.device), members[option.device]
        if chosen is None or not runs(option, chosen):
            continue
        batches_s = full_batches_s(problem, option, chosen)
        of_variant = dict(zip((share.variant for share in chosen.shares), batches_s, strict=True))
        variants = {client: plan.variants.get(client, chosen.variant) for client in clients}
        own_s = {client: of_variant[variant] for client, variant in variants.items()}
        usual_s = usual_singles_s(problem, option, chosen)
        singles = [(fps[client], usual_s[variant]) for client, variant in variants.items()]
        free = worker_for_each(singles, chosen, option)
        wait_s = 0.0 if free else longest_wait_s(batches_s, option.workers)
        worst_s.update((client, wait_s + own_s[client]) for client in clients)
    return worst_s


def violations(problem: Problem, plan: Plan) -> list[str]:
    """What is wrong with `plan` as an answer to `problem`, one sentence each; empty when it is feasible."""
    demands = {client.client: client for client in problem.clients}
    options = {device.device: device for device in problem.devices}
    found = [f"unknown client {client}" for client in plan.clients if client not in demands]
    found += [f"device {device} is not in the plan" for device in options if device not in plan.devices]
    found += [f"client {client} is on an unknown device" for client, at in plan.clients.items() if at not in options]
    rates = plan.fps.items()
    found += [f"client {client} cannot send {fps} frames per second" for client, fps in rates if not 0 < fps < math.inf]
    if found:
        return found
    return [sentence for sentences in broken_devices(problem, plan).values() for sentence in sentences]


def broken_devices(problem: Problem, plan: Plan, tolerance: float = 1.0) -> dict[str, list[str]]:
    """Device -> what is wrong there, where something is. `plan` knows no other clients than the problem.

    What nearly fits is let pass: what would if budgets were `tolerance` times as long and rates as many times as low.
    """
    demands = {client.client: client for client in problem.clients}
    options = {device.device: device for device in problem.devices}
    members: dict[str, dict[Variant, list[ClientDemand]]] = {device: defaultdict(list) for device in plan.devices}
    for client, at in plan.clients.items():
        members[at][plan.variants.get(client, plan.devices[at].variant)].append(demands[client])
    found = {
        device: _device_violations(problem, options.get(device), chosen, members[device], tolerance)
        for device, chosen in plan.devices.items()
    }
    return {device: sentences for device, sentences in found.items() if sentences}


def _device_violations(
    problem: Problem,
    option: DeviceOption | None,
    chosen: DevicePlan,
    members: Mapping[Variant, Sequence[ClientDemand]],
    tolerance: float,
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
    batches_s = dict(zip(planned, full_batches_s(problem, option, chosen), strict=True))
    cycle_s, usual_s = usual_cycle_s(problem, option, chosen), usual_singles_s(problem, option, chosen)
    singles = [(member.fps / tolerance, usual_s[variant]) for variant, on_it in members.items() for member in on_it]
    free = worker_for_each(singles, chosen, option)
    wait_s = 0.0 if free else longest_wait_s(batches_s.values(), option.workers)
    for share in chosen.shares:
        possible_fps = math.inf if free else option.workers * share.batch / cycle_s
        worst_s = wait_s + batches_s[share.variant]
        on_it = members.get(share.variant, ())
        found += _share_violations(problem, option, share, worst_s / tolerance, tolerance * possible_fps, on_it)
    return found


def _share_violations(
    problem: Problem,
    option: DeviceOption,
    share: Share,
    worst_s: float,
    possible_fps: float,
    members: Sequence[ClientDemand],
) -> list[str]:
    """Clients whose worst case, a wait and a batch, is over their budget; and more frames than batches can take."""
    variant = problem.variants.index(share.variant)
    found = [
        f"{option.device}: {member.client} has {member.budget_s[variant] * 1000:.1f} ms, a batch of {share.batch} may "
        f"take {worst_s * 1000:.1f} ms"
        for member in members
        if worst_s > member.budget_s[variant]
    ]
    asked = sum(member.fps for member in members)
    if not asked < possible_fps:
        found.append(f"{option.device}: {asked:g} fps asked, {possible_fps:.1f} fps possible")
    return found
