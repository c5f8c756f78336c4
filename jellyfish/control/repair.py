"""Local repair: a running plan made to fit the newest problem, with nobody touched who need not be. Pure.

A plan outlives the problem that it was made for: clients go and come, a device is lost or slow, a link falls. Repair
looks at each device for itself. Where all still fits, in other batches perhaps, everybody stays. Otherwise those that
do not fit get the most accurate smaller variant that does, on their device first; they and newcomers then look for room
elsewhere; and where there is none, one client of another device makes room by taking a smaller variant. Nobody gets a
better variant than it has: that is the planner's business.

It runs on the event loop, so what one call does is bounded by counts, whatever has happened; what it has not come to is
left to another call.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from jellyfish.control.capacity import broken_devices, idle_plan, runs
from jellyfish.control.importance import differ
from jellyfish.control.planners.cycles import SAME, Cycles
from jellyfish.control.problem import ClientDemand, DeviceOption, DevicePlan, Plan, Problem, Share
from jellyfish.core import Variant

TOLERANCE = 1.3
"""Budgets and latencies are estimates that come and go: what they would have to be wrong by, as a factor, before a plan
counts as broken. A plan that fits less badly is left to the next solve."""
MOST_DEVICES = 6
"""Devices whose batches and clients one call arranges anew, and as many again in which it looks for room."""
MOST_MOVED = 3
"""Clients whose place fits no more, after which one call begins with no further device."""
MOST_PLACED = 4
"""Clients that one call looks for a place on another device for."""
MOST_ASKED = 2
"""Clients of each of two devices that are asked to make room."""
Mask = NDArray[np.bool_]


class Repaired(NamedTuple):
    """A plan, and what is left of the work."""

    plan: Plan
    rest: int = 0
    """Devices and clients that this call has not come to."""
    vain: int = 0
    """Clients for which it found no room, and those before them."""


def repair(problem: Problem, running: Plan | None, sharing: bool = True, vain: int = 0) -> Repaired:
    """`running` as far as it goes for `problem`; the same object where there is nothing to do.

    `sharing`: whether a device may run a variant beside others. Without it a device's clients all take a smaller one.
    `vain`: of the clients without a place so many were looked after by earlier calls, in vain.
    """
    running = running or Plan({}, {})
    if not problem.devices:
        return Repaired(idle_plan(problem, running))
    patient = _Places(problem, running)
    broken = patient.touched()
    if not broken and not patient.homeless and patient.unchanged:
        return Repaired(running)
    refitted, evicted = _Repair(patient, broken[:MOST_DEVICES], sharing).refit() if broken else (0, [])
    homeless = evicted + patient.homeless
    now, later = homeless[vain : vain + MOST_PLACED], homeless[vain + MOST_PLACED :]
    if now:
        chosen = patient.roomiest(MOST_DEVICES, avoiding=broken[refitted:])
        vain += _Repair(patient, chosen, sharing).house(now)
    repaired = patient.plan()
    staying = patient.where_they_were()
    if staying.keys() - repaired.clients.keys() and not later and refitted == len(broken):
        return Repaired(_kept(running, staying))
    return Repaired(repaired, len(broken) - refitted + len(later), vain)


def fits_devices(problem: Problem, plan: Plan) -> bool:
    """Whether `plan` names the devices that there are, with batches that they have."""
    return len(plan.devices) == len(problem.devices) and all(
        option.device in plan.devices and runs(option, plan.devices[option.device]) for option in problem.devices
    )


def on_other_devices(problem: Problem, running: Plan) -> Plan:
    """`running` on the devices that there are now, whether or not it fits: for policies that make no plans that fit, or
    will soon. Clients of a device that is gone go where the least is to do, with the variant nearest to theirs there.
    """
    here = {option.device: option for option in problem.devices}
    idle = DevicePlan(min(problem.variants), 1)
    devices = {name: _within(running.devices.get(name, idle), option) for name, option in here.items()}
    serving = [option.device for option in problem.devices if option.serves] or list(here)
    load = dict.fromkeys(here, 0.0)
    clients, variants, moving = dict[str, str](), dict[str, Variant](), list[ClientDemand]()
    for demand in problem.clients:
        at = running.clients.get(demand.client)
        if at in here:
            clients[demand.client] = at
            load[at] += demand.fps
        elif at is not None:
            moving.append(demand)
    for demand in moving if here else ():
        device, had = min(serving, key=load.__getitem__), running.variant_of(demand.client)
        if not load[device] and had is not None:  # it has nobody yet, and may run what the other one ran
            devices[device] = _within(running.devices[running.clients[demand.client]], here[device])
        clients[demand.client] = device
        load[device] += demand.fps
    for client, device in clients.items():
        variants[client] = _nearest(running.variant_of(client), devices[device])
    fps = {client: fps for client, fps in running.fps.items() if client in clients}
    return msgspec.structs.replace(running, devices=devices, clients=clients, variants=variants, fps=fps)


def _within(plan: DevicePlan, option: DeviceOption) -> DevicePlan:
    """`plan` in batches that are no larger than the device's."""
    most = len(option.latency_s[0])
    others = tuple(Share(share.variant, min(share.batch, most)) for share in plan.others)
    return msgspec.structs.replace(plan, batch=min(plan.batch, most), others=others)


