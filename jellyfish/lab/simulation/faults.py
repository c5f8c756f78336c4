"""Each fault at its seam: what it does to a link, a clock, a device or a planner, as plain functions of time."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Sequence

from jellyfish.control.problem import Plan, Planner, Problem
from jellyfish.core import Variant
from jellyfish.devices.profile.table import LatencyProfile, VariantLatency
from jellyfish.devices.profile.variation import Ratios
from jellyfish.errors import RunError
from jellyfish.lab.simulation.scenario import (
    AnyFault,
    ClockDrift,
    ClockJump,
    DeviceError,
    DeviceFlap,
    DeviceHang,
    DeviceSlow,
    LinkDown,
    PlannerError,
)
from jellyfish.lab.simulation.timed_executor import Disturbance
from jellyfish.link.trace import BandwidthTrace

UNSHAPED_BPS = 1e9
"""Rate of a link without a trace, once a fault makes it need one."""
NINETY_NINTH = 2.3263
"""Standard deviations from the median to the 99th percentile of a normal distribution."""
Clock = Callable[[], float]
"""Seconds of the run."""


class SimulatedError(RunError):
    """What a device raises because a scenario says so."""


def with_outages(
    trace: BandwidthTrace | None, faults: Iterable[AnyFault], client: str, horizon_s: float
) -> BandwidthTrace | None:
    """`trace` with nothing getting through while `client`'s link is down. Repeats after `horizon_s` at the earliest."""
    outages = [fault for fault in faults if isinstance(fault, LinkDown) and fault.client == client]
    if not outages:
        return trace
    base = trace or BandwidthTrace((0.0,), (UNSHAPED_BPS,), "unshaped")
    end_s = max(horizon_s, *(fault.end_s for fault in outages)) + 60.0
    edges = {0.0} | {edge for fault in outages for edge in (fault.at_s, fault.end_s)}
    edges |= {float(second) for second in range(math.ceil(end_s))}
    times = sorted(edges)

    def rate(time_s: float) -> float:
        down = any(fault.at_s <= time_s < fault.end_s for fault in outages)
        return 0.0 if down else base.rate_at(time_s)

    rates = [rate(time_s) for time_s in times]
    return BandwidthTrace(tuple(times), tuple(rates), f"{base.name} with outages")


def camera_clock(faults: Iterable[AnyFault], client: str, start_s: float) -> Callable[[float], float]:
    """Loop time -> the camera's own clock, which jumps and drifts as the faults say."""
    jumps = [fault for fault in faults if isinstance(fault, ClockJump) and fault.client == client]
    drifts = [fault for fault in faults if isinstance(fault, ClockDrift) and fault.client == client]

    if not jumps and not drifts:
        return lambda now: now

    def clock(now: float) -> float:
        run_s = now - start_s
        jumped = sum(fault.by_s for fault in jumps if run_s >= fault.at_s)
        drifted = sum(max(0.0, run_s - fault.at_s) * fault.ppm * 1e-6 for fault in drifts)
        return now + jumped + drifted

    return clock


def device_disturbance(
    profile: LatencyProfile, faults: Sequence[AnyFault], device: str, seed: str, clock: Clock
) -> Disturbance:
    """Factor on the profiled median: the profile's own variation times what the faults do to the device."""
    vary = _varying(seed)
    slow = [fault for fault in faults if isinstance(fault, DeviceSlow) and fault.device == device]
    hangs = [fault for fault in faults if isinstance(fault, DeviceHang) and fault.device == device]
    errors = [fault for fault in faults if isinstance(fault, DeviceError | DeviceFlap) and fault.device == device]

    def disturbance(variant: Variant, batch: int) -> float:
        entry, now = profile.of(variant), clock()
        factor = vary(entry, batch)
        if any(_fails(fault, now) for fault in errors):
            raise SimulatedError("simulated device error")
        for fault in slow:
            factor *= fault.factor if fault.at_s <= now < fault.end_s else 1.0
        held_s = max((fault.end_s - now for fault in hangs if fault.at_s <= now < fault.end_s), default=0.0)
        return factor + held_s / entry.p50_s[batch - 1]

    return disturbance


def _fails(fault: DeviceError | DeviceFlap, now: float) -> bool:
    if not fault.at_s <= now < fault.end_s:
        return False
    return isinstance(fault, DeviceError) or (now - fault.at_s) % fault.period_s < fault.period_s / 2


def _varying(seed: str) -> Callable[[VariantLatency, int], float]:
    """Draws of measured / median time: from what was measured, or else log-normal with the profile's p99."""
    chance, ratios = random.Random(seed), Ratios(seed)

    def vary(entry: VariantLatency, batch: int) -> float:
        if entry.variation is not None:
            return ratios.next(entry.variation)
        spread = math.log(max(entry.p99_s[batch - 1] / entry.p50_s[batch - 1], 1.0)) / NINETY_NINTH
        return chance.lognormvariate(0.0, spread)

    return vary


class UnreliablePlanner:
    """A planner that raises while its faults last. (A slow one is the offload's doing.)"""

    def __init__(self, planner: Planner, faults: Iterable[AnyFault], clock: Clock) -> None:
        self._planner, self._clock = planner, clock
        self._errors = [fault for fault in faults if isinstance(fault, PlannerError)]

    def plan(self, problem: Problem, running: Plan | None) -> Plan:
        """See `Planner.plan`; RuntimeError during a fault."""
        if any(fault.at_s <= self._clock() < fault.end_s for fault in self._errors):
            raise RuntimeError("simulated planner error")
        return self._planner.plan(problem, running)
