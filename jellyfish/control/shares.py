"""Several fronts share one site's devices: what each asks for, what it gets, and what of a device that leaves. Pure.

A front is a server with clients of its own; the devices of a site are everybody's. Once a window each front says what
its clients could use (`demanded`, `settled`), and all is shared out anew: in fair parts of the whole (`granted`), which
lie along the devices one after the other (`laid_out`), so that most devices are one front's alone and no batch of
another one is waited for there. Each front then plans for its own clients with its shares (`within`).

What is asked for follows from clients and devices alone, never from a plan: so plans, which follow from shares, cannot
make them swing. Whoever shares things out is told the same by all, and comes to the same; a single device, where fronts
meet there and nowhere else, can be shared out by `granted` alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

import msgspec

from jellyfish.control.capacity import best_need, device_capacities
from jellyfish.control.problem import DeviceOption, Problem

LEAST = 0.02
"""Of the whole: what a front has at least, so that its first clients can begin; half of the whole is for all these."""
ROOM = 1.2
"""Plans cannot fill devices to the brim: so many times the time is asked for that the batches themselves would take."""
STEADY = 0.1
"""What a front could use has to be so much more or less than what it asked for, until it asks for something else."""
KEPT = 0.2
"""As long as no front's part has become so much larger or smaller, as a share of it, all keep what they have."""
WHOLE = 0.25
"""A border between two fronts that is so near an edge of a device is that edge: a sliver costs more than it gives."""
NOTHING = 1e-9


class ShareDemand(NamedTuple):
    """What a front asks for."""

    wanted: float
    """Part of all devices' time; more than 1 where they are not enough."""
    weight: float
    """What it counts where there is not enough for all: its clients' rates, each by its importance."""


def demanded(problem: Problem) -> ShareDemand:
    """What the clients of `problem` could use if each had the most accurate variant that it could have at all.

    `problem`: with the devices whole, as if there were no other front.
    """
    capacities = device_capacities(device for device in problem.devices if device.serves)
    need = best_need(problem.clients, capacities, problem.accuracy) if capacities else 0.0
    return ShareDemand(ROOM * need, sum(client.fps * client.importance for client in problem.clients))


def settled(asked: ShareDemand | None, now: ShareDemand) -> ShareDemand:
    """What to ask for: as before, unless that has become something else."""
    if asked is None:
        return now
    same = all(abs(new - old) <= STEADY * old for old, new in zip(asked, now, strict=True))
    return asked if same else now


def granted(demands: Mapping[str, ShareDemand], least: float = LEAST) -> dict[str, float]:
    """Front -> its part of the whole; all parts together are 1.

    Each has the `least`. Of what is left nobody gets more than wanted, and who gets less than that gets no less for its
    weight than any other (max-min). What nobody wants is added in proportion: newcomers find room then. Whoever has
    gone is not in `demands`, and the others have its part.
    """
    if not demands:
        return {}
    least = min(least, 0.5 / len(demands))
    beyond = {front: max(0.0, each.wanted - least) for front, each in demands.items()}
    counting = [front for front, each in demands.items() if beyond[front] > 0 and each.weight > 0]
    parts = dict.fromkeys(demands, least)
    left = 1.0 - least * len(demands)
    counting.sort(key=lambda each: (beyond[each] / demands[each].weight, each))
    for number, front in enumerate(counting):
        weight = sum(demands[each].weight for each in counting[number:])
        part = min(beyond[front], left * demands[front].weight / weight)
        parts[front] += part
        left = max(0.0, left - part)
    whole = sum(parts.values())
    return {front: part / whole for front, part in parts.items()}


def kept(before: Mapping[str, float], now: Mapping[str, float]) -> Mapping[str, float]:
    """The parts to go on with: those from `before`, unless fronts have come or gone or one's has become another.

    One border that moves takes others along, and each costs clients their places.
    """
    same = before.keys() == now.keys() and all(abs(now[front] - part) <= KEPT * part for front, part in before.items())
    return before if same else now


def laid_out(parts: Mapping[str, float], sizes: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Front -> device -> its share (0..1) of it, where it has any: each device is shared out whole.

    `parts`: of `granted`, in the order of the fronts' names; `sizes`: what each device can do, as profiled, beside the
    others.
    """
    fronts = sorted(parts)
    edges = [0.0, *accumulate(sizes.values())]
    borders = _borders([parts[front] * edges[-1] / sum(parts.values()) for front in fronts], edges, min(sizes.values()))
    shares: dict[str, dict[str, float]] = {}
    for front, (begin, end) in zip(fronts, pairwise(borders), strict=True):
        shares[front] = {}
        for device, (low, high) in zip(sizes, pairwise(edges), strict=True):
            length = min(end, high) - max(begin, low)
            if length > NOTHING * (high - low):
                shares[front][device] = length / (high - low)
    return shares


def _borders(lengths: Sequence[float], edges: Sequence[float], size: float) -> list[float]:
    """Where each front's part begins, and where the last one ends; at edges of devices where they are near."""
    near = WHOLE * size * (1 + NOTHING)
    borders = [0.0, *accumulate(lengths)]
    for number, (before, behind) in enumerate(pairwise(lengths), start=1):
        edge = min(edges, key=lambda each: abs(each - borders[number]))
        if abs(edge - borders[number]) <= near and min(before, behind) > 3 * near:
            borders[number] = edge
    borders[-1] = edges[-1]
    return borders


def within(problem: Problem, shares: Mapping[str, float], waiting_s: Mapping[str, float]) -> Problem:
    """`problem` for a front that has these shares (0..1) of its devices; those of which it has none are left out.

    `waiting_s`: device -> how long a batch may have to wait there for other fronts' batches.
    """
    options = [each for each in problem.devices if shares.get(each.device, 0.0) > 0.0]
    shared = tuple(_shared(each, shares[each.device], waiting_s.get(each.device, 0.0)) for each in options)
    return msgspec.structs.replace(problem, devices=shared)


def _shared(option: DeviceOption, share: float, waiting_s: float) -> DeviceOption:
    """A batch keeps the share as long as it keeps the device, and so much longer as the share is smaller."""
    if share >= 1.0 and waiting_s <= 0.0:
        return option
    return msgspec.structs.replace(
        option,
        latency_s=tuple(tuple(seconds + waiting_s for seconds in row) for row in option.latency_s),
        occupancy_s=tuple(tuple(seconds / min(share, 1.0) for seconds in row) for row in option.keeps_s),
    )
