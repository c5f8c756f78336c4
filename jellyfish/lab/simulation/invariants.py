"""What must hold after every run, whatever went wrong in it. Pure: records and what is left, in; breaches, out.

That every captured frame has one outcome, and that client and server agree on it, is checked by the run itself.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from jellyfish.core import Outcome
from jellyfish.lab.simulation.scenario import (
    AnyFault,
    DeviceError,
    DeviceFlap,
    DeviceHang,
    DeviceSlow,
    PlannerError,
    PlannerSlow,
    Scenario,
)
from jellyfish.results.records import FrameRecord

RESUME_S = 1.0
"""Service is back this long after a fault's end."""
NOTICED = 0.5
"""And so much longer after a device that failed, for each second that it did: it is tested ever more seldom."""
ELSEWHERE_S = 1.0
"""Longest time without an answer, beside the time between two frames, for clients of a device that fails or hangs while
another one works."""
CALM_AFTER_S = 1.6
"""Then nothing of a fault is left: bandwidth estimates remember one second, and half a second later one is planned."""
CALM_MISS_RATE = 0.03
"""Most frames that a client may miss while nothing is wrong with it."""


class Remains(msgspec.Struct, frozen=True):
    """What the server is left with after the run."""

    clients: tuple[str, ...]
    queued: int
    queue_capacity: int
    open_frames: int


def breaches(scenario: Scenario, records: Iterable[FrameRecord], remains: Remains) -> list[str]:
    """One sentence for each invariant that does not hold."""
    frames: dict[str, list[FrameRecord]] = defaultdict(list)
    for record in records:
        frames[record.client].append(record)
    found = _left_over(scenario, remains)
    rates = {f"{group.name}-{number}": group.fps for group in scenario.clients for number in range(group.count)}
    for client in scenario.client_names():
        own = [fault for fault in scenario.faults if getattr(fault, "client", None) == client]
        if not own:
            found += _lost(client, frames[client])
            found += _left_alone(client, frames[client], rates[client], scenario)
        troubles = [fault for fault in scenario.faults if _concerns(fault, client)]
        if troubles:  # a planner in trouble harms nobody by itself, but it does not help either
            troubles += [fault for fault in scenario.faults if isinstance(fault, PlannerError | PlannerSlow)]
        found += _not_resumed(client, frames[client], troubles, scenario)
        found += _missed_in_calm(client, frames[client], troubles, scenario)
    return found


def _concerns(fault: AnyFault, client: str) -> bool:
    """A fault of another client, or a stranger, is none of this client's business."""
    named = getattr(fault, "client", None)
    shared = hasattr(fault, "device")
    return named == client or shared


def _left_over(scenario: Scenario, remains: Remains) -> list[str]:
    found = []
    if stayed := sorted(set(remains.clients) & set(scenario.client_names())):
        found.append(f"the server still has sessions of {', '.join(stayed)}, which said goodbye")
    if remains.queued > remains.queue_capacity:
        found.append(f"{remains.queued} requests are queued where {remains.queue_capacity} may be")
    if remains.open_frames:
        found.append(f"{remains.open_frames} frames of the server have no outcome")
    return found


def _is_made_up_for(fault: AnyFault, scenario: Scenario) -> bool:
    """Whether a device fails or hangs while another one has no trouble in the whole run: that one serves everybody."""
    if not isinstance(fault, DeviceError | DeviceFlap | DeviceHang):
        return False
    if any(isinstance(each, DeviceSlow) and each.device == fault.device for each in scenario.faults):
        return False  # found out more slowly
    troubled = {getattr(each, "device", None) for each in scenario.faults}
    return any(device.stays and device.name not in troubled for device in scenario.devices)


def _lost(client: str, frames: Sequence[FrameRecord]) -> list[str]:
    """Frames without an outcome from the server, of a client that nothing is wrong with."""
    lost = sum(record.outcome is Outcome.LOST for record in frames)
    return [f"{client}: {lost} frames were never answered"] if lost else []


def _left_alone(client: str, frames: Sequence[FrameRecord], fps: float, scenario: Scenario) -> list[str]:
    """Too long a time without an answer while a device is in trouble and another is not."""
    answered_s = sorted(
        record.captured_s + record.e2e_ms / 1000
        for record in frames
        if record.outcome is Outcome.ON_TIME and record.e2e_ms is not None
    )
    times_s = [0.0, *answered_s, scenario.duration_s]
    found = []
    for fault in scenario.faults:
        if not _is_made_up_for(fault, scenario):
            continue
        gaps = [(a, b) for a, b in itertools.pairwise(times_s) if b > fault.at_s and a < fault.end_s + RESUME_S]
        longest = max(gaps, key=lambda gap: gap[1] - gap[0])
        if longest[1] - longest[0] > ELSEWHERE_S + 1 / fps:
            found.append(f"{client}: no answer from {longest[0]:.2f} to {longest[1]:.2f} s though only {fault}")
    return found


def _not_resumed(
    client: str, frames: Sequence[FrameRecord], troubles: Sequence[AnyFault], scenario: Scenario
) -> list[str]:
    """Faults after whose end no frame was answered on time soon enough (another fault under way is an excuse)."""
    found = []
    for fault in troubles:
        until_s = fault.end_s + RESUME_S + (NOTICED * fault.for_s if isinstance(fault, DeviceError) else 0.0)
        excused = any(other.at_s < until_s and other.end_s > fault.end_s for other in troubles if other is not fault)
        served = any(
            record.outcome is Outcome.ON_TIME and fault.end_s <= record.captured_s <= until_s for record in frames
        )
        if not served and not excused and until_s < scenario.duration_s:
            found.append(f"{client}: no frame on time within {RESUME_S:g} s of the end ({fault.end_s:g} s) of {fault}")
    return found


def _missed_in_calm(
    client: str, frames: Sequence[FrameRecord], troubles: Sequence[AnyFault], scenario: Scenario
) -> list[str]:
    """Too many misses while nothing is wrong with this client, whatever is wrong with others.

    A device's trouble is over for its clients when they are served by another.
    """
    ends_s = [fault.at_s if _is_made_up_for(fault, scenario) else fault.end_s for fault in troubles]

    def troubled(record: FrameRecord) -> bool:
        slo_s, at_s = record.slo_ms / 1000, record.captured_s
        spans = zip(troubles, ends_s, strict=True)
        return any(fault.at_s - slo_s <= at_s <= end_s + CALM_AFTER_S for fault, end_s in spans)

    calm = [record for record in frames if not troubled(record)]
    missed = sum(record.outcome is not Outcome.ON_TIME for record in calm)
    if missed > max(1.0, CALM_MISS_RATE * len(calm)):
        return [f"{client}: {missed} of {len(calm)} frames missed while nothing was wrong with it"]
    return []
