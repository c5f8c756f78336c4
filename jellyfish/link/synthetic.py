"""Bandwidth traces made from a seed, for runs without a measured one, and the choice between all kinds. Pure.

Every statistic that is said to be measured is that of the means over whole seconds, as `link.statistics` computes it.
"""

from __future__ import annotations

import contextlib
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jellyfish.errors import InputError
from jellyfish.link.files import LEAST_MBPS, MOST_MBPS, load_trace
from jellyfish.link.radio import Radio, draw
from jellyfish.link.trace import MEGABIT, BandwidthTrace

PUBLISHED_STEPS_MBPS = (20.0, 15.0, 10.0, 7.5, 10.0, 15.0, 20.0)
STEP_S = 20.0
RADIO_DURATION_S = 600.0
"""Length of a `wifi`, `lte` or `outage` trace chosen by name, before it repeats."""

WIFI = Radio(54.0, 3.0, 94.0, 0.28, 0.88, 0.03, 4.0, (0.2, 0.55))
LTE = Radio(15.2, 0.5, 28.0, 0.32, 0.80, 0.03, 1.5, (0.2, 0.5))
OUTAGE = replace(LTE, outage_s=2.8, outage_every_s=50.0)
RADIOS = {"wifi": WIFI, "lte": LTE, "outage": OUTAGE}

KNOWN = {
    "wifi": "WiFi of a camera that moves about a building; another one for each seed",
    "lte": "LTE uplink; another one for each seed",
    "outage": "`lte` that is down for 2.8 s every 50 s (means); another one for each seed",
    "steps": "20, 15, 10, 7.5, 10, 15, 20 Mbit/s, 20 s each",
}
"""Traces by name, and what they are."""

_NUMBER_WITH_UNIT = re.compile(r"(\d+(?:\.\d+)?)\s*([kmg])(?:bps|bit/s)", re.IGNORECASE)
_UNITS = {"k": 1e-3, "m": 1.0, "g": 1e3}


def wifi_like(seed: int, duration_s: float) -> BandwidthTrace:
    """WiFi of a camera that moves about a building.

    Aims at the WiFi trace of the Jellyfish evaluation (200 s; RTSS 2022) and is close to walking traces of the
    same group: mean 52 Mbit/s (measured 52; walking 49-58), coefficient of variation 0.35 (0.32; 0.37-0.42),
    5th percentile 18.5 Mbit/s (18.7; 12-21), correlation of one second with the next 0.81 (0.74; 0.87-0.91).
    """
    return make_trace("wifi", seed, duration_s)


def lte_like(seed: int, duration_s: float) -> BandwidthTrace:
    """LTE uplink, after the LTE upload trace of the Jellyfish evaluation (199 s; RTSS 2022).

    Aims at mean 15.4 Mbit/s (measured 15.2), coefficient of variation 0.34 (0.35), 5th percentile 7.5 Mbit/s
    (7.4), correlation of one second with the next 0.7 (0.68).
    """
    return make_trace("lte", seed, duration_s)


def outage_like(seed: int, duration_s: float) -> BandwidthTrace:
    """The LTE uplink with outages as in the uplinks of moving cars measured for mahimahi (Netravali et al., ATC 2015).

    Those four (3127 s; LTE, UMTS and EVDO) were below 0.1 Mbit/s 62 times: every 50 s, for 2.8 s in the mean and 2 s
    in the median but for one of 78 s. They are slower than LTE is today, so that only their outages are taken: 2.8 s
    (geometric: median 2 s) every 50 s.
    """
    return make_trace("outage", seed, duration_s)


def make_trace(kind: str, seed: int, duration_s: float) -> BandwidthTrace:
    """A radio trace of a kind in `RADIOS`, one rate per second. InputError for another kind, or no length at all."""
    radio, seconds = radio_for(kind, duration_s)
    return trace_of(draw(radio, seed, seconds), kind)


def radio_for(kind: str, duration_s: float) -> tuple[Radio, int]:
    """The radio of a kind, and how many rates a trace so long has. InputError as of `make_trace`."""
    if kind not in RADIOS:
        raise InputError(f"no kind of link {kind!r} to make a trace of: choose {', '.join(RADIOS)}")
    if not 1.0 <= duration_s < math.inf:
        raise InputError(f"trace {kind}: a duration of {duration_s:g} s is too short or endless; give at least 1 s")
    return RADIOS[kind], math.ceil(duration_s)


def trace_of(mbps: NDArray[np.float64], name: str) -> BandwidthTrace:
    """Rates of whole seconds, one after the other."""
    return BandwidthTrace(tuple(map(float, range(len(mbps)))), tuple((mbps * MEGABIT).tolist()), name)


def steps() -> BandwidthTrace:
    """The synthetic trace of the Jellyfish evaluation (RTSS 2022): 20, 15, 10, 7.5, 10, 15, 20 Mbit/s, 20 s each."""
    times_s = tuple(STEP_S * index for index in range(len(PUBLISHED_STEPS_MBPS)))
    return BandwidthTrace(times_s, tuple(mbps * MEGABIT for mbps in PUBLISHED_STEPS_MBPS), "steps")


def constant(mbps: float) -> BandwidthTrace:
    """The same rate for ever. Raises `InputError` for one that is beyond all links, or at which nothing arrives."""
    if not LEAST_MBPS <= mbps <= MOST_MBPS:
        raise InputError(f"a rate of {mbps:g} Mbit/s: give one of {LEAST_MBPS:g} to {MOST_MBPS:,.0f} Mbit/s")
    return BandwidthTrace((0.0,), (mbps * MEGABIT,), f"{mbps:g}mbps")


def resolve_trace(text: str, seed: int) -> BandwidthTrace | None:
    """The trace that a person asks for by `text`; None for `none`, a link that is not shaped.

    Raises `InputError` that lists the choices, or says what is wrong with the file at that path.
    """
    name = text.strip().lower()
    if name == "none":
        return None
    if name == "steps":
        return steps()
    if name in RADIOS:
        return make_trace(name, seed, RADIO_DURATION_S)
    if (number := _NUMBER_WITH_UNIT.fullmatch(name)) is not None:
        return constant(float(number[1]) * _UNITS[number[2]])
    if _is_file(text) or Path(text).suffix in (".csv", ".txt"):
        return load_trace(Path(text))
    raise InputError(
        f"no trace {text!r}: choose {', '.join(KNOWN)}, a rate with its unit such as 10mbps, none (not shaped), or the "
        "path of a file: CSV with the header time_s,mbps, one rate in Mbit/s per line, or mahimahi packet times"
    )


def _is_file(text: str) -> bool:
    """Whether there is a file called so; none has a name that the system does not even take."""
    with contextlib.suppress(OSError):
        return Path(text).is_file()
    return False
