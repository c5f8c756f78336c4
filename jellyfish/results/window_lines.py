"""What the server knew and planned, twice a second, as flat lines. No I/O, no arithmetic on runs.

Three kinds of line, each in a file of its own: a file with several kinds would be no table, and what holds for a whole
window would be told, and summed up, once for each client. `window` joins them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec

from jellyfish.results.units import (
    F1,
    Count,
    Mbps,
    Milliseconds,
    Number,
    PerSecond,
    Pixels,
    Plain,
    RunSeconds,
    Share,
    UnixSeconds,
)

Cause = Literal["period", "join", "leave"]
"""What made a planner run."""
JOINED_BY = "+"
"""Stands between the parts of a key that lists several, so that lines stay flat."""


class WindowLine(msgspec.Struct, frozen=True, kw_only=True):
    """One adaptation window: a line of `windows.jsonl`."""

    window: Number
    """Which window it is: the key that joins the three files."""
    t_s: RunSeconds
    """When its problem was observed; negative before the first frame."""
    unix_s: UnixSeconds | None = None
    """The same on the server's machine's clock; null in virtual time."""
    planner: str
    """Who planned."""
    cause: Cause
    """What made it run: its time (`period`), or that a client came (`join`) or went (`leave`)."""
    solve: Literal["solved", "skipped", "deferred"] = "solved"
    """Whether the planner was asked: `skipped` because nothing had changed, `deferred` because it had had its share."""
    solve_ms: Milliseconds
    """How long its answer was waited for; 0 where it was not asked."""
    cpu_ms: Milliseconds = 0.0
    """Processor time of the solve."""
    accuracy: F1
    """Planned accuracy: mean over the mappable clients, weighted by their rates."""
    clients: Count
    """Clients that were planned for."""
    mapped: Count
    """Clients that have a place in the plan."""
    mappable: Count
    """Clients that could have one if each were alone."""
    changes: Count = 0
    """Clients whose variant changed since the window before, each time counted."""
    repairs: Count = 0
    """How often the running plan was made to fit since the window before."""
    repairs_ms: Milliseconds = 0.0
    """What all these repairs took."""
    host_loop: Share | None = None
    """Of the time since the window before, what the server's event loop was occupied; null where that is not measured,
    as the next four."""
    host_decoders: Share | None = None
    """The same of the decoders."""
    host_work_ms: Milliseconds | None = None
    """Processor time of event loop and decoders for a frame."""
    host_share: Share | None = None
    """Of its clients' frames, what the server's machine is taken to carry from now on."""
    host_resolution: Pixels | None = None
    """Longest side of the frames that are asked for, so that it can carry them; null where any will do."""
    host_binds: bool | None = None
    """Whether clients are served less than the devices could because of it."""


class ClientLine(msgspec.Struct, frozen=True, kw_only=True):
    """What was known of a client in a window, and what was planned for it: a line of `window_clients.jsonl`."""

    window: Number
    """As in `windows.jsonl`."""
    t_s: RunSeconds
    """As there."""
    unix_s: UnixSeconds | None = None
    """As there."""
    client: str
    """Whose line it is."""
    mapped: bool
    """Whether it has a place in the plan."""
    device: str | None = None
    """Where its frames are to run; null where it is not mapped, as the next four."""
    variant: str | None = None
    """What they are to be run with."""
    resolution: Pixels | None = None
    """The longest side they are to be sent at."""
    worst_ms: Milliseconds | None = None
    """From capture to answer at the worst, as the plan reckons with the client's care; null without an estimate."""
    budget_ms: Milliseconds | None = None
    """Time left for waiting and running on the device with that variant; 0 where the uplink does not sustain it."""
    fps: PerSecond | None = None
    """At most so many frames a second; null: as many as the client captures."""
    bandwidth_mbps: Mbps | None = None
    """Its uplink, as estimated; a guess before its first frame, null where the client is gone."""
    overhead_ms: Milliseconds
    """Outside network and device: the next two, and a margin."""
    client_overhead_ms: Milliseconds | None = None
    """From capture to sending; null where the client is gone, as the next one."""
    host_overhead_ms: Milliseconds | None = None
    """In the server's event loop and with its decoders: work, of which `host_work_ms` tells, and waiting."""
    care: Plain | None = None
    """How careful its plans are, as learnt so far; null where that is not learnt."""
    captured: Count | None = None
    """Frames it captured since its stream opened, as far as the server knows, those still open included; null where the
    client is gone, as the next three."""
    on_time: Count | None = None
    """Those answered on time."""
    missed: Count | None = None
    """Those that were not."""
    estimated: bool | None = None
    """Whether the server counted these three itself, for want of reports that can be true."""


class DeviceLine(msgspec.Struct, frozen=True, kw_only=True):
    """What a device was told to run in a window: a line of `window_devices.jsonl`."""

    window: Number
    """As in `windows.jsonl`."""
    t_s: RunSeconds
    """As there."""
    unix_s: UnixSeconds | None = None
    """As there."""
    device: str
    """Which device."""
    variants: str
    """What it runs in turn, joined by `+`."""
    batches: str
    """The largest batch of each, joined likewise."""
    batch: Count
    """The largest batch of all."""
    cycle_ms: Milliseconds | None = None
    """The longest time for one batch of each; null where the planner does not say."""
    clients: Count
    """Clients whose frames are to run there."""


@dataclass(frozen=True, slots=True)
class WindowLines:
    """All lines of one window, and what of it only figures need."""

    window: WindowLine
    clients: tuple[ClientLine, ...] = ()
    devices: tuple[DeviceLine, ...] = ()
    repairs_ms: tuple[float, ...] = ()
    """What each repair took."""
