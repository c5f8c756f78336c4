"""The published predictive controller's problem, solved exactly: the best sizes for the next frames. Pure.

A frame of size m takes network(m) and device(m) seconds, and waits at the server for the one before it:

    e2e(h) = network(m) + device(m) + max(0, e2e(h - 1) - interval - network(m))

Sought are the sizes with the largest sum of accuracies - `switch_weight` x sum of their changes, no e2e above the
deadline. A dynamic programme over horizon x sizes finds them: the only thing a frame leaves to the next is its own size
and its e2e, and a smaller e2e allows whatever a larger one does. So per frame only those outcomes are kept

* that no other one of the same size beats in both e2e and worth,
* that no other one of another size beats even after paying for the change: whatever follows, it need not pay more,
* that could still come to more than the best plan of a single size, were there no deadlines ahead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
HORIZON = 5
SWITCH_WEIGHT = 1.0
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the next frames will find, by size: seconds on the network and on the device, and the accuracy."""

    network_s: Sequence[float]
    device_s: Sequence[float]
    accuracy: Sequence[float]
    interval_s: float
    deadline_s: float
    e2e_s: float
    """Of the last frame."""
    running: int
    """The last frame's size."""


def best_first(
    forecast: Forecast, horizon: int = HORIZON, switch_weight: float = SWITCH_WEIGHT
) -> tuple[int, float] | None:
    """(first size, worth) of the best sequence of `horizon` sizes; None when none meets every deadline."""
    network, device = np.array(forecast.network_s), np.array(forecast.device_s)
    usable = np.flatnonzero(network + device <= forecast.deadline_s)
    if not len(usable):
        return None
    network, device = network[usable], device[usable]
    values = np.array(forecast.accuracy)
    e2e_s, worth, before, first = np.array([forecast.e2e_s]), np.zeros(1), values[[forecast.running]], usable[:0]
    values = values[usable]
    at_least = _best_single_size(forecast, network, device, values, horizon, switch_weight * abs(values - before))
    for frames_left in reversed(range(horizon)):
        late_s = device + np.maximum(network, e2e_s[:, None] - forecast.interval_s)
        worths = worth[:, None] + values - switch_weight * np.abs(values - before[:, None])
        most = worths + frames_left * values + max(0.0, frames_left - switch_weight) * (values.max() - values)
        in_question = (late_s <= forecast.deadline_s) & (most >= at_least - ROUNDING)
        outcome, size = _unbeaten(late_s, np.where(in_question, worths, -np.inf))
        kept = _unmatched(late_s[outcome, size], worths[outcome, size], values[size], switch_weight)
        outcome, size = outcome[kept], size[kept]
        e2e_s, worth, before = late_s[outcome, size], worths[outcome, size], values[size]
        first = first[outcome] if len(first) else usable[size]
        if not len(size):
            return None
    best = int(np.argmax(worth))
    return int(first[best]), float(worth[best])


def _best_single_size(
    forecast: Forecast, network: Floats, device: Floats, values: Floats, horizon: int, change: Floats
) -> float:
    """Worth of the best sequence that keeps to one size; -inf when none of them meets every deadline."""
    e2e_s, in_time = np.full(len(values), forecast.e2e_s), np.ones(len(values), dtype=bool)
    for _ in range(horizon):
        e2e_s = device + np.maximum(network, e2e_s - forecast.interval_s)
        in_time &= e2e_s <= forecast.deadline_s
    return float(np.max(horizon * values - change, where=in_time, initial=-np.inf))


def _unbeaten(e2e_s: Floats, worth: Floats) -> tuple[Indices, Indices]:
    """(outcomes, sizes) of [outcomes, sizes] that no other outcome of the same size beats or equals in both.

    Worth is -inf where it does not count.
    """
    order = np.lexsort((-worth, e2e_s), axis=0)
    sorted_worth = np.take_along_axis(worth, order, axis=0)
    best_before = np.full_like(sorted_worth, -np.inf)
    np.maximum.accumulate(sorted_worth[:-1], axis=0, out=best_before[1:])
    kept, size = np.nonzero(sorted_worth > best_before)
    return order[kept, size], size


def _unmatched(e2e_s: Floats, worth: Floats, value: Floats, switch_weight: float) -> Indices:
    """Which outcomes no other one, of whatever size, matches in e2e and, with the change paid, in worth."""
    order: Indices = np.lexsort((-worth, e2e_s))
    judges = worth[order] >= np.maximum.accumulate(worth[order])  # few of them judge the many, the rest each other
    for _ in range(2):
        paid, values, places = worth[order], value[order], np.arange(len(order))
        matches = paid[judges, None] - switch_weight * np.abs(values[judges, None] - values) >= paid
        order = order[~(matches & (places[judges, None] < places)).any(axis=0)]
        judges = np.ones(len(order), dtype=bool)
    return order
