"""The client's account of its frames: each captured frame ends in exactly one outcome. Pure: `now` is an argument.

A frame is captured, waits in a slot of one (the newest wins), is taken up, sent and answered. Whatever
happens instead, the ledger ends it with the outcome and the reason, and hands the record to `emit`.

At its deadline an unanswered frame is missed. If it is known to have left the link, another may be sent in its place;
while it may still be on the link it keeps that place, so that a slow or dead link holds no more frames than it may.
What kind of a miss it was is decided when its answer comes, or else after `LATE_S`; what comes later is counted, no
more.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from jellyfish.camera.reporting import ReportTally
from jellyfish.camera.slo import Slo
from jellyfish.core import Answer, LabelledObject, Outcome, Reason
from jellyfish.evaluation.judging import NO_ANSWER, Judge
from jellyfish.evaluation.streaming import StreamingScore
from jellyfish.protocol.served_model import ServedModel
from jellyfish.protocol.wire import Farewell, PlanMessage, Report, Result
from jellyfish.results.emulation import BUSY_SHARE
from jellyfish.results.records import FrameRecord, Timeline, guessed, judged, milliseconds
from jellyfish.results.streams import StreamAccount

LATE_S = 1.0
"""An answer that comes by then after its frame's deadline is late; a frame that has none by then is lost."""
MOST_FREED = 16
"""Frames that are past their deadline and not answered, in whose place others may have been sent."""


@dataclass(frozen=True, slots=True, eq=False)
class Captured:
    """A frame in the camera's hand. `objects` are what is truly in it; None when nobody knows.

    `picture` is what the camera's `Frames` know it by.
    """

    frame: int
    captured_s: float
    picture: Any
    objects: Sequence[LabelledObject] | None = None
    came_s: float = -math.inf
    """When it was here, of a frame that was captured elsewhere: what it took until then is its way's, not the camera's.
    """


@dataclass(slots=True, eq=False)
class Sent:
    """A frame on its way: when it was handed to the link, and what of it."""

    captured: Captured
    sent_s: float
    resolution: int
    size_bytes: int
    own_s: float = 0.0
    """What the camera itself took, from capture to here."""
    deadline_s: float = math.inf
    plan: PlanMessage | None = None
    """The one that it was sent by."""
    arrived: bool = False
    """It is known to be with the server."""
    overdue: bool = False
    """Its deadline is past."""
    freed: bool = False
    """Another may be sent in its place."""
    ended: bool = False
    """It has its record."""


