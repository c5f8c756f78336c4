"""Made traces with wanted statistics: a radio's parameters are looked for until what it draws has them. Pure.

Apart from the traces that have names, which need no search: a camera's machine has no SciPy.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from jellyfish.errors import InputError
from jellyfish.installed import require
from jellyfish.link.radio import Radio, draw
from jellyfish.link.statistics import autocorrelation, variation
from jellyfish.link.synthetic import radio_for, trace_of
from jellyfish.link.trace import BandwidthTrace

MOST_LOG_DEVIATION = 2.0
MOST_CORRELATION = 0.995
"""Where the search ends."""
SEARCH_STEPS = 20


@dataclass(frozen=True, slots=True)
class Wanted:
    """Statistics that a made trace is to have; None leaves one as it comes."""

    mean_mbps: float | None = None
    variation: float | None = None
    autocorrelation: float | None = None
    outage_s: float | None = None
    """Mean length of an outage, and the mean time from one's beginning to the next one's."""
    outage_every_s: float | None = None


def wanted_trace(kind: str, seed: int, duration_s: float, wanted: Wanted) -> BandwidthTrace:
    """A radio trace of a kind in `RADIOS`, one rate per second, with the wanted statistics.

    They are those of this very trace, not of many such ones. Raises `InputError` for what cannot be had.
    """
    as_it_comes, seconds = radio_for(kind, duration_s)
    radio = _with_outages(as_it_comes, wanted)
    mbps = draw(_with_statistics(radio, seed, seconds, wanted), seed, seconds)
    if wanted.mean_mbps is not None:
        if not (0 < wanted.mean_mbps < math.inf and mbps.any()):
            raise InputError(f"trace {kind}: a mean of {wanted.mean_mbps:g} Mbit/s cannot be had; give one above 0")
        mbps *= wanted.mean_mbps / mbps.mean()
    return trace_of(mbps, kind)


def _with_outages(radio: Radio, wanted: Wanted) -> Radio:
    outage_s = radio.outage_s if wanted.outage_s is None else wanted.outage_s
    every_s = radio.outage_every_s if wanted.outage_every_s is None else wanted.outage_every_s
    if (outage_s, every_s) == (0.0, math.inf):
        return radio
    if not 1 <= outage_s <= every_s - 1 < math.inf:
        raise InputError(
            f"outages of {outage_s:g} s every {every_s:g} s cannot be had: give both a length of at least 1 s and a "
            "time from one to the next that is at least 1 s longer"
        )
    return replace(radio, outage_s=outage_s, outage_every_s=every_s)


def _with_statistics(radio: Radio, seed: int, seconds: int, wanted: Wanted) -> Radio:
    """`radio`, changed so that what it draws from `seed` has the wanted statistics; None leaves one as it comes.

    With a wanted variation, floor and ceiling are gone: they would bound it. Raises `InputError` that says what can be
    reached: dips and outages have a variation of their own, and a short trace may not have any autocorrelation.
    """

    def varied(candidate: Radio) -> Radio:
        if wanted.variation is None:
            return candidate
        free = replace(candidate, floor_mbps=0.0, ceiling_mbps=math.inf)

        def reached(deviation: float) -> float:
            return variation(draw(replace(free, log_deviation=deviation), seed, seconds))

        deviation = _solved("a coefficient of variation", wanted.variation, reached, MOST_LOG_DEVIATION)
        return replace(free, log_deviation=deviation)

    def reached(correlation: float) -> float:
        return autocorrelation(draw(varied(replace(radio, correlation=correlation)), seed, seconds)) or 0.0

    if wanted.autocorrelation is None:
        return varied(radio)
    correlation = _solved("an autocorrelation", wanted.autocorrelation, reached, MOST_CORRELATION)
    return varied(replace(radio, correlation=correlation))


def _solved(words: str, wanted: float, reached: Callable[[float], float], most: float) -> float:
    """The smallest parameter between 0 and `most` at which the statistic is the wanted one.

    Looked for step by step: where fading is slower than the trace is long, its statistics fall again.
    """
    require("a trace with wanted statistics", "scipy")
    from scipy.optimize import brentq  # half a second to load, which no other trace needs

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
