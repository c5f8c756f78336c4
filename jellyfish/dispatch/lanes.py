"""A device's plan as its queue needs it: a lane per planned variant, and the variants that may run in its place. Pure.

A network of many sizes switches per batch at no cost, so what runs need not be what was planned: a batch that would be
late runs on a quicker variant, one with time to spare on a better one. Frames were scaled for the planned resolution;
what stands in for it has no larger one, for an image that is enlarged does not gain the larger size's accuracy.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from jellyfish.control.problem import OUT_OF_SERVICE_S, DevicePlan, Share
from jellyfish.core import Variant
from jellyfish.devices.profile.table import LatencyProfile

Depth = Callable[[Variant], int]


class Candidate(NamedTuple):
    """A variant that frames may be run with."""

    variant: Variant
    accuracy: float
    latency_s: Sequence[float]
    """What a batch of one, two, ... takes, as profiled: the median; never falling."""
    p99_s: Sequence[float]
    """What nearly none takes longer than."""


class Lane(NamedTuple):
    """Frames that were planned for the same variant: they wait together and run together."""

    planned: Candidate
    batch: int
    """The plan's largest batch. More frames may run together where they have come together."""
    quicker: tuple[Candidate, ...] = ()
    """What may stand in, each one less accurate and quicker than the one before."""
    better: tuple[Candidate, ...] = ()
    """More accurate candidates, the best first."""

    @property
    def quickest(self) -> Candidate:
        """The candidate for frames with the least time."""
        return self.quicker[-1] if self.quicker else self.planned

    @property
    def allotted_s(self) -> float:
        """The longest time that the plan counts with for one batch of this lane."""
        return self.planned.p99_s[self.batch - 1]


def make_lanes(
    plan: DevicePlan,
    clients: Mapping[Variant, int],
    profile: LatencyProfile,
    accuracy: Mapping[Variant, float],
    max_batch: int,
    depth: Depth = lambda variant: sys.maxsize,
) -> tuple[Lane, ...]:
    """The lanes of `plan`. `clients`: how many are on each variant; `accuracy`: of the variants that may stand in.

    `depth`: the largest batch of a variant that may run yet; larger ones count as endless.

    A worst case of one cycle and one batch holds where the frames that wait fit into one batch. One frame of each
    client can: taken together they are sooner done than one after the other.
    """
    lanes = []
    for share in plan.shares:
        most = min(max(share.batch, clients.get(share.variant, 0)), max(max_batch, share.batch))
        lanes.append(_lane(share, most, profile, accuracy, depth))
    return tuple(lanes)


def lane_of(lanes: Sequence[Lane], variant: Variant | None, profile: LatencyProfile) -> int:
    """Index of the lane for a frame that was planned for `variant`, maybe by an earlier plan, or for none.

    The slowest lane that is no slower than its own variant; the quickest lane if there is none such.
    """
    times = [lane.planned.latency_s[0] for lane in lanes]
    for index, lane in enumerate(lanes):
        if lane.planned.variant == variant:
            return index
    own_s = 0.0 if variant is None else profile.of(variant).p50_s[0]
    allowed = [index for index, seconds in enumerate(times) if seconds <= own_s]
    return max(allowed, key=times.__getitem__) if allowed else min(range(len(times)), key=times.__getitem__)


def _lane(share: Share, most: int, profile: LatencyProfile, accuracy: Mapping[Variant, float], depth: Depth) -> Lane:
    def candidate(variant: Variant) -> Candidate:
        entry, may = profile.of(variant), min(most, depth(variant))
        endless = (OUT_OF_SERVICE_S,) * (most - may)
        p50_s, p99_s = ((*accumulate(row[:may], max), *endless) for row in (entry.p50_s, entry.p99_s))
        return Candidate(variant, accuracy.get(variant, 0.0), p50_s, p99_s)

    planned, batch = candidate(share.variant), max(1, min(share.batch, depth(share.variant)))
    if share.variant not in accuracy:
        return Lane(planned, batch)
    others = [
        candidate(each)
        for each in accuracy
        if each.resolution <= share.variant.resolution and each != share.variant and depth(each)
    ]
    others.sort(key=lambda each: -each.accuracy)
    quicker: list[Candidate] = []
    for other in others:
        slower = quicker[-1] if quicker else planned
        if other.accuracy <= planned.accuracy and _is_quicker(other, slower):
            quicker.append(other)
    better = tuple(other for other in others if other.accuracy > planned.accuracy)
    return Lane(planned, batch, tuple(quicker), better)


def _is_quicker(one: Candidate, other: Candidate) -> bool:
    """At every batch size; where one of them may not run, at those that both may."""
    pairs = zip(one.latency_s, other.latency_s, strict=True)
    return all(mine < its for mine, its in pairs if max(mine, its) < OUT_OF_SERVICE_S)
