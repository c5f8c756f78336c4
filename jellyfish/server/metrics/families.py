"""A server's metrics as they are now, in the families of prometheus-client. Reads, and changes nothing.

Each function gives one part of the catalogue. They are generators: whoever writes the page lets frames through between
two families.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import median

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)

from jellyfish.clock import seconds_now
from jellyfish.core import Outcome
from jellyfish.devices.health import DeviceState
from jellyfish.dispatch.dispatcher import DeviceStatistics
from jellyfish.results.reasons import REASONS
from jellyfish.server.attained import LATE, NOT_SENT
from jellyfish.server.metrics import catalogue
from jellyfish.server.metrics.bucket_counts import BucketCounts
from jellyfish.server.metrics.catalogue import MetricDefinition, MetricKind
from jellyfish.server.metrics.frame_counts import ESTIMATED, NOBODY, REPORTED, Ended
from jellyfish.server.metrics.meter import TOLD_STAGES, Meter
from jellyfish.server.metrics.process_facts import descriptors, processor_s, resident_bytes
from jellyfish.server.service import Service
from jellyfish.server.session import Session

Labelled = tuple[Sequence[str], float]
"""Values of the labels, and the metric's."""

ON_TIME = Ended(Outcome.ON_TIME.value, "")
ALWAYS = {
    REPORTED: [ON_TIME, *(Ended(str(outcome), str(why)) for why, its in REASONS.items() for outcome in its.outcomes)],
    ESTIMATED: [ON_TIME, Ended(Outcome.LATE.value, LATE), Ended(Outcome.SKIPPED.value, NOT_SENT)],
}
"""Ways to end that are told from the start, as 0: what appears with its first frame has no rate before."""
RECEIVED_ALWAYS = {
    ("answered", ""): 0,
    ("abandoned", ""): 0,
    **{("dropped", str(why)): 0 for why, its in REASONS.items() if Outcome.DROPPED in its.outcomes},
}


def families(service: Service, meter: Meter, build: Mapping[str, str]) -> Iterator[Metric]:
    """All of them, in the order of the catalogue, as `meter` knows them since it last caught up; a large one in parts.

    `build`: what is told of what serves.
    """
    yield from _frames(service, meter)
    yield from _stages(meter)
    yield from _clients(service, meter)
    yield from _traffic(service)
    yield from _margins(service)
    yield from _devices(service)
    yield from _planner(meter)
    yield from _host(service, meter)
    yield from _server(service, build)


def _family(definition: MetricDefinition, samples: Iterable[Labelled]) -> Metric:
    """A counter or a gauge."""
    kind = CounterMetricFamily if definition.kind is MetricKind.COUNTER else GaugeMetricFamily
    family = kind(definition.full_name, definition.words, labels=definition.labels)
    for labels, value in samples:
        family.add_metric(list(labels), value)
    return family


def _one(definition: MetricDefinition, value: float | None) -> Metric:
    """One without labels; without a value where there is none to tell."""
    return _family(definition, [] if value is None else [((), value)])


def _histogram(definition: MetricDefinition, parts: Iterable[tuple[Sequence[str], BucketCounts]]) -> Metric:
    family = HistogramMetricFamily(definition.full_name, definition.words, labels=definition.labels)
    for labels, counts in parts:
        family.add_metric(list(labels), counts.cumulative(), counts.total)
    return family


def _frames(service: Service, meter: Meter) -> Iterator[Metric]:
    counts = meter.frames
    for camera in list(counts.frames):
        yield _family(catalogue.FRAMES, _ended(meter, camera))
    parts = []
    for source, by_bucket in counts.slack.items():
        slack = BucketCounts(catalogue.SLACK_EDGES_S)
        slack.counts = list(by_bucket)
        parts.append(((source,), slack))
    yield _histogram(catalogue.SLACK, parts)
    yield _family(catalogue.RECEIVED, (RECEIVED_ALWAYS | dict(meter.received)).items())
    yield _family(catalogue.REQUESTS, (RECEIVED_ALWAYS | _requests(service)).items())
    here = service.dispatchers
    yield _family(catalogue.ANSWERS, (each for each in meter.answers.items() if each[0][0] in here))


def _requests(service: Service) -> dict[tuple[str, str], int]:
    counts = service.requesters.totals()
    ended = {("answered", ""): counts.pop("answered", 0), ("abandoned", ""): counts.pop("abandoned", 0)}
    counts.pop("received", None)
    return ended | {("dropped", reason): count for reason, count in counts.items()}


def _ended(meter: Meter, camera: str) -> Iterator[Labelled]:
    known = dict(meter.frames.frames[camera])
    if camera == NOBODY:
        known = {(source, end): 0 for source, ends in ALWAYS.items() for end in ends} | known
    for (source, end), count in known.items():
        yield (end.outcome, end.reason, source, camera), count


def _stages(meter: Meter) -> Iterator[Metric]:
    for definition, parts in (
        (catalogue.STAGE_SECONDS, meter.stage_seconds),
        (catalogue.STAGE_SHARE, meter.stage_shares),
    ):
        yield _histogram(definition, (((stage,), each) for stage, each in zip(TOLD_STAGES, parts, strict=True)))


