"""The lines and headers that a run writes, as values with the keys of the files. No I/O, no arithmetic on runs.

Lines are flat: a key has a number, a word, true or false, or null where it does not apply or is not known. No key is
ever left out, so that any reader of tables takes a file in one line. Units and zero points are the types'
(`jellyfish.results.units`); `docs/results.md` is made of what is said here. Those of a window are in `window_lines`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from jellyfish.classes import class_name
from jellyfish.core import ClassScore, Outcome, Reason
from jellyfish.evaluation.judging import Worth
from jellyfish.results.units import (
    F1,
    Bytes,
    Count,
    Milliseconds,
    Number,
    PerSecond,
    Pixels,
    RunSeconds,
    Seconds,
    Share,
    UnixSeconds,
)

SCHEMA = 2
"""Number of the files' schema, in `run.json`. Keys are added under the same number, and never change their meaning."""


def milliseconds(seconds: float) -> float:
    """Seconds as the files state durations: milliseconds, to the microsecond."""
    return round(seconds * 1e3, 3)


@dataclass(frozen=True, slots=True)
class Timeline:
    """The event loop's time as the files state moments, to the microsecond."""

    start_s: float
    """The run's start, on the event loop's clock."""
    start_unix_s: float | None = None
    """The same on the machine's clock; None in virtual time, where there is no other."""

    def run_s(self, time_s: float) -> float:
        """Seconds since the run's start."""
        return round(time_s - self.start_s, 6)

    def unix_s(self, time_s: float) -> float | None:
        """Seconds since 1970."""
        return None if self.start_unix_s is None else round(self.start_unix_s + time_s - self.start_s, 6)


class FrameRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One captured frame: a line of `frames.jsonl`.

    Parts of the latency are known of answered frames (`on_time` or `late`) and sum up to `e2e_ms`. Where the video is
    labelled and a detector answers, every frame has `tp`, `fp`, `fn` at IoU 0.5; one without an answer has tp = fp = 0
    and fn = its objects. Labels and model are matched by the names of classes: objects of a class that the model does
    not know are not asked for, and detections of a class that the labels do not speak of are in none of the three.
    Where a classifier answers, every frame with an object in it has `class_right`.
    """

    client: str
    """The camera or device that captured it."""
    frame: Number
    """Which of its client's frames it is."""
    captured_s: RunSeconds
    """When it was captured."""
    captured_unix_s: UnixSeconds | None = None
    """The same on the machine's clock; null in virtual time."""
    deadline_s: RunSeconds
    """When its answer was due: `captured_s` and the SLO after it."""
    outcome: Outcome
    """How it ended, on the client's clock."""
    reason: Reason | None = None
    """Why it was not answered on time; null where it was."""
    slo_ms: Milliseconds
    """The client's SLO: the time from capture to answer that it asked for."""
    planned_variant: str | None = None
    """What the plan in force would have it run with when it was sent or given up; null while there is no plan, where
    the camera steers itself, and of a device's frames that were not sent to the cloud."""
    planned_resolution: Pixels | None = None
    """The longest side that this plan asked for; null likewise."""
    resolution: Pixels | None = None
    """The longest side that it was sent at; null where it was not sent."""
    bytes: Bytes | None = None
    """Its message on the uplink, header included; null where it was not sent."""
    variant: str | None = None
    """What answered it; null without an answer."""
    device: str | None = None
    """Where it ran."""
    batch: Count | None = None
    """Frames that ran together with it, itself included."""
    e2e_ms: Milliseconds | None = None
    """From capture to the answer's arrival; null without an answer."""
    wait_ms: Milliseconds | None = None
    """From capture to being handed to the link; of a device's frames, to being taken up."""
    camera_ms: Milliseconds | None = None
    """What of `wait_ms` the camera itself took: all but waiting for earlier frames to be answered."""
    uplink_ms: Milliseconds | None = None
    """From the link to the server, as the server reckons."""
    queue_ms: Milliseconds | None = None
    """In the server, but not running: decoding and waiting."""
    execute_ms: Milliseconds | None = None
    """Running, in its batch."""
    downlink_ms: Milliseconds | None = None
    """The answer's way back: what is left of `e2e_ms`."""
    detections: Count | None = None
    """Objects found; null without an answer, and of a classifier's."""
    tp: Count | None = None
    """Labelled objects that were found."""
    fp: Count | None = None
    """Detections of nothing that is there."""
    fn: Count | None = None
    """Labelled objects that were not found."""
    cloud: str | None = None
    """Of a frame that its device answered itself and offered to the cloud, how that ended: `used`, `passed_over`
    (answered, but a newer answer was at hand), `replaced` (never sent: a newer frame went), `dropped` (by the cloud) or
    `lost` (given up by the device). `resolution` and `bytes` are what was sent there."""
    cloud_ms: Milliseconds | None = None
    """From capture to the cloud's answer."""
    cloud_lag: Count | None = None
    """So many frames later the cloud's answer was used."""
    expected_f1: F1 | None = None
    """In simulations, which have no pictures: the variant's accuracy as measured elsewhere."""
    class_name: str | None = None
    """Of a classifier's answer, the likeliest class."""
    class_score: Share | None = None
    """How likely it is, as the classifier says."""
    trace_id: str | None = None
    """Under which the server has sent spans of it to OpenTelemetry, where it has (docs/tracing.md)."""
    class_right: bool | None = None
    """Whether it is the class of the largest labelled object, of those not to be ignored; false without an answer, null
    where there is no such object or a detector answers."""


