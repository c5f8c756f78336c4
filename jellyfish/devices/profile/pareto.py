"""Which variants of a device are worth offering to a planner. Pure."""

from __future__ import annotations

from collections.abc import Callable

from jellyfish.core import Variant
from jellyfish.devices.profile.table import LatencyProfile, VariantLatency


def pareto_front(profile: LatencyProfile, accuracy: Callable[[Variant], float]) -> tuple[Variant, ...]:
    """The profile's variants, in its order, without those that another one makes pointless.

    Another one does that if it needs no larger frames, is no slower at any batch size and no less accurate, and better
    in one of the three.
    """
    entries = profile.latencies
    return tuple(
        entry.variant for entry in entries if not any(_makes_pointless(other, entry, accuracy) for other in entries)
    )


def _makes_pointless(other: VariantLatency, entry: VariantLatency, accuracy: Callable[[Variant], float]) -> bool:
    theirs, own = _merits(other, accuracy), _merits(entry, accuracy)
    return theirs != own and all(a <= b for a, b in zip(theirs, own, strict=True))


def _merits(entry: VariantLatency, accuracy: Callable[[Variant], float]) -> tuple[float, ...]:
    """Numbers of which less is better."""
    return (entry.variant.resolution, -accuracy(entry.variant), *entry.p50_s)