def _nearest(wanted: Variant | None, plan: DevicePlan) -> Variant:
    """Of what the device runs: that, else the largest that is smaller, else the smallest."""
    runs = sorted(share.variant for share in plan.shares)
    smaller = [variant for variant in runs if wanted is not None and variant <= wanted]
    return smaller[-1] if smaller else runs[0]


def _kept(running: Plan, clients: dict[str, str]) -> Plan:
    """`running` for these of its clients: where repair would cost some of them their place, that is for the planner to
    decide, and frames are served as well as can be until it has."""
    if len(clients) == len(running.clients):
        return running
    variants = {client: variant for client, variant in running.variants.items() if client in clients}
    return msgspec.structs.replace(running, clients=clients, variants=variants)


class _Places:
    """Who is where, by index in the problem, and the devices' shares; what is gone from the problem is left out."""

    def __init__(self, problem: Problem, running: Plan) -> None:
        self.problem = problem
        self._running = running
        self._device_number = {option.device: number for number, option in enumerate(problem.devices)}
        self._variant_number = {variant: number for number, variant in enumerate(problem.variants)}
        serving = {option.device for option in problem.devices if option.serves}
        self._serving = serving or set(self._device_number)
        """Devices that clients may be on: all, where none serves, for then nobody gains by a change."""
        self.place: dict[int, tuple[int, int]] = {}
        """Client -> (device, variant)."""
        self.homeless: list[int] = []
        self.had: dict[int, int] = {}
        """Client -> variant, of those that lost their device."""
        for client, demand in enumerate(problem.clients):
            self._find(client, demand.client)
        clients = problem.clients
        self.homeless.sort(key=lambda client: (-clients[client].importance, clients[client].fps, client))
        idle = DevicePlan(min(problem.variants), 1)
        self._kept = {
            name: device
            for name, device in running.devices.items()
            if name in self._device_number and all(share.variant in self._variant_number for share in device.shares)
        }
        self._shares = {name: self._kept.get(name, idle) for name in self._device_number}
        known = sum(demand.client in running.clients for demand in problem.clients)
        self.unchanged = known == len(running.clients) == len(self.place) and running.devices == self._shares

    def _find(self, client: int, name: str) -> None:
        where = self._running.clients.get(name, "")
        device = self._device_number.get(where) if where in self._serving else None
        variant = self._running.variant_of(name)
        number = None if variant is None else self._variant_number.get(variant)
        if device is not None and number is not None:
            self.place[client] = device, number
            return
        self.homeless.append(client)
        if number is not None:
            self.had[client] = number

    def touched(self) -> list[int]:
        """Devices whose shares do not fit their clients any more, or that have lost one."""
        staying = {self.problem.clients[client].client for client in self.place}
        left = {device for client, device in self._running.clients.items() if client not in staying}
        kept = self._named(self.place)
        broken = broken_devices(self.problem, msgspec.structs.replace(kept, devices=self._shares), TOLERANCE)
        return [number for name, number in self._device_number.items() if name in broken or name in left]

    def where_they_were(self) -> dict[str, str]:
        """Client -> device, of those whose device still serves; of nobody, once the devices are not what they were."""
        if not self._kept.keys() == self._running.devices.keys() == self._device_number.keys():
            return {}
        names = {demand.client for demand in self.problem.clients}
        clients = self._running.clients.items()
        return {client: device for client, device in clients if client in names and device in self._serving}

    def roomiest(self, count: int, avoiding: Iterable[int]) -> list[int]:
        """The devices with the least work per second."""
        clients, devices = self.problem.clients, self.problem.devices
        serving = {self._device_number[name] for name in self._serving}
        work = dict.fromkeys(serving - set(avoiding), 0.0)
        for client, (device, variant) in self.place.items():
            if device in work:
                work[device] += clients[client].fps * devices[device].latency_s[variant][0]
        return sorted(work, key=lambda device: (work[device], device))[:count]

    def enter(self, device: int, batches: dict[int, int], cycle_s: float) -> None:
        """What `device` runs from now on; without clients it stays as it is, alone with its first variant."""
        name = self.problem.devices[device].device
        shares = [Share(self.problem.variants[variant], batch) for variant, batch in sorted(batches.items())]
        if shares:
            first, *others = shares
            self._shares[name] = DevicePlan(first.variant, first.batch, tuple(others), cycle_s)
        elif self._shares[name].others or self._shares[name].cycle_s is not None:
            self._shares[name] = DevicePlan(self._shares[name].variant, 1)

    def _named(self, place: dict[int, tuple[int, int]]) -> Plan:
        problem = self.problem
        names = [(problem.clients[client].client, *at) for client, at in place.items()]
        clients = {name: problem.devices[device].device for name, device, _ in names}
        return Plan({}, clients, variants={name: problem.variants[variant] for name, _, variant in names})

    def plan(self) -> Plan:
        """All of it, with its worth. A client counts as mappable when it has a place or one frame would fit twice."""
        clients, accuracy = self.problem.clients, self.problem.accuracy
        least_s = np.array([[row[0] for row in option.latency_s] for option in self.problem.devices]).min(axis=0)
        budgets_s = np.array([demand.budget_s for demand in clients]).reshape(len(clients), len(least_s))
        mappable = (budgets_s >= 2.0 * least_s).any(axis=1)
        mappable[list(self.place)] = True
        asked = sum(demand.fps for demand, counts in zip(clients, mappable, strict=True) if counts)
        earned = sum(clients[client].fps * accuracy[variant] for client, (_, variant) in self.place.items())
        staying = {clients[client].client for client in self.place}
        return msgspec.structs.replace(
            self._named(dict(sorted(self.place.items()))),
            devices=self._shares,
            mappable=int(mappable.sum()),
            accuracy=earned / asked if asked else 0.0,
            fps={client: fps for client, fps in self._running.fps.items() if client in staying},
        )


