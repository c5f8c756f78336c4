"""Rates of a radio link, drawn from a seed: a model, and its parameters for wanted statistics. Pure.

The log of the rate is AR(1) noise around a median (slow fading: each second resembles the one before). Dips take a
part of the rate away for some seconds (a door, a body, a busy neighbour), outages all of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from jellyfish.errors import InputError
from jellyfish.link.statistics import autocorrelation, variation

MOST_LOG_DEVIATION = 2.0
MOST_CORRELATION = 0.995
"""Where the search for wanted statistics ends."""
SEARCH_STEPS = 20


@dataclass(frozen=True, slots=True)
class Radio:
    """One sample a second; rates in Mbit/s, `log_deviation` and `correlation` are those of the log rate."""

    median_mbps: float
    floor_mbps: float
    ceiling_mbps: float
    log_deviation: float
    correlation: float
    dips_per_s: float
    dip_s: float
    dip_depth: tuple[float, float]
    """A dip leaves this share of the rate: uniform between the two."""
    outage_s: float = 0.0
    """Mean length of an outage: a geometric number of seconds, at least one."""
    outage_every_s: float = math.inf
    """Mean time from the beginning of an outage to that of the next."""


def draw(radio: Radio, seed: int, seconds: int) -> NDArray[np.float64]:
    """[seconds] Mbit/s."""
    random = np.random.default_rng(seed)
    mbps = radio.median_mbps * np.exp(_fading(radio, seconds, random)) * _dips(radio, seconds, random)
    mbps = mbps.clip(radio.floor_mbps, radio.ceiling_mbps)
    if radio.outage_every_s < math.inf:
        for begin, end in _spells(radio.outage_every_s - radio.outage_s, radio.outage_s, seconds, random):
            mbps[begin:end] = 0.0
    return mbps


def with_statistics(
    radio: Radio, seed: int, seconds: int, wanted_variation: float | None, wanted_autocorrelation: float | None
) -> Radio:
    """`radio`, changed so that what it draws from `seed` has the wanted statistics; None leaves one as it comes.

    With a wanted variation, floor and ceiling are gone: they would bound it. Raises `InputError` that says what can be
    reached: dips and outages have a variation of their own, and a short trace may not have any autocorrelation.
    """

    def varied(candidate: Radio) -> Radio:
        if wanted_variation is None:
            return candidate
        free = replace(candidate, floor_mbps=0.0, ceiling_mbps=math.inf)

        def reached(deviation: float) -> float:
            return variation(draw(replace(free, log_deviation=deviation), seed, seconds))

        deviation = _solved("a coefficient of variation", wanted_variation, reached, MOST_LOG_DEVIATION)
        return replace(free, log_deviation=deviation)

    def reached(correlation: float) -> float:
        return autocorrelation(draw(varied(replace(radio, correlation=correlation)), seed, seconds)) or 0.0

    if wanted_autocorrelation is None:
        return varied(radio)
    correlation = _solved("an autocorrelation", wanted_autocorrelation, reached, MOST_CORRELATION)
    return varied(replace(radio, correlation=correlation))


def _solved(words: str, wanted: float, reached: Callable[[float], float], most: float) -> float:
    """The smallest parameter between 0 and `most` at which the statistic is the wanted one.

    Looked for step by step: where fading is slower than the trace is long, its statistics fall again.
    """
    from scipy.optimize import brentq  # half a second to load, for traces with wanted statistics alone

    steps = np.linspace(0.0, most, SEARCH_STEPS + 1)
    values = [reached(float(step)) for step in steps]
    if not values[0] <= wanted <= max(values):
        raise InputError(
            f"{words} of {wanted:g} cannot be had from this kind of link, seed and duration: give one between "
            f"{math.ceil(100 * values[0]) / 100:.2f} and {math.floor(100 * max(values)) / 100:.2f}"
        )
    above = next(index for index, value in enumerate(values) if value >= wanted)
    low, high = float(steps[max(above - 1, 0)]), float(steps[above])
    return low if low == high else float(brentq(lambda parameter: reached(parameter) - wanted, low, high, xtol=1e-5))


def _fading(radio: Radio, seconds: int, random: np.random.Generator) -> NDArray[np.float64]:
    """[seconds] AR(1) noise of the radio's deviation, stationary from the first sample on."""
    noise = random.normal(0.0, radio.log_deviation, seconds)
    noise[1:] *= math.sqrt(1.0 - radio.correlation**2)
    return np.array(list(accumulate(noise.tolist(), lambda before, fresh: radio.correlation * before + fresh)))


def _dips(radio: Radio, seconds: int, random: np.random.Generator) -> NDArray[np.float64]:
    """[seconds] 1 outside dips, the share of the rate that is left inside them."""
    left = np.ones(seconds)
    for begin, end in _spells(1.0 / radio.dips_per_s, radio.dip_s, seconds, random):
        left[begin:end] = random.uniform(*radio.dip_depth)
    return left


def _spells(gap_s: float, length_s: float, seconds: int, random: np.random.Generator) -> Iterator[tuple[int, int]]:
    """(first second, second after the last) of spells with such mean gaps between them and such mean lengths."""
    begin = int(random.geometric(1.0 / gap_s))
    while begin < seconds:
        end = begin + int(random.geometric(1.0 / length_s))
        yield begin, end
        begin = end + int(random.geometric(1.0 / gap_s))
