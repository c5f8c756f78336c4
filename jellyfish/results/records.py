"""The lines and headers that a run writes, as values with the keys of the files. No I/O, no arithmetic on runs.

Times are seconds since the run's start unless the name says `_ms`. Keys are added, never renamed; readers
ignore the ones that they do not know.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from jellyfish.core import Outcome, Reason

SCHEMA = 1
"""Number of the files' schema, in `run.json`."""

Cause = Literal["period", "join", "leave"]
"""What made a planner run."""


def milliseconds(seconds: float) -> float:
    """Seconds as the files state durations: milliseconds, to the microsecond."""
    return round(seconds * 1e3, 3)


class FrameRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One captured frame: a line of `frames.jsonl`. What is None is not written.

    Parts of the latency are known for answered frames (on time or late). Where the video is labelled, every
    frame has `tp`, `fp`, `fn` at IoU 0.5; one without an answer has tp = fp = 0 and fn = its objects.
    """

    client: str
    frame: int
    captured_s: float
    outcome: Outcome
    slo_ms: float
    reason: Reason | None = None
    resolution: int | None = None
    bytes: int | None = None
    variant: str | None = None
    device: str | None = None
    batch: int | None = None
    e2e_ms: float | None = None
    wait_ms: float | None = None
    camera_ms: float | None = None
    """What of `wait_ms` the camera itself took: all but waiting for earlier frames to be answered."""
    uplink_ms: float | None = None
    queue_ms: float | None = None
    execute_ms: float | None = None
    downlink_ms: float | None = None
    detections: int | None = None
    tp: int | None = None
    fp: int | None = None
    fn: int | None = None
    cloud: str | None = None
    """Of a frame that its device answered itself and offered to the cloud: how that ended (`fusion.requests.Fate`).
    `resolution` and `bytes` are what was sent there."""
    cloud_ms: float | None = None
    """From capture to the cloud's answer."""
    cloud_lag: int | None = None
    """So many frames later its answer was used."""
    expected_f1: float | None = None
    """In simulations, which have no pictures: the variant's F1 as measured elsewhere."""


class AttainedSnapshot(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the server knew then of a client's frames since its stream opened. `captured` holds those still open, too.

    `estimated`: by what the server saw itself, for want of reports that can be true.
    """

    captured: int
    on_time: int
    missed: int
    estimated: bool = False


class ClientSnapshot(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was known of one client when a plan was made. `bandwidth_mbps` is None before the first frame."""

    overhead_ms: float
    """Outside network and device; the next two are parts of it, the rest is a margin."""
    budget_ms: dict[str, float]
    """Per variant: time left for waiting and running on the device; 0 where the uplink does not sustain it."""
    bandwidth_mbps: float | None = None
    attained: AttainedSnapshot | None = None
    care: float | None = None
    """How careful the client's plans are, as learnt so far; None where that is not learnt."""
    client_overhead_ms: float | None = None
    """From capture to sending."""
    host_overhead_ms: float | None = None
    """In the server's event loop and with its decoders: work, which `HostSnapshot.work_ms` tells, and waiting."""


class HostSnapshot(msgspec.Struct, frozen=True):
    """The server's own machine in the span of time before a plan: shares of it that its parts were occupied."""

    loop: float
    decoders: float
    work_ms: float
    """Processor time of event loop and decoders for a frame."""
    share: float
    """Of its clients' frames that the host is taken to carry from now on."""
    binds: bool
    """Clients are served less than the devices could because of it."""


class DeviceAssignment(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a device was told to run: names of variants, and the largest batch of all and of each."""

    variants: tuple[str, ...]
    batch: int
    batches: tuple[int, ...] = ()
    cycle_ms: float | None = None
    """The longest time for one batch of each, where the planner says so."""


class ClientAssignment(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a client's frames were to go, and at what resolution. `fps`: at most so many a second, where it says so."""

    device: str
    variant: str
    resolution: int
    fps: float | None = None
    worst_ms: float | None = None
    """From capture to answer at the worst, as the plan reckons with the client's care; None without an estimate."""


class WindowPlan(msgspec.Struct, frozen=True):
    """A plan by device and by client; a client that is missing was not mapped."""

    devices: dict[str, DeviceAssignment]
    clients: dict[str, ClientAssignment]


class WindowLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One adaptation window: a line of `windows.jsonl`."""

    t_s: float
    planner: str
    cause: Cause
    solve_ms: float
    accuracy: float
    """Planned accuracy: rate-weighted mean over the mappable clients."""
    mapped: int
    mappable: int
    snapshot: dict[str, ClientSnapshot]
    plan: WindowPlan
    solve: Literal["solved", "skipped", "deferred"] = "solved"
    """Whether the planner was asked: skipped because nothing had changed, deferred because it had had its share."""
    cpu_ms: float = 0.0
    """Processor time of the solve."""
    repairs_ms: tuple[float, ...] = ()
    """What each repair of the plan took since the window before."""
    changes: int = 0
    """Clients whose variant changed since the window before, each time counted."""
    host: HostSnapshot | None = None
    """None where the host is not measured."""


class RunInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What was run, on what: `run.json`. `started` is ISO 8601 with its offset from UTC."""

    command: list[str]
    mode: str
    started: str
    seed: int
    config: dict[str, Any]
    versions: dict[str, str]
    machine: dict[str, str | int]
    devices: list[str]
    profile: str
    schema: int = SCHEMA
