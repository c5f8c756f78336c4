"""A device's account of its frames: each captured frame ends in exactly one outcome. Pure: `now` is an argument.

A frame ends here twice: when the device has answered it (or a newer one took its place), and, if it was offered to the
cloud, when that has ended too. Its record is written after both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from jellyfish.camera.slo import Slo
from jellyfish.core import Answer, LabelledObject, Outcome, Reason
from jellyfish.edge.fusion.requests import Fate
from jellyfish.evaluation.judging import NO_ANSWER, Judge
from jellyfish.protocol.wire import PlanMessage
from jellyfish.results.records import FrameRecord, Timeline, guessed, judged, milliseconds


@dataclass(frozen=True, slots=True)
class Served:
    """When and how the device answered a frame. Times are seconds."""

    began_s: float
    """When the frame was taken up."""
    done_s: float
    variant: str
    device: str
    answer: Answer
    """The fused one."""


@dataclass(slots=True)
class _Open:
    captured_s: float
    objects: Sequence[LabelledObject] | None
    outcome: Outcome | None = None
    offered: bool = False
    known: dict[str, Any] = field(default_factory=dict)


class FrameAccount:
    """One device's frames. `emit` gets each frame's record once. Holds the frames that are open, and no others."""

    def __init__(
        self,
        client: str,
        slo_s: float,
        timeline: Timeline,
        emit: Callable[[FrameRecord], None],
        judge: Judge,
        classes: Sequence[str] = (),
    ) -> None:
        """`judge`: of what the device answers; `classes`: of its answers, by label."""
        self._judge, self._classes = judge, classes
        self._client, self._slo, self._timeline, self._emit = client, Slo(slo_s), timeline, emit
        self._open: dict[int, _Open] = {}
        self.frames = 0
        """Frames captured so far."""

    @property
    def open(self) -> int:
        """Frames that have no record yet."""
        return len(self._open)

    def captured(self, frame: int, captured_s: float, objects: Sequence[LabelledObject] | None) -> None:
        """A new frame. `objects`: what is truly in it; None when nobody knows."""
        self.frames += 1
        self._open[frame] = _Open(captured_s, objects)

    def skipped(self, frame: int, reason: Reason) -> None:
        """The device will not answer this frame."""
        self._end_without_answer(frame, Outcome.SKIPPED, reason)

    def failed(self, frame: int) -> None:
        """The device tried and failed."""
        self._end_without_answer(frame, Outcome.DROPPED, Reason.DEVICE_ERROR)

    def answered(self, frame: int, served: Served, offered: bool) -> None:
        """The device has answered. `offered`: whether the frame goes to the cloud, whose end is told later."""
        entry = self._open[frame]
        on_time = self._slo.slack_s(entry.captured_s, served.done_s) >= 0
        entry.outcome = Outcome.ON_TIME if on_time else Outcome.LATE
        entry.offered = offered
        entry.known |= {
            "variant": served.variant,
            "device": served.device,
            "batch": 1,
            "detections": None if served.answer.scores else len(served.answer.detections),
            "wait_ms": milliseconds(served.began_s - entry.captured_s),
            "execute_ms": milliseconds(served.done_s - served.began_s),
            "e2e_ms": milliseconds(served.done_s - entry.captured_s),
        }
        entry.known |= guessed(served.answer.scores, self._classes)
        if entry.outcome is Outcome.LATE:
            entry.known["reason"] = Reason.SLOW
        if entry.objects is not None:
            entry.known |= judged(self._judge.worth(served.answer, entry.objects))
        self._settle(frame)

    def sent(self, frame: int, resolution: int, size_bytes: int, plan: PlanMessage) -> None:
        """The frame is on its way to the cloud, by the cloud's plan."""
        self._open[frame].known |= {
            "resolution": resolution,
            "bytes": size_bytes,
            "planned_variant": plan.variant or None,
            "planned_resolution": plan.resolution,
        }

    def heard(self, frame: int, now: float) -> None:
        """The cloud's answer is here."""
        entry = self._open[frame]
        entry.known["cloud_ms"] = milliseconds(now - entry.captured_s)

    def cloud_ended(self, frame: int, fate: Fate, lag: int | None = None) -> None:
        """What became of a frame that was offered. `lag`: so many frames later its answer was used."""
        entry = self._open[frame]
        entry.offered = False
        entry.known["cloud"] = fate.value
        if lag is not None:
            entry.known["cloud_lag"] = lag
        self._settle(frame)

    def finish(self) -> None:
        """The run is over: what the device has not answered by now it never will."""
        for frame in [frame for frame, entry in self._open.items() if entry.outcome is None]:
            self.skipped(frame, Reason.REPLACED)

    def _end_without_answer(self, frame: int, outcome: Outcome, reason: Reason) -> None:
        entry = self._open[frame]
        entry.outcome = outcome
        entry.known["reason"] = reason
        if entry.objects is not None:
            entry.known |= judged(self._judge.worth(NO_ANSWER, entry.objects))
        self._settle(frame)

    def _settle(self, frame: int) -> None:
        """Write the record once nothing more can come."""
        entry = self._open[frame]
        if entry.outcome is None or entry.offered:
            return
        del self._open[frame]
        self._emit(
            FrameRecord(
                client=self._client,
                frame=frame,
                captured_s=self._timeline.run_s(entry.captured_s),
                captured_unix_s=self._timeline.unix_s(entry.captured_s),
                deadline_s=self._timeline.run_s(self._slo.due_s(entry.captured_s)),
                outcome=entry.outcome,
                slo_ms=self._slo.seconds * 1000,
                **entry.known,
            )
        )
