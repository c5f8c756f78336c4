"""What a server would know of the cameras: its own estimators, fed with frames over their links. Pure, no event loop.

Each camera sends frames as it would in service, over its own part of its trace; the server's estimate of it is looked
at at several moments, which become several problems to plan for. What waits at devices plays no part here.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from jellyfish.control.estimator import ClientEstimator
from jellyfish.control.problem import ClientDemand
from jellyfish.core import InputSize, Variant
from jellyfish.lab.simulation.frames import NO_PICTURE
from jellyfish.lab.simulation.links import CameraLink, camera_links
from jellyfish.lab.simulation.scenario import Clients, Scenario
from jellyfish.protocol import wire

SETTLED_S = 6.0
"""By then an estimate no longer knows that it has just begun."""
BETWEEN_S = 3.0
"""From one moment that is looked at to the next: radio links are others by then."""
LOOKS = 120
"""Looks at a camera that are wanted of all cameras together,"""
MOST_MOMENTS = 8
"""and most of one camera."""
AS_PLANNED_S = 0.5
"""A camera keeps its size for so long."""
PING_S = 1.0


class Device(NamedTuple):
    """What is asked of a device before anything is planned."""

    variants: tuple[Variant, ...]
    least_s: Mapping[int, float]
    """Resolution -> the least time that a frame of it must have left for a device."""
    sizes: Mapping[int, InputSize]


class CameraLook(NamedTuple):
    """What is known of one camera at one moment."""

    name: str
    group: Clients
    now: float
    estimator: ClientEstimator

    def demand(self, variants: Sequence[Variant], care: float) -> ClientDemand:
        """The camera as planners see it, with so much care."""
        group = self.group
        demand = self.estimator.demand(self.now, self.name, group.fps, group.slo_ms / 1000, variants, care)
        return msgspec.structs.replace(demand, importance=group.importance)


def moments_of(cameras: int) -> tuple[float, ...]:
    """When to look at so many cameras; fewer are looked at more often."""
    count = min(MOST_MOMENTS, max(1, round(LOOKS / cameras)))
    return tuple(SETTLED_S + BETWEEN_S * number for number in range(count))


def looks_at(scenario: Scenario, device: Device, progress: Callable[[int, int], None]) -> list[list[CameraLook]]:
    """By moment: what is known of each camera of `scenario`."""
    groups = [group for group in scenario.clients for _ in range(group.count)]
    links = camera_links(scenario)
    moments = moments_of(len(groups))
    by_camera = []
    for number, (group, link) in enumerate(zip(groups, links.values(), strict=True)):
        progress(number, len(groups))
        by_camera.append(list(_watched(scenario, group, link, device, moments)))
    return [list(looks) for looks in zip(*by_camera, strict=True)]


def _watched(
    scenario: Scenario, group: Clients, link: CameraLink, device: Device, moments: Sequence[float]
) -> Iterator[CameraLook]:
    """One camera, from its first frame on."""
    estimator, frames = ClientEstimator(), link.frames()
    encode_s, decode_s = scenario.host.encode_ms / 1000, scenario.host.decode_ms / 1000
    captured_s = random.Random(link.seed).random() / group.fps
    free_s = chosen_s = pinged_s = float("-inf")
    resolution = min(device.sizes)
    pending = list(moments)
    while pending:
        if captured_s > pending[0]:
            yield CameraLook(link.name, group, pending.pop(0), copy.deepcopy(estimator))
            continue
        if captured_s >= pinged_s + PING_S:
            one_way_s = captured_s + link.delay_s
            estimator.exchange(captured_s, one_way_s, one_way_s, one_way_s + link.delay_s)
            pinged_s = captured_s
        if captured_s >= chosen_s + AS_PLANNED_S:
            resolution, chosen_s = _largest(CameraLook(link.name, group, captured_s, estimator), device), captured_s
        sent_s = captured_s + encode_s
        if free_s - sent_s < 1 / group.fps:  # else the camera has a newer frame by the time that the link is free
            size_bytes = len(frames(NO_PICTURE, device.sizes[resolution])) + wire.FRAME_OVERHEAD_BYTES
            began_s = max(sent_s, free_s)
            free_s = began_s + link.transfer_s(began_s, size_bytes)
            estimator.frame_arrived(sent_s, free_s + link.delay_s, size_bytes, resolution)
            estimator.overhead_sample(encode_s, decode_s)
        captured_s += 1 / group.fps


def _largest(look: CameraLook, device: Device) -> int:
    """The largest frames that leave a device its time; the smallest ones where none do."""
    demand = look.demand(device.variants, care=1.0)
    budgets_s = {variant.resolution: budget for variant, budget in zip(device.variants, demand.budget_s, strict=True)}
    fitting = [each for each, budget_s in budgets_s.items() if budget_s >= device.least_s[each]]
    return max(fitting, default=min(budgets_s))