class _Repair:
    """Some devices of the problem, with their clients, in which places are changed and looked for."""

    def __init__(self, places: _Places, devices: Sequence[int], sharing: bool) -> None:
        self._places, self._devices, self._sharing = places, devices, sharing
        self._problem = places.problem
        self._accuracy = np.array(self._problem.accuracy)
        chosen = tuple(self._problem.devices[device] for device in devices)
        self._cycles = Cycles(msgspec.structs.replace(self._problem, devices=chosen))
        number = {device: own for own, device in enumerate(devices)}
        self._members: list[dict[int, int]] = [{} for _ in devices]
        for client, (device, variant) in places.place.items():
            if device in number:
                self._members[number[device]][client] = variant

    def refit(self) -> tuple[int, list[int]]:
        """Arrange devices for their clients: how many, and those for whom they have no place any more."""
        homeless: list[int] = []
        moved = done = 0
        for device, members in enumerate(self._members):
            if moved >= MOST_MOVED:
                break
            done += 1
            if self._cycles.fill(device, members):
                continue
            left = self._share_out(device, members) if self._sharing else self._narrow(device, members)
            self._places.had.update((client, members[client]) for client in left)
            moved += sum(self._cycles.place.get(client) != (device, variant) for client, variant in members.items())
            homeless += left
        self._write(range(done))
        return done, homeless

    def house(self, homeless: Sequence[int]) -> int:
        """Give clients a place on one of the devices, as far as there is room; for how many there is none."""
        for device, members in enumerate(self._members):
            self._cycles.fill(device, members)
        without = [client for client in homeless if not self._put(client, self._allowed(client), None)]
        made = bool(without) and self._sharing and self._make_room(without[0])
        self._write([own for own, members in enumerate(self._members) if self._of(own) != members])
        return len(without) - made

    def _allowed(self, client: int) -> Mask:
        """Variants that `client` may have: no better ones than it had."""
        had = self._places.had.get(client)
        every = np.ones(len(self._accuracy), dtype=bool)
        return every if had is None else self._accuracy <= self._accuracy[had] + SAME

    def _share_out(self, device: int, members: dict[int, int]) -> list[int]:
        """Who cannot stay takes a smaller variant.

        The more important keep theirs first, unless that costs somebody his place; of equals those of small variants,
        for they cost the others least.
        """
        latency_s = self._problem.devices[self._devices[device]].latency_s
        clients = self._problem.clients
        order = sorted(members, key=lambda each: (latency_s[members[each]][0], -clients[each].budget_s[members[each]]))
        if differ(clients[each] for each in members):
            left = self._put_in_turn(device, members, sorted(order, key=lambda each: -clients[each].importance))
            if not left:
                return []
            for client in members.keys() - set(left):
                self._cycles.take(client)
        return self._put_in_turn(device, members, order)

    def _put_in_turn(self, device: int, members: dict[int, int], order: Sequence[int]) -> list[int]:
        """Put clients on `device` in this order; those for whom there is no place."""
        moved = [client for client in order if not self._cycles.put(client, device, members[client])]
        return [
            client
            for client in moved
            if not self._put(client, self._accuracy <= self._accuracy[members[client]] + SAME, device)
        ]

    def _narrow(self, device: int, members: dict[int, int]) -> list[int]:
        """All take the most accurate variant that fits them all, if there is one; else who fits stays."""
        most = max(self._accuracy[variant] for variant in members.values())
        for variant in np.argsort(-self._accuracy, kind="stable").tolist():
            if self._accuracy[variant] <= most and self._cycles.fill(device, dict.fromkeys(members, variant)):
                return []
        clients = self._problem.clients
        order = sorted(members, key=lambda each: (-clients[each].importance, -clients[each].budget_s[members[each]]))
        return [client for client in order if not self._cycles.put(client, device, members[client])]

    def _put(self, client: int, wanted: Mask, only: int | None) -> bool:
        """Give `client` the most accurate variant of those that fit, for the least time; on one device, if said."""
        devices, variants, longer_s = self._cycles.options(client, wanted)
        kept = np.ones(len(devices), dtype=bool) if only is None else devices == only
        if not self._sharing:
            members = self._cycles.members
            pairs = zip(devices.tolist(), variants.tolist(), strict=True)
            kept &= np.array([not any(members[d].values()) or bool(members[d].get(v)) for d, v in pairs], dtype=bool)
        if not kept.any():
            return False
        devices, variants, longer_s = devices[kept], variants[kept], longer_s[kept]
        best = np.lexsort((longer_s, -self._accuracy[variants]))[0]
        return self._cycles.put(client, int(devices[best]), int(variants[best]))

    def _make_room(self, client: int) -> bool:
        """Have one other client, that is of little importance, take a smaller variant on its device, if that makes room
        for `client`."""
        clients = self._problem.clients
        for device in range(min(2, len(self._devices))):
            members = self._of(device)
            latency_s = self._problem.devices[self._devices[device]].latency_s
            order = sorted(members, key=lambda each: (clients[each].importance, -latency_s[members[each]][0], each))
            if any(self._trade(client, each, members[each], device) for each in order[:MOST_ASKED]):
                return True
        return False

    def _trade(self, client: int, other: int, variant: int, device: int) -> bool:
        """`other` goes down for `client`, no further than it must; False, and nothing has changed, if that won't do."""
        self._cycles.take(other)
        latency_s = self._problem.devices[self._devices[device]].latency_s
        smaller = self._accuracy < self._accuracy[variant] - SAME
        quickest = min(np.flatnonzero(smaller).tolist(), key=lambda each: latency_s[each][0], default=None)
        if quickest is not None and self._cycles.put(other, device, quickest):
            if self._put(client, self._allowed(client), device):
                self._cycles.take(other)
                return self._put(other, smaller, device)
            self._cycles.take(other)
        self._cycles.put(other, device, variant)
        return False

    def _write(self, devices: Iterable[int]) -> None:
        """Put down in the plan what has become of `devices`."""
        for own in devices:
            for client in self._members[own]:
                self._places.place.pop(client, None)
        for own in devices:
            device = self._devices[own]
            self._places.place.update((client, (device, variant)) for client, variant in self._of(own).items())
            cycle_s, batches = self._cycles.grown(own)
            self._places.enter(device, batches, cycle_s)

    def _of(self, device: int) -> dict[int, int]:
        """Client -> variant on `device`."""
        return {client: variant for variant, on_it in self._cycles.members[device].items() for client in on_it}