def _clients(service: Service, meter: Meter) -> Iterator[Metric]:
    now = seconds_now()
    states = {"served": 0, "without_place": 0, "silent": 0}
    for session in service.sessions.values():
        states[_state(session, now, service.limits.idle_s)] += 1
    yield _family(catalogue.CLIENTS, (((state,), count) for state, count in states.items()))
    yield _family(catalogue.CAMERA_LAST, (((camera,), unix_s) for camera, unix_s in meter.last_unix_s.items()))


def _state(session: Session, now: float, idle_s: float) -> str:
    if session.idle_s(now) >= idle_s:
        return "silent"
    return "served" if session.plan.mapped else "without_place"


def _traffic(service: Service) -> Iterator[Metric]:
    yield _family(catalogue.REFUSED, (((cause,), count) for cause, count in service.refused.items()))
    yield _family(catalogue.BYTES, [(("received",), service.received_bytes), (("sent",), service.sent_bytes)])
    yield _one(catalogue.WATCHERS, service.hub.watchers)
    yield _one(catalogue.WATCH_LOST, service.hub.lost)


def _margins(service: Service) -> Iterator[Metric]:
    learnt = [(session, session.learnt) for session in service.sessions.values() if session.learnt is not None]
    yield _one(catalogue.TARGET, None if service.target is None else service.target / 100)
    yield _family(catalogue.CARE, _spread([care.care for _, care in learnt]))
    now = seconds_now()
    yield _family(catalogue.MARGIN, _spread([session.margin_s(now) for session, _ in learnt]))


def _spread(values: list[float]) -> list[Labelled]:
    if not values:
        return []
    return [(("least",), min(values)), (("median",), median(values)), (("most",), max(values))]


def _devices(service: Service) -> Iterator[Metric]:
    known = service.statistics()

    def each(definition: MetricDefinition, *values: float) -> Metric:
        return _family(definition, [((its.device,), value) for its, value in zip(known, values, strict=True)])

    yield _family(
        catalogue.DEVICE_STATE,
        [
            ((device, str(state)), float(state is now))
            for device, now in service.device_states.items()
            for state in DeviceState
        ],
    )
    yield each(catalogue.DEVICE_WORKERS, *(its.workers for its in known))
    yield each(catalogue.DEVICE_BUSY, *(its.busy_s for its in known))
    yield each(catalogue.DEVICE_BATCHES, *(its.batches for its in known))
    yield each(catalogue.DEVICE_FRAMES, *(its.frames for its in known))
    dropped = [((its.device, str(reason)), float(count)) for its in known for reason, count in its.dropped.items()]
    yield _family(catalogue.DEVICE_DROPPED, dropped)
    yield each(catalogue.QUEUE, *(its.queued for its in known))
    yield each(catalogue.SLOW_DOWN, *(its.slow_down for its in known))
    yield each(catalogue.DEVICE_WAY, *(its.way_s for its in known))
    yield each(catalogue.DEVICE_SHARE, *(its.share for its in known))
    yield each(catalogue.DEVICE_GONE, *(its.gone for its in known))
    yield _histogram(catalogue.BATCH, (((its.device,), _batches(its)) for its in known))


def _batches(its: DeviceStatistics) -> BucketCounts:
    counts = BucketCounts(catalogue.BATCH_EDGES)
    for size, batches in its.batch_sizes.items():
        counts.add(size, batches)
    return counts


def _planner(meter: Meter) -> Iterator[Metric]:
    planner = meter.planner
    yield _one(catalogue.PLANNER_CPU, planner.cpu_s)
    yield _family(catalogue.WINDOWS, (((result,), count) for result, count in planner.windows.items()))
    yield _one(catalogue.PLAN_CHANGES, planner.changes)
    yield _one(catalogue.REPAIRS, planner.repairs_s)
    yield _one(catalogue.LOOKS, planner.looks_s)
    yield _one(catalogue.PLANNED_ACCURACY, planner.accuracy)


def _host(service: Service, meter: Meter) -> Iterator[Metric]:
    host = service.host
    busy = [] if host.use is None else [(("loop",), host.use.loop), (("decoders",), host.use.decoders)]
    yield _family(catalogue.HOST_BUSY, busy)
    yield _one(catalogue.HOST_SHARE, host.share)
    yield _one(catalogue.HOST_WORK, host.work_s)
    yield _histogram(catalogue.LOOP_LAG, [((), meter.lags)])


def _server(service: Service, build: Mapping[str, str]) -> Iterator[Metric]:
    yield _family(catalogue.MEMORY, (((name,), size) for name, size in resident_bytes().items()))
    yield _one(catalogue.CPU, processor_s())
    yield _one(catalogue.DESCRIPTORS, descriptors())
    yield _one(catalogue.READY, float(service.takes_frames))
    info = InfoMetricFamily(catalogue.BUILD.full_name.removesuffix("_info"), catalogue.BUILD.words)
    info.add_metric([], dict(build) | {"model": service.model.name, "model_version": service.model.version})
    yield info
