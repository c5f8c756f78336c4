"""Every frame of a run, boiled down to `summary.json`. Pure and streaming: memory does not grow with the frames.

Knows records only: nothing of files, sockets or clocks. The nouns and denominators are stated at `Figures`.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping

import msgspec

from jellyfish.core import Outcome, Reason
from jellyfish.errors import RunError
from jellyfish.evaluation.matching import Counts
from jellyfish.results.accuracy import AccuracyFigures, AccuracyTally, plus
from jellyfish.results.emulation import BUSY_SHARE, FEW_MISSED, ClipFigures, EmulationFigures
from jellyfish.results.fusion import FusionFigures
from jellyfish.results.histogram import DurationHistogram, Percentiles
from jellyfish.results.planning import DeviceFigures, HostFigures, PlannerFigures
from jellyfish.results.records import FrameRecord
from jellyfish.results.streams import AgreementFigures, OutageFigures
from jellyfish.results.units import Count, PerSecond, Seconds, Share

DURATIONS = ("e2e_ms", "wait_ms", "uplink_ms", "queue_ms", "execute_ms", "downlink_ms")


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What is told of the run and of each client. Shares are of the captured frames (`offered`)."""

    offered: Count
    """Captured frames; the next five add up to them."""
    on_time: Count
    """Answered on time."""
    late: Count
    """Answered too late."""
    dropped: Count
    """Refused or given up by the server."""
    skipped: Count
    """Never sent."""
    lost: Count
    """Sent, and not answered."""
    dropped_by_reason: dict[str, Count]
    """Dropped frames, by reason."""
    missed_by_reason: dict[str, Count]
    """Frames that were not answered on time, by reason."""
    slo_attainment: Share | None
    """Of the captured frames, those answered on time; null without a captured frame."""
    miss_rate: Share | None
    """The others; null likewise."""
    captured_fps: PerSecond
    """Captured frames per second."""
    goodput_fps: PerSecond
    """On-time answers per second."""
    e2e_ms: Percentiles | None
    """Over answered frames, late ones included; so are the parts. Null without an answer."""
    wait_ms: Percentiles | None
    """As in `frames.jsonl`; so are the next four."""
    uplink_ms: Percentiles | None
    """As there."""
    queue_ms: Percentiles | None
    """As there."""
    execute_ms: Percentiles | None
    """As there."""
    downlink_ms: Percentiles | None
    """As there."""
    camera_ms: Percentiles | None
    """What the camera itself took, over all frames that were sent; part of `wait_ms`."""
    variants: dict[str, Share]
    """Share of the on-time frames that each variant answered, largest first."""
    accuracy: AccuracyFigures
    """How good the answers were, in terms of the model's task."""


class Summary(Figures, frozen=True, kw_only=True):
    """`summary.json`: the whole run, then each client alone."""

    duration_s: Seconds
    """How long frames were captured, as configured."""
    planner: PlannerFigures | None
    """What the planner did; null where the server was elsewhere."""
    devices: dict[str, DeviceFigures]
    """What devices did; empty where the server was elsewhere."""
    loop_lag_ms: Percentiles | None
    """How late the event loop's timers came; null where it was not measured."""
    clients: dict[str, Figures]
    """The figures of each client alone."""
    emulation: EmulationFigures | None = None
    """How emulated cameras kept up; null in virtual time."""
    fusion: dict[str, FusionFigures] | None = None
    """By device, where devices answered their frames themselves."""
    host: HostFigures | None = None
    """The server's own machine, where it is at hand and measured."""
    thinned_share: Share = 0.0
    """Of the captured frames, those that plans have left out because the host could not carry them."""
    stopped: bool = False
    """Whether the run was stopped before its end; `duration_s` is until then."""
    incomplete_videos: dict[str, str] = {}
    """What is missing (damaged, cut off) of the videos that are not whole, as far as they were played."""
    agreement: AgreementFigures | None = None
    """How far the accounts of client and server were compared."""
    outages: OutageFigures | None = None
    """When clients had no server; null where they always had."""


def incomplete_in_words(videos: Mapping[str, str]) -> list[str]:
    """A line for each video that is not whole."""
    return [f"{name} is not whole: {words}" for name, words in videos.items()]


def emulation_figures(
    clients: Mapping[str, Figures], slo_ms: Mapping[str, float], encode: str, clips: ClipFigures | None
) -> EmulationFigures:
    """How the cameras kept up, from the figures and the SLO of each."""
    own = {client: figures.camera_ms for client, figures in clients.items()}
    busy = sum(times is not None and times.p95 > BUSY_SHARE * slo_ms[client] for client, times in own.items())
    missed = sum(figures.missed_by_reason.get(Reason.CAMERA_BUSY, 0) for figures in clients.values())
    many = missed > FEW_MISSED * sum(figures.offered for figures in clients.values())
    return EmulationFigures(
        encode=encode, bottleneck=busy > 0 or many, busy_cameras=busy, missed_frames=missed, clips=clips
    )