def judged(worth: Worth) -> dict[str, int | bool | None]:
    """What a frame's record says of the worth of its answer."""
    known: dict[str, int | bool | None] = {"class_right": worth.right}
    return known if worth.counts is None else known | worth.counts._asdict()


def guessed(scores: Sequence[ClassScore], classes: Sequence[str]) -> dict[str, str | float]:
    """What a frame's record says of a classifier's answer; nothing of a detector's. `classes`: names by label."""
    if not scores:
        return {}
    return {"class_name": class_name(scores[0].label, classes), "class_score": round(scores[0].score, 4)}


def answering(name: str, version: str, task: str, classes: Sequence[str]) -> dict[str, Any]:
    """What a run's header says of the model that answers."""
    return {"model": name or None, "version": version or None, "task": str(task), "classes": list(classes)}


class PlanRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A plan as a client was told it: a line of `plans.jsonl`. It holds until that client's next line, or an outage."""

    client: str
    """Who was told."""
    t_s: RunSeconds
    """When it was heard."""
    unix_s: UnixSeconds | None = None
    """The same on the client's machine's clock; null in virtual time."""
    mapped: bool
    """Whether the client has a place in the plan; without one it only sends a probe now and then."""
    variant: str | None
    """What its frames are to be run with; null before any frame of it has come."""
    resolution: Pixels
    """The longest side of the frames to send."""
    fps: PerSecond | None = None
    """At most so many frames a second; null: as many as it captures."""
    probe_interval_ms: Milliseconds
    """Between probes, where it is not mapped."""
    server: str | None = None
    """The stream's URL at the server that told it, and serves the client; null where that is the one of the run."""


class OutageRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which a client had no server: a line of `outages.jsonl`, written when it is over.

    From its start, or from when the connection was lost, until the server has taken the client in (again); and each
    time that a server said nothing for over 2 s, until it did.
    """

    client: str
    """Whose stream it is."""
    began_s: RunSeconds
    """When it began."""
    began_unix_s: UnixSeconds | None = None
    """The same on the client's machine's clock; null in virtual time."""
    ended_s: RunSeconds | None = None
    """When it was over; null where it lasted to the client's end."""
    lasted_s: Seconds
    """How long that was."""
    why: str
    """What ended the connection, or kept it from being made, in the words of whoever noticed."""


class RunInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What was run, on what: `run.json`, written before the first frame.

    Where another model came into service later, it tells of the one that answered last.
    """

    command: list[str]
    """As it was called."""
    mode: str
    """`bench`, `camera`, `simulate`, `device`, `clownfish` or `serve`."""
    started: str
    """When it was called: ISO 8601 with its offset from UTC. Frames come later, see their `captured_unix_s`."""
    seed: int
    """Of everything that was drawn at random."""
    config: dict[str, Any]
    """How it was configured, defaults included."""
    versions: dict[str, str]
    """Python's and the main packages'."""
    machine: dict[str, str | int]
    """System, architecture and number of processors."""
    devices: list[str]
    """What networks ran on, where the server was in this process; of `device`, the small networks."""
    profile: str
    """The hardware that was measured, or the address of the server where it was elsewhere."""
    model: str | None = None
    """The name of the model that answers. Where the server is elsewhere, a run learns it there before the first frame;
    null until then, and of servers that do not tell."""
    version: str | None = None
    """That model's."""
    task: str | None = None
    """What it answers with: `detection` or `classification`."""
    classes: list[str] | None = None
    """What it knows, by the number of the class."""
    schema: int = SCHEMA
    """Number of the files' schema: this page is of the newest."""
