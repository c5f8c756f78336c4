"""What one step of the planner's search takes, on problems such as this device gets."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from jellyfish.control.frame_size import reference_bytes
from jellyfish.control.problem import ClientDemand, DeviceOption, Plan, Problem
from jellyfish.core import Variant
from jellyfish.devices.profile.table import LatencyProfile
from jellyfish.modes.assembly import timed_planner

PLANNED_FOR = (1, 2, 4, 8, 16, 32)
WINDOWS = 8
FPS, SLO_S, OVERHEAD_S = 15.0, 0.15, 0.03
RATES_BPS = 3e6, 20e6
"""Least and most of the uplinks, anew in each window."""


class _LookedAt:
    """The clock, and how often it was asked."""

    def __init__(self) -> None:
        self.looks = 0

    def __call__(self) -> float:
        self.looks += 1
        return time.monotonic()


def plan_step_s(profile: LatencyProfile, accuracy: Callable[[Variant], float], planner: str, clients: int) -> float:
    """From one look at the clock to the next, while it plans for so many, window after window."""
    clock = _LookedAt()
    planning = timed_planner(planner, 0, clock)
    chance = np.random.default_rng(clients)
    running: Plan | None = None
    began_s = time.thread_time()
    for _ in range(WINDOWS):
        running = planning.plan(_problem(profile, accuracy, clients, chance), running)
    return (time.thread_time() - began_s) / max(clock.looks, 1)


def _problem(
    profile: LatencyProfile, accuracy: Callable[[Variant], float], clients: int, chance: np.random.Generator
) -> Problem:
    """Cameras whose networks leave them different times."""
    variants = tuple(sorted(profile.variants))
    latencies_s = tuple(profile.of(variant).p99_s for variant in variants)
    rates_bps = chance.uniform(*RATES_BPS, clients).tolist()

    def budget_s(variant: Variant, rate_bps: float) -> float:
        transfer_s = 8 * reference_bytes(variant.resolution) / rate_bps
        return max(0.0, SLO_S - OVERHEAD_S - transfer_s) if transfer_s * FPS < 1 else 0.0

    demands = tuple(
        ClientDemand(f"camera-{number}", FPS, tuple(budget_s(variant, rate_bps) for variant in variants))
        for number, rate_bps in enumerate(rates_bps)
    )
    devices = (DeviceOption(profile.device, latencies_s),)
    return Problem(demands, devices, variants, tuple(accuracy(variant) for variant in variants))
