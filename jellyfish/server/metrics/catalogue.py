"""Every metric that a server has: name, meaning, labels and buckets. Pure; docs/metrics.md is made of it.

Names follow Prometheus' conventions: base units, `_total` for what only grows. A label has few values, known before;
only `camera` comes from outside, and of it there are as many as `serve --metrics-cameras` says, none by default.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from jellyfish.protocol import wire
from jellyfish.server.frame_way import STAGES

PREFIX = "jellyfish_"
STAGE_EDGES_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0)
SHARE_EDGES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.25, 1.5, 2.0)
SLACK_EDGES_S = tuple(edge / 1000 for edge in wire.SLACK_EDGES_MS)
LAG_EDGES_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
BATCH_EDGES = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 48.0, 64.0)


class MetricKind(enum.StrEnum):
    """What may be done with a metric's numbers."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    INFO = "info"


class MetricDefinition(NamedTuple):
    """One metric."""

    name: str
    """Without prefix, as it is queried; a histogram's is followed by `_bucket`, `_sum` and `_count`."""
    kind: MetricKind
    words: str
    labels: tuple[str, ...] = ()
    edges: tuple[float, ...] = ()
    """Of a histogram."""

    @property
    def full_name(self) -> str:
        """As it is queried."""
        return PREFIX + self.name


def _counter(name: str, words: str, *labels: str) -> MetricDefinition:
    return MetricDefinition(name, MetricKind.COUNTER, words, labels)


def _gauge(name: str, words: str, *labels: str) -> MetricDefinition:
    return MetricDefinition(name, MetricKind.GAUGE, words, labels)


BUILD = MetricDefinition(
    "build_info", MetricKind.INFO, "What serves: versions of Jellyfish and Python, and the model", (
        "version", "python", "model", "model_version",
    ),
)  # fmt: skip
READY = _gauge("ready", "1 while frames are taken: /readyz answers 200")

FRAMES = _counter(
    "frames_total",
    "Captured frames by how they ended. Of cameras that report (source=reported) these are the camera's own counts, on "
    "its own clock; of others (source=estimated) what the server can tell",
    "outcome", "reason", "source", "camera",
)  # fmt: skip
SLACK = MetricDefinition(
    "frame_slack_seconds",
    MetricKind.HISTOGRAM,
    "SLO minus end-to-end time of answered frames, below 0 for late ones; as `jellyfish_frames_total` by source",
    ("source",),
    SLACK_EDGES_S,
)
RECEIVED = _counter(
    "frames_received_total",
    "Frames that arrived here, by the server's own account: answered, dropped, or abandoned (the client was gone)",
    "ended", "reason",
)  # fmt: skip
REQUESTS = _counter(
    "requests_total",
    "Requests for inference by how they ended: answered, dropped, or abandoned (docs/inference-protocol.md)",
    "ended", "reason",
)  # fmt: skip
ANSWERS = _counter("answers_total", "Answered frames by what answered them", "device", "variant")
STAGE_SECONDS = MetricDefinition(
    "frame_stage_seconds",
    MetricKind.HISTOGRAM,
    f"How long each stage of an answered frame took, on the server's clock: {', '.join(STAGES)}; and e2e, all of them",
    ("stage",),
    STAGE_EDGES_S,
)
STAGE_SHARE = MetricDefinition(
    "frame_stage_slo_ratio",
    MetricKind.HISTOGRAM,
    "The same as a share of the frame's SLO: e2e above 1 is late",
    ("stage",),
    SHARE_EDGES,
)

CLIENTS = _gauge(
    "clients",
    "Clients that are connected: with a place in the plan, without one, or silent (no frame for as long as "
    "`serve` lets an idle client keep its place)",
    "state",
)
CAMERA_LAST = _gauge(
    "camera_last_frame_timestamp_seconds",
    "When the newest frame of a camera arrived, in Unix time. Of cameras that are connected or lost their connection; "
    "not of those that said goodbye, and only where --metrics-cameras names them",
    "camera",
)
REFUSED = _counter(
    "connections_refused_total",
    "Connections and clients that were not let in, by cause: an error's code (docs/protocol.md), an HTTP status, or "
    "too_many_connections",
    "cause",
)
BYTES = _counter("stream_bytes_total", "Bytes of the messages of all streams", "direction")
WATCHERS = _gauge(
    "watchers", "Who watches what cameras are answered (docs/watching.md), the server's own publishing among them"
)
WATCH_LOST = _counter("watch_lost_total", "Answers that those who watch did not read in time, and lost")

