"""Bandwidth traces made from a seed, for runs without a measured one, and the choice between all kinds. Pure.

Radio links are drawn as log-AR(1) noise around a median (slow fading: each second resembles the one before)
with occasional dips of a few seconds (a door, a body, a busy neighbour), between a floor and a ceiling.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from jellyfish.errors import InputError
from jellyfish.link.trace import MEGABIT, BandwidthTrace, load_trace

PUBLISHED_STEPS_MBPS = (20.0, 15.0, 10.0, 7.5, 10.0, 15.0, 20.0)
STEP_S = 20.0
RADIO_DURATION_S = 600.0
"""Length of a `wifi` or `lte` trace chosen by name, before it repeats."""

_NUMBER_WITH_UNIT = re.compile(r"(\d+(?:\.\d+)?)\s*([kmg])(?:bps|bit/s)", re.IGNORECASE)
_UNITS = {"k": 1e-3, "m": 1.0, "g": 1e3}


@dataclass(frozen=True)
class _Radio:
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


_WIFI = _Radio(54.0, 3.0, 94.0, 0.28, 0.88, 0.03, 4.0, (0.2, 0.55))
_LTE = _Radio(15.2, 0.5, 28.0, 0.32, 0.80, 0.03, 1.5, (0.2, 0.5))


def wifi_like(seed: int, duration_s: float) -> BandwidthTrace:
    """WiFi of a camera that moves about a building.

    Aims at the WiFi trace of the Jellyfish evaluation (200 s; RTSS 2022) and is close to walking traces of the
    same group: mean 52 Mbit/s (measured 52; walking 49-58), coefficient of variation 0.35 (0.32; 0.37-0.42),
    5th percentile 18.5 Mbit/s (18.7; 12-21), correlation of one second with the next 0.81 (0.74; 0.87-0.91).
    """
    return _radio_trace(_WIFI, seed, duration_s, "wifi")


def lte_like(seed: int, duration_s: float) -> BandwidthTrace:
    """LTE uplink, after the LTE upload trace of the Jellyfish evaluation (199 s; RTSS 2022).

    Aims at mean 15.4 Mbit/s (measured 15.2), coefficient of variation 0.34 (0.35), 5th percentile 7.5 Mbit/s
    (7.4), correlation of one second with the next 0.7 (0.68).
    """
    return _radio_trace(_LTE, seed, duration_s, "lte")


def steps() -> BandwidthTrace:
    """The synthetic trace of the Jellyfish evaluation (RTSS 2022): 20, 15, 10, 7.5, 10, 15, 20 Mbit/s, 20 s each."""
    times_s = tuple(STEP_S * index for index in range(len(PUBLISHED_STEPS_MBPS)))
    return BandwidthTrace(times_s, tuple(mbps * MEGABIT for mbps in PUBLISHED_STEPS_MBPS), "steps")


def constant(mbps: float) -> BandwidthTrace:
    """The same rate for ever. Raises `InputError` unless it is above 0 and finite."""
    return BandwidthTrace((0.0,), (mbps * MEGABIT,), f"{mbps:g}mbps")


def resolve_trace(text: str, seed: int) -> BandwidthTrace | None:
    """The trace that a person asks for by `text`; None for `none`, a link that is not shaped.

    Raises `InputError` that lists the choices, or says what is wrong with the file at that path.
    """
    match text.strip().lower():
        case "none":
            return None
        case "wifi":
            return wifi_like(seed, RADIO_DURATION_S)
        case "lte":
            return lte_like(seed, RADIO_DURATION_S)
        case "steps":
            return steps()
        case other:
            number = _NUMBER_WITH_UNIT.fullmatch(other)
    if number is not None:
        return constant(float(number[1]) * _UNITS[number[2]])
    if Path(text).is_file() or Path(text).suffix == ".csv":
        return load_trace(Path(text))
    raise InputError(
        f"no trace {text!r}: choose wifi, lte, steps, a rate with its unit such as 10mbps, none (not shaped), "
        "or the path of a CSV file with the header time_s,mbps"
    )


def _radio_trace(radio: _Radio, seed: int, duration_s: float, name: str) -> BandwidthTrace:
    if not 1.0 <= duration_s < math.inf:
        raise InputError(f"trace {name}: a duration of {duration_s:g} s is too short or endless; give at least 1 s")
    samples = math.ceil(duration_s)
    random = np.random.default_rng(seed)
    mbps = radio.median_mbps * np.exp(_fading(radio, samples, random)) * _dips(radio, samples, random)
    mbps = mbps.clip(radio.floor_mbps, radio.ceiling_mbps)
    return BandwidthTrace(tuple(map(float, range(samples))), tuple((mbps * MEGABIT).tolist()), name)


def _fading(radio: _Radio, samples: int, random: np.random.Generator) -> NDArray[np.float64]:
    """[samples] AR(1) noise of the radio's deviation, stationary from the first sample on."""
    noise = random.normal(0.0, radio.log_deviation, samples)
    noise[1:] *= math.sqrt(1.0 - radio.correlation**2)
    fading: NDArray[np.float64] = lfilter([1.0], [1.0, -radio.correlation], noise)
    return fading


def _dips(radio: _Radio, samples: int, random: np.random.Generator) -> NDArray[np.float64]:
    """[samples] 1 outside dips, the share of the rate that is left inside them."""
    left = np.ones(samples)
    begin = int(random.geometric(radio.dips_per_s))
    while begin < samples:
        end = begin + int(random.geometric(1.0 / radio.dip_s))
        left[begin:end] = random.uniform(*radio.dip_depth)
        begin = end + int(random.geometric(radio.dips_per_s))
    return left