class RunSummary:
    """Takes the records of a run one by one and tells its figures at any time."""

    def __init__(self) -> None:
        self._clients: dict[str, _Tally] = {}

    def add(self, record: FrameRecord) -> None:
        """Count one captured frame."""
        tally = self._clients.get(record.client)
        if tally is None:
            tally = self._clients[record.client] = _Tally()
        tally.add(record)

    def summary(
        self,
        duration_s: float,
        captured: Mapping[str, int],
        *,
        streaming: Mapping[str, Counts] | None = None,
        planner: PlannerFigures | None = None,
        devices: Mapping[str, DeviceFigures] | None = None,
        loop_lag_ms: Percentiles | None = None,
        host: HostFigures | None = None,
        agreement: AgreementFigures | None = None,
        outages: OutageFigures | None = None,
    ) -> Summary:
        """The figures of a run of `duration_s`, in which each client captured so many frames by its own count.

        `streaming` holds each client's `StreamingScore.counts`, where videos are labelled. Raises `RunError`
        when a client's captured frames and its outcomes do not agree: a frame without an outcome, or with two.
        """
        streaming = streaming or {}
        for client in captured.keys() - self._clients.keys():
            self._clients[client] = _Tally()
        _check(captured, self._clients)
        total = _Tally()
        for tally in self._clients.values():
            total.merge(tally)
        overall = total.figures(duration_s, functools.reduce(plus, streaming.values(), None))
        return Summary(
            **msgspec.structs.asdict(overall),
            duration_s=duration_s,
            planner=planner,
            devices=dict(devices or {}),
            loop_lag_ms=loop_lag_ms,
            host=host,
            agreement=agreement,
            outages=outages,
            thinned_share=overall.missed_by_reason.get(Reason.THINNED, 0) / max(1, overall.offered),
            clients={
                client: tally.figures(tally.active_s(duration_s), streaming.get(client))
                for client, tally in sorted(self._clients.items())
            },
        )


class _Tally:
    """Counts of one client, or of several merged."""

    def __init__(self) -> None:
        self.outcomes: Counter[Outcome] = Counter()
        self._reasons: Counter[tuple[Outcome, str]] = Counter()
        self._variants: Counter[str] = Counter()
        self._durations = {name: DurationHistogram() for name in DURATIONS}
        self._camera = DurationHistogram()
        self._accuracy = AccuracyTally()
        self._first_s = float("inf")
        self._last_s = float("-inf")

    def add(self, record: FrameRecord) -> None:
        self.outcomes[record.outcome] += 1
        self._first_s = min(self._first_s, record.captured_s)
        self._last_s = max(self._last_s, record.captured_s)
        if record.outcome is Outcome.ON_TIME:
            self._variants[record.variant or "unknown"] += 1
        else:
            self._reasons[record.outcome, record.reason or record.outcome] += 1
        if record.camera_ms is not None:
            self._camera.add(record.camera_ms)
        if record.e2e_ms is not None:
            for name, histogram in self._durations.items():
                duration_ms = getattr(record, name)
                if duration_ms is not None:
                    histogram.add(duration_ms)
        self._accuracy.add(record)

    def merge(self, other: _Tally) -> None:
        self.outcomes += other.outcomes
        self._reasons += other._reasons
        self._variants += other._variants
        for name, histogram in self._durations.items():
            histogram.merge(other._durations[name])
        self._camera.merge(other._camera)
        self._accuracy.merge(other._accuracy)

    def active_s(self, duration_s: float) -> float:
        """How long this client captured: a frame's interval for each frame; `duration_s` for fewer than two frames."""
        frames = self.outcomes.total()
        span_s = self._last_s - self._first_s
        return span_s * frames / (frames - 1) if frames > 1 and span_s > 0 else duration_s

    def figures(self, seconds: float, streaming: Counts | None) -> Figures:
        offered = self.outcomes.total()
        on_time = self.outcomes[Outcome.ON_TIME]
        dropped = {str(reason): n for (outcome, reason), n in self._reasons.items() if outcome is Outcome.DROPPED}
        durations = {name: histogram.percentiles() for name, histogram in self._durations.items()}
        missed: Counter[str] = Counter()
        for (_, reason), frames in self._reasons.items():
            missed[str(reason)] += frames
        return Figures(
            offered=offered,
            on_time=on_time,
            late=self.outcomes[Outcome.LATE],
            dropped=self.outcomes[Outcome.DROPPED],
            skipped=self.outcomes[Outcome.SKIPPED],
            lost=self.outcomes[Outcome.LOST],
            dropped_by_reason=dropped,
            missed_by_reason=dict(missed.most_common()),
            slo_attainment=on_time / offered if offered else None,
            miss_rate=(offered - on_time) / offered if offered else None,
            captured_fps=offered / seconds if seconds > 0 else 0.0,
            goodput_fps=on_time / seconds if seconds > 0 else 0.0,
            e2e_ms=durations["e2e_ms"],
            wait_ms=durations["wait_ms"],
            uplink_ms=durations["uplink_ms"],
            queue_ms=durations["queue_ms"],
            execute_ms=durations["execute_ms"],
            downlink_ms=durations["downlink_ms"],
            camera_ms=self._camera.percentiles(),
            variants={name: frames / on_time for name, frames in self._variants.most_common()},
            accuracy=self._accuracy.figures(on_time, offered, streaming),
        )


def _check(captured: Mapping[str, int], tallies: Mapping[str, _Tally]) -> None:
    wrong = [
        f"{client} captured {captured.get(client, 0)} frames, of which {tally.outcomes.total()} have an outcome"
        for client, tally in sorted(tallies.items())
        if captured.get(client, 0) != tally.outcomes.total()
    ]
    if wrong:
        raise RunError(f"the frames of this run do not add up: {'; '.join(wrong)}")