TARGET = _gauge("target_ratio", "Share of the captured frames that is to be answered in time, where that is aimed at")
CARE = _gauge("care_ratio", "How careful plans are, as learnt so far: of all clients the least, median and most", "of")
MARGIN = _gauge(
    "margin_seconds",
    "Time that plans keep free for what varies beside the device: of all clients the least, median and most",
    "of",
)

DEVICE_STATE = _gauge("device_state", "1 for the state that a device is in (docs/operating.md)", "device", "state")
DEVICE_WORKERS = _gauge("device_workers", "Batches that a device runs at once", "device")
DEVICE_BUSY = _counter("device_busy_seconds_total", "Time that batches ran, of all workers of a device", "device")
DEVICE_BATCHES = _counter("device_batches_total", "Batches of clients' frames that ran", "device")
DEVICE_FRAMES = _counter("device_frames_total", "Frames in them", "device")
DEVICE_DROPPED = _counter("device_dropped_total", "Frames that were given up while they waited", "device", "reason")
QUEUE = _gauge("queue_frames", "Frames that wait for a device", "device")
SLOW_DOWN = _gauge("device_slow_down_ratio", "How many times its profiled time a device lastingly takes", "device")
DEVICE_WAY = _gauge(
    "device_way_seconds",
    "What a message to a device in another process, or on another machine, and back takes",
    "device",
)
DEVICE_SHARE = _gauge(
    "device_share_ratio",
    "Part of a device that this server has, where others use it, too; 1 where it is alone",
    "device",
)
DEVICE_GONE = _counter("device_gone_total", "How often the worker of such a device was not there any more", "device")
BATCH = MetricDefinition(
    "batch_frames", MetricKind.HISTOGRAM, "Frames of a batch, over all batches", ("device",), BATCH_EDGES
)

PLANNER_CPU = _counter("planner_cpu_seconds_total", "Processor time of the planner: its rate is its share of a core")
WINDOWS = _counter(
    "plan_windows_total",
    "Windows of the control loop by what became of them: the planner was asked (solved), was not, because nothing had "
    "changed (skipped) or it had had its share (deferred), gave no plan that can be used (failed), or nobody was there "
    "to plan for (idle)",
    "result",
)
PLAN_CHANGES = _counter("plan_changes_total", "Clients whose variant was changed by a plan, each time counted")
REPAIRS = _counter("plan_repair_seconds_total", "Time that repairs of the running plan took in the event loop")
LOOKS = _counter("plan_look_seconds_total", "Time that looking at clients and devices for plans took in the event loop")
PLANNED_ACCURACY = _gauge("planned_accuracy_ratio", "Accuracy that the running plan expects, over clients it may serve")

HOST_BUSY = _gauge("host_busy_ratio", "Share of the time that event loop and decoders of this machine had work", "part")
HOST_SHARE = _gauge("host_share_ratio", "Share of its clients' frames that this machine is taken to carry")
HOST_WORK = _gauge("host_work_seconds", "Processor time of event loop and decoders for a frame")
LOOP_LAG = MetricDefinition(
    "loop_lag_seconds", MetricKind.HISTOGRAM, "How late timers of the event loop come", (), LAG_EDGES_S
)
MEMORY = _gauge("resident_memory_bytes", "Memory of the server's processes; pages they share count in each", "process")
CPU = _counter("process_cpu_seconds_total", "Processor time of the server's own process, all threads")
DESCRIPTORS = _gauge("open_descriptors", "File descriptors that the server's own process has open")

CATALOGUE = (
    FRAMES, SLACK, RECEIVED, REQUESTS, ANSWERS, STAGE_SECONDS, STAGE_SHARE,
    CLIENTS, CAMERA_LAST, REFUSED, BYTES, WATCHERS, WATCH_LOST, TARGET, CARE, MARGIN,
    DEVICE_STATE, DEVICE_WORKERS, DEVICE_BUSY, DEVICE_BATCHES, DEVICE_FRAMES, DEVICE_DROPPED, QUEUE, SLOW_DOWN,
    DEVICE_WAY, DEVICE_SHARE, DEVICE_GONE, BATCH,
    PLANNER_CPU, WINDOWS, PLAN_CHANGES, REPAIRS, LOOKS, PLANNED_ACCURACY,
    HOST_BUSY, HOST_SHARE, HOST_WORK, LOOP_LAG, MEMORY, CPU, DESCRIPTORS, READY, BUILD,
)  # fmt: skip
"""In the order in which they are told."""
