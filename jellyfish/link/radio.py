"""Rates of a radio link, drawn from a seed: a model. Pure.

The log of the rate is AR(1) noise around a median (slow fading: each second resembles the one before). Dips take a
part of the rate away for some seconds (a door, a body, a busy neighbour), outages all of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray


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
