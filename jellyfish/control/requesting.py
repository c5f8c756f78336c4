"""What requests may have of the devices, beside cameras. Pure.

Cameras send what plans ask them for; whoever makes requests sends as much as he likes. So what is planned for requests
is bounded: all of them together get a share of the devices' time, and more only as far as cameras could not use it even
if each had the best that it could have. Within that the planner serves them like cameras, with the variants that their
part is enough for.

Time is counted in shares of all devices: a rate, over the rate of the largest useful batches that the devices could
answer if they did nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jellyfish.control.capacity import Capacities, VariantCapacity, best_need, device_capacities
from jellyfish.control.problem import ClientDemand, DeviceOption

FULL = 0.9
"""Of the devices' time: what is planned."""
ROOM = 1.25
"""Requests come at random: plans count with so many times what came in the mean."""
_Rates = NDArray[np.float64]


class Requesting(NamedTuple):
    """Somebody who makes requests."""

    client: str
    fps: float
    """Images a second, as measured."""
    budget_s: float
    """For waiting and running on a device."""
    variant: int | None = None
    """The one that is asked for, by its place among all; None: any."""


class Granted(NamedTuple):
    """What one of them gets."""

    demands: tuple[ClientDemand, ...]
    """As planners see it: one, or as many as there are devices where one of them might not do."""
    most_fps: tuple[float, ...]
    """Per variant: images a second that it may have, with what others leave; infinite where nobody else is there."""


def granted(
    requesting: Sequence[Requesting],
    cameras: Sequence[ClientDemand],
    devices: Sequence[DeviceOption],
    accuracy: Sequence[float],
    share: float,
) -> list[Granted]:
    """For each of them, in this order. `share` (0..1) of the devices is theirs whatever cameras need."""
    capacities = device_capacities(device for device in devices if device.serves) or device_capacities(devices)
    rates = [_rates(each, capacities) for each in requesting]
    wanted = [_part(ROOM * each.fps, float(rate.max())) for each, rate in zip(requesting, rates, strict=True)]
    allowed = max(share, FULL - best_need(cameras, capacities, accuracy)) if cameras else FULL
    parts = divided(wanted, allowed)
    spare = max(0.0, allowed - sum(parts))
    alone = len(requesting) == 1 and not cameras
    found = []
    for each, rate, part, whole in zip(requesting, rates, parts, wanted, strict=True):
        may = part * (1.0 + spare / sum(parts)) if part else 0.0
        fps = ROOM * each.fps * (part / whole if 0 < whole < math.inf else 1.0)
        pieces = _pieces(part, share if cameras else FULL, len(capacities))
        most = [math.inf] * len(rate) if alone else ((part + spare) * rate).tolist()
        found.append(Granted(_demands(each, fps, rate, may, pieces), tuple(most)))
    return found


def divided(wanted: Sequence[float], allowed: float) -> list[float]:
    """`allowed` in parts: nobody gets more than wanted, and who gets less gets no less than any other (max-min)."""
    parts = [0.0] * len(wanted)
    left = allowed
    for number, index in enumerate(sorted(range(len(wanted)), key=wanted.__getitem__)):
        parts[index] = min(wanted[index], left / (len(wanted) - number))
        left -= parts[index]
    return parts


def _rates(requesting: Requesting, capacities: Sequence[Capacities]) -> _Rates:
    """Per variant that may be run: images a second that the devices could answer in time; 0 for others."""
    rates = _all_rates(requesting.budget_s, capacities)
    if requesting.variant is not None:
        only = np.zeros_like(rates)
        only[requesting.variant] = rates[requesting.variant]
        return only
    return rates


def _all_rates(budget_s: float, capacities: Sequence[Capacities]) -> _Rates:
    rates = np.zeros(len(capacities[0]))
    for variants in capacities:
        rates += [_rate(capacity, budget_s) for capacity in variants]
    return rates


def _rate(capacity: VariantCapacity, budget_s: float) -> float:
    """Where plans have no room for another batch before it, one that is alone may still be in time."""
    return capacity.rate_within(budget_s) or (capacity.rate_fps[0] if capacity.worst_s[0] <= 2 * budget_s else 0.0)


def _part(fps: float, rate: float) -> float:
    return fps / rate if rate > 0 else math.inf


def _pieces(part: float, share: float, devices: int) -> int:
    """Demands to make of one: no device is to give more than `share` of itself."""
    return max(1, min(devices, math.ceil(part * devices / share))) if share > 0 else 1


def _demands(each: Requesting, fps: float, rate: _Rates, may: float, pieces: int) -> tuple[ClientDemand, ...]:
    """With the variants that `may` of the devices is enough for."""
    budget_s = tuple(np.where(fps <= rate * (may + 1e-9), each.budget_s, 0.0).tolist())
    names = [each.client, *(f"{each.client}, part {number}" for number in range(2, pieces + 1))]
    return tuple(ClientDemand(name, fps / pieces, budget_s) for name in names) if fps > 0 and any(budget_s) else ()