class Ledger:
    """One camera's frames. `emit` gets each frame's record and what it was answered with, once."""

    def __init__(
        self,
        client: str,
        slo_s: float,
        max_in_flight: int,
        timeline: Timeline,
        emit: Callable[[FrameRecord, Answer], None],
        hears_arrivals: bool = False,
        classes: Sequence[str] = (),
    ) -> None:
        """`hears_arrivals`: whether the server was asked to tell when a frame has arrived.

        `classes`: names by label of the objects in the frames. Until a server has told what it can find, all are to be.
        """
        self._hears_arrivals = hears_arrivals
        self._labelled, self._judge = classes, Judge(classes)
        self._classes: Sequence[str] = ()
        """Of the model that answers."""
        self._client, self._slo, self._timeline = client, Slo(slo_s), timeline
        self._max_in_flight, self._in_flight_limit, self._emit = max_in_flight, max_in_flight, emit
        self.frames = 0
        """Frames captured so far."""
        self._sent = 0
        """Frames sent so far, over all streams."""
        self._plan: PlanMessage | None = None
        """The one in force, where frames are sent by plans."""
        self._taken_by: PlanMessage | None = None
        """The one in force when the frame was taken up, by which its size is chosen."""
        self._given = Counter[str]()
        """What the server said of this stream's frames: answered, each reason for a drop."""
        self._reported = ReportTally()
        self.streaming: StreamingScore | None = None
        """Streaming accuracy of detections; None while no labelled frame was captured."""
        self._waiting: Captured | None = None
        self._taken: Captured | None = None
        self._in_flight: dict[int, Sent] = {}
        """All that are sent and not answered, oldest first, which is the order of their deadlines, too."""
        self._freed = 0
        """How many of them another may be sent in place of."""
        self._room_s = -math.inf
        """Since when no more frames are unanswered than may be."""

    @property
    def unanswered(self) -> Sequence[Sent]:
        """Frames on their way, oldest first; those in whose place others may have been sent are not among them."""
        return tuple(sent for sent in self._in_flight.values() if not sent.freed)

    @property
    def on_link(self) -> Sequence[tuple[float, int]]:
        """When each frame that is not known to have arrived was sent, and its bytes; oldest first."""
        return [(sent.sent_s, sent.size_bytes) for sent in self._in_flight.values() if not sent.arrived]

    @property
    def waits(self) -> bool:
        """Whether a frame waits to be taken up."""
        return self._waiting is not None

    @property
    def settled(self) -> bool:
        """Every captured frame has its outcome."""
        return not (self._waiting or self._taken) and all(sent.ended for sent in self._in_flight.values())

    @property
    def next_deadline_s(self) -> float | None:
        """When `expire` has something to do, as far as is known now; None while nothing is on its way."""
        due_s = math.inf
        for sent in self._in_flight.values():
            if not sent.overdue:  # and those after it are due later
                due_s = min(due_s, sent.deadline_s)
                break
            if not sent.ended:
                due_s = min(due_s, sent.deadline_s + LATE_S)
        return due_s if due_s < math.inf else None

    def welcomed(self, max_in_flight: int, model: ServedModel) -> None:
        """A server opened the stream: no more than so many frames may be unanswered there, and reports begin anew.

        `model`: what answers from now on.
        """
        self._judge = Judge(self._labelled, model.classes, model.task)
        self._classes = model.classes
        if self.streaming is not None:
            self.streaming.judge = self._judge
        self._reported = ReportTally()
        self._in_flight_limit = min(self._max_in_flight, max_in_flight)

    def planned(self, plan: PlanMessage) -> None:
        """Frames are sent by this plan from now on."""
        self._plan = plan

    def captured(self, frame: Captured) -> None:
        """A new frame: it takes the place of one that still waits."""
        self._count(frame)
        busy = self._taken is not None and not self._full
        self._skip_waiting(Reason.CAMERA_BUSY if busy else Reason.REPLACED)
        self._waiting = frame

    def left_out(self, frame: Captured, reason: Reason) -> None:
        """A frame that is not even to wait: the camera was too busy to look at it, or the plan asks for fewer."""
        self._count(frame)
        self._skip(frame, reason)

    def _count(self, frame: Captured) -> None:
        self.frames += 1
        self._reported.captured()
        if frame.objects is not None:
            self.streaming = self.streaming or StreamingScore(self._judge)
            self.streaming.captured(frame.frame, self._slo.due_s(frame.captured_s), frame.objects)

    def take(self) -> Captured | None:
        """The frame to send next; None when there is none or enough are on their way."""
        if self._waiting is None or self._taken is not None or self._full:
            return None
        self._taken, self._waiting, self._taken_by = self._waiting, None, self._plan
        return self._taken

    def skip(self, reason: Reason) -> None:
        """The frame taken up is not sent after all."""
        if self._taken is not None:
            self._skip(self._taken, reason)
            self._taken = None

    def skip_stale(self, now: float) -> None:
        """The frame taken up could no longer be answered in time."""
        if self._taken is not None:
            self.skip(Reason.CAMERA_BUSY if self._was_busy(self._own_s(self._taken, now)) else Reason.STALE)

    def sent(self, now: float, resolution: int, size_bytes: int) -> None:
        """The frame taken up is handed to the link."""
        if self._taken is None:
            raise RuntimeError("no frame was taken up")
        own_s = self._own_s(self._taken, now)
        deadline_s = self._slo.due_s(self._taken.captured_s)
        sent = Sent(self._taken, now, resolution, size_bytes, own_s, deadline_s, self._taken_by)
        self._in_flight[self._taken.frame] = sent
        self._sent += 1
        self._taken = None

    def arrived(self, now: float, frame: int) -> Sent | None:
        """A frame is with the server, and so are those sent before it; None when it is not on its way (any more)."""
        sent = self._in_flight.get(frame)
        if sent is None or sent.arrived:
            return sent
        full = self._full
        for before in self._in_flight.values():
            before.arrived = True
            if now >= before.deadline_s:
                self._free(before)
            if before is sent:
                break
        if full and not self._full:
            self._room_s = now
        return sent

    def expire(self, now: float) -> bool:
        """Time has passed: frames may be past their deadline, or lost. Whether there is room now, or a frame ended."""
        full, ended = self._full, False
        for sent in self._in_flight.values():
            if now < sent.deadline_s:
                break
            self._free(sent)
            if not sent.ended and now >= sent.deadline_s + LATE_S:
                sent.ended = ended = True
                self._end(sent.captured, Outcome.LOST, self._lost_reason(sent), sent)
        if full and not self._full:
            self._room_s = now
        return ended or self._full != full

    def answered(self, now: float, result: Result) -> Sent | None:
        """The answer to a frame is here; None when that frame is not (or no longer) on its way."""
        sent = self.arrived(now, result.frame)
        if sent is None:
            return None
        if self._full and not sent.freed:
            self._room_s = now
        del self._in_flight[result.frame]
        self._freed -= sent.freed
        self._given[result.reason or "answered"] += 1
        if result.reason is None and self.streaming is not None:
            self.streaming.answered(result.frame, now, result.detections)
        if sent.ended:
            return sent
        on_time = self._slo.slack_s(sent.captured.captured_s, now) >= 0
        if result.reason is not None:
            self._end(sent.captured, Outcome.DROPPED, self._drop_reason(sent, result.reason), sent, result, now)
        elif on_time:
            self._end(sent.captured, Outcome.ON_TIME, None, sent, result, now)
        else:
            self._end(sent.captured, Outcome.LATE, self._late_reason(sent, result, now), sent, result, now)
        return sent

    def disconnected(self) -> None:
        """The connection is gone: what was on its way is lost, what waited or was taken up is not sent."""
        self.skip(Reason.DISCONNECTED)
        self._skip_waiting(Reason.DISCONNECTED)
        self._given.clear()
        self._lose_all(Reason.DISCONNECTED)
        self._plan = None

    def end_unsent(self, connected: bool) -> None:
        """Nothing is sent any more."""
        reason = Reason.STALE if connected else Reason.DISCONNECTED
        self.skip(reason)
        self._skip_waiting(reason)

    def finish(self, connected: bool) -> None:
        """The run is over: end whatever has no outcome yet."""
        self.end_unsent(connected)
        self._lose_all(Reason.NO_ANSWER)
        if self.streaming is not None:
            self.streaming.advance(math.inf)

    def agrees(self, farewell: Farewell) -> bool:
        """The server's account of the stream is this one: as many frames answered, and dropped for each reason.

        What was lost with an earlier connection is in neither: the account is of the last stream.
        """
        answered = {"answered": farewell.answered} if farewell.answered else {}
        return dict(self._given) == answered | farewell.dropped and farewell.received == self._given.total()

    def account(self, farewell: Farewell | None) -> StreamAccount:
        """How much of what was sent the server's account tells of, which came with the last stream's end, if at all."""
        return StreamAccount(self._client, self._sent, 0 if farewell is None else farewell.received)

    @property
    def report(self) -> Report:
        """What became of the frames captured since the stream opened; those before are in no report."""
        return self._reported.report

    @property
    def _full(self) -> bool:
        """No more frames may be on their way."""
        return len(self._in_flight) - self._freed >= self._in_flight_limit

    def _free(self, sent: Sent) -> None:
        """Let another be sent in place of a frame that is past its deadline, if that cannot fill the link."""
        sent.overdue = True
        if sent.arrived and not sent.freed and self._freed < MOST_FREED:
            sent.freed = True
            self._freed += 1

    def _lost_reason(self, sent: Sent) -> Reason:
        """Who has kept a frame that was not answered: where it is not known to be with the server, the network."""
        if sent.arrived:
            return Reason.SERVER
        return Reason.NETWORK if self._hears_arrivals else Reason.NO_ANSWER

    def _own_s(self, frame: Captured, now: float) -> float:
        """What the camera itself has taken for a frame: all but the wait for room, which is for the answers' sake."""
        return now - max(frame.captured_s, frame.came_s, min(self._room_s, now))

    def _was_busy(self, own_s: float) -> bool:
        return own_s > BUSY_SHARE * self._slo.seconds

    def _drop_reason(self, sent: Sent, reason: Reason) -> Reason:
        """The server's, but where it had no time left because the camera had taken it."""
        out_of_time = reason in (Reason.EXPIRED, Reason.OVERLOAD)
        return Reason.CAMERA_BUSY if out_of_time and self._was_busy(sent.own_s) else reason

    def _late_reason(self, sent: Sent, result: Result, now: float) -> Reason:
        """Who took most of the time; the camera where the frame would have been on time without what it took."""
        if self._was_busy(sent.own_s) and self._slo.slack_s(sent.captured.captured_s, now - sent.own_s) >= 0:
            return Reason.CAMERA_BUSY
        e2e_s = now - sent.captured.captured_s
        server_s = result.server_ms / 1000
        return Reason.NETWORK if e2e_s - server_s > server_s else Reason.SERVER

    def _lose_all(self, reason: Reason) -> None:
        for sent in self._in_flight.values():
            if not sent.ended:
                self._end(sent.captured, Outcome.LOST, reason, sent)
        self._in_flight.clear()
        self._freed = 0

    def _skip_waiting(self, reason: Reason) -> None:
        if self._waiting is not None:
            self._skip(self._waiting, reason)
            self._waiting = None

    def _skip(self, frame: Captured, reason: Reason) -> None:
        self._end(frame, Outcome.SKIPPED, reason)

    def _end(
        self,
        frame: Captured,
        outcome: Outcome,
        reason: Reason | None,
        sent: Sent | None = None,
        result: Result | None = None,
        now: float = 0.0,
    ) -> None:
        """Write the one record of `frame`."""
        known: dict[str, Any] = {}
        if sent is not None:
            known |= {"resolution": sent.resolution, "bytes": sent.size_bytes}
            known["wait_ms"] = milliseconds(sent.sent_s - frame.captured_s)
            known["camera_ms"] = milliseconds(sent.own_s)
        answer = result if result is not None and result.reason is None else None
        if sent is not None and answer is not None:
            known |= _served(sent, answer, now)
        if result is not None and result.traceparent:
            known["trace_id"] = result.traceparent.split("-")[1]
        slack_s = None if answer is None else self._slo.slack_s(frame.captured_s, now)
        self._reported.ended(outcome, reason, slack_s)
        given = NO_ANSWER if answer is None else Answer(answer.detections, answer.scores)
        if frame.objects is not None:
            known |= judged(self._judge.worth(given, frame.objects))
        if answer is not None:
            known |= guessed(answer.scores, self._classes)
        plan = self._plan if sent is None else sent.plan
        record = FrameRecord(
            client=self._client,
            frame=frame.frame,
            captured_s=self._timeline.run_s(frame.captured_s),
            captured_unix_s=self._timeline.unix_s(frame.captured_s),
            deadline_s=self._timeline.run_s(self._slo.due_s(frame.captured_s)),
            planned_variant=None if plan is None else plan.variant or None,
            planned_resolution=None if plan is None else plan.resolution,
            outcome=outcome,
            slo_ms=self._slo.seconds * 1000,
            reason=reason,
            **known,
        )
        self._emit(record, given)


def _served(sent: Sent, answer: Result, now: float) -> dict[str, Any]:
    """What served the frame, and its end-to-end latency in parts that sum up to it."""
    on_network_ms = (now - sent.sent_s) * 1000 - answer.server_ms
    uplink_ms = min(max(answer.uplink_ms, 0.0), max(on_network_ms, 0.0))
    return {
        "variant": answer.variant,
        "device": answer.device,
        "batch": answer.batch,
        "detections": None if answer.scores else len(answer.detections),
        "uplink_ms": round(uplink_ms, 3),
        "queue_ms": round(answer.server_ms - answer.execute_ms, 3),
        "execute_ms": round(answer.execute_ms, 3),
        "downlink_ms": round(on_network_ms - uplink_ms, 3),
        "e2e_ms": milliseconds(now - sent.captured.captured_s),
    }
