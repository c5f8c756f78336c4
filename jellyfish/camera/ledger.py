"""The client's account of its frames: each captured frame ends in exactly one outcome. Pure: `now` is an argument.

A frame is captured, waits in a slot of one (the newest wins), is taken up, sent and answered. Whatever
happens instead, the ledger ends it with the outcome and the reason, and hands the record to `emit`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jellyfish.core import Detection, LabelledObject, Outcome, Reason
from jellyfish.evaluation.matching import match
from jellyfish.evaluation.streaming import StreamingScore
from jellyfish.protocol.wire import Farewell, Result
from jellyfish.results.records import FrameRecord, milliseconds


@dataclass(frozen=True, slots=True, eq=False)
class Captured:
    """A frame in the camera's hand. `objects` are what is truly in it; None when nobody knows."""

    frame: int
    captured_s: float
    image: NDArray[np.uint8]
    objects: Sequence[LabelledObject] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Sent:
    """A frame on its way: when it was handed to the link, and what of it."""

    captured: Captured
    sent_s: float
    resolution: int
    size_bytes: int


class Ledger:
    """One camera's frames. `emit` gets each frame's record and the detections it was answered with, once."""

    def __init__(
        self,
        client: str,
        slo_s: float,
        max_in_flight: int,
        origin_s: float,
        emit: Callable[[FrameRecord, Sequence[Detection]], None],
    ) -> None:
        self._client, self._slo_s, self._origin_s = client, slo_s, origin_s
        self._max_in_flight, self._in_flight_limit, self._emit = max_in_flight, max_in_flight, emit
        self.frames = 0
        """Frames captured so far."""
        self._given = Counter[str]()
        """What became of the frames that were sent: answered, each reason for a drop, lost."""
        self.streaming: StreamingScore | None = None
        """Streaming accuracy; None while no labelled frame was captured."""
        self._waiting: Captured | None = None
        self._taken: Captured | None = None
        self._in_flight: dict[int, Sent] = {}

    @property
    def unanswered(self) -> Sequence[Sent]:
        """Frames on their way, oldest first."""
        return tuple(self._in_flight.values())

    @property
    def settled(self) -> bool:
        """Every captured frame has its outcome."""
        return not (self._in_flight or self._waiting or self._taken)

    def welcomed(self, max_in_flight: int) -> None:
        """A server opened the stream: no more than so many frames may be unanswered there."""
        self._in_flight_limit = min(self._max_in_flight, max_in_flight)

    def captured(self, frame: Captured) -> None:
        """A new frame: it takes the place of one that still waits."""
        self.frames += 1
        if frame.objects is not None:
            self.streaming = self.streaming or StreamingScore()
            self.streaming.captured(frame.frame, frame.captured_s + self._slo_s, frame.objects)
        self._skip_waiting(Reason.REPLACED)
        self._waiting = frame

    def take(self) -> Captured | None:
        """The frame to send next; None when there is none or enough are on their way."""
        if self._waiting is None or self._taken is not None or len(self._in_flight) >= self._in_flight_limit:
            return None
        self._taken, self._waiting = self._waiting, None
        return self._taken

    def skip(self, reason: Reason) -> None:
        """The frame taken up is not sent after all."""
        if self._taken is not None:
            self._skip(self._taken, reason)
            self._taken = None

    def sent(self, now: float, resolution: int, size_bytes: int) -> None:
        """The frame taken up is handed to the link."""
        if self._taken is None:
            raise RuntimeError("no frame was taken up")
        self._in_flight[self._taken.frame] = Sent(self._taken, now, resolution, size_bytes)
        self._taken = None

    def answered(self, now: float, result: Result) -> Sent | None:
        """The answer to a frame is here; None when that frame is not (or no longer) on its way."""
        sent = self._in_flight.pop(result.frame, None)
        if sent is None:
            return None
        self._given[result.reason or "answered"] += 1
        if result.reason is None and self.streaming is not None:
            self.streaming.answered(result.frame, now, result.detections)
        if result.reason is not None:
            self._end(sent.captured, Outcome.DROPPED, result.reason, sent, result, now)
        elif now - sent.captured.captured_s <= self._slo_s:
            self._end(sent.captured, Outcome.ON_TIME, None, sent, result, now)
        else:
            on_network_s = now - sent.sent_s - result.server_ms / 1000
            mostly_network = on_network_s + (sent.sent_s - sent.captured.captured_s) > result.server_ms / 1000
            reason = Reason.NETWORK if mostly_network else Reason.SERVER
            self._end(sent.captured, Outcome.LATE, reason, sent, result, now)
        return sent

    def disconnected(self) -> None:
        """The connection is gone: what was on its way is lost, what waited or was taken up is not sent."""
        self.skip(Reason.DISCONNECTED)
        self._skip_waiting(Reason.DISCONNECTED)
        self._given.clear()
        self._lose_all(Reason.DISCONNECTED)

    def finish(self, connected: bool) -> None:
        """The run is over: end whatever has no outcome yet."""
        reason = Reason.STALE if connected else Reason.DISCONNECTED
        self.skip(reason)
        self._skip_waiting(reason)
        self._lose_all(Reason.NO_ANSWER)
        if self.streaming is not None:
            self.streaming.advance(math.inf)

    def agrees(self, farewell: Farewell) -> bool:
        """The server's account of the stream is this one: as many frames answered, and dropped for each reason.

        What was lost with an earlier connection is in neither: the account is of the last stream.
        """
        answered = {"answered": farewell.answered} if farewell.answered else {}
        return dict(self._given) == answered | farewell.dropped and farewell.received == self._given.total()

    def _lose_all(self, reason: Reason) -> None:
        for sent in self._in_flight.values():
            self._end(sent.captured, Outcome.LOST, reason, sent)
        self._in_flight.clear()

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
        answer = result if result is not None and result.reason is None else None
        if sent is not None and answer is not None:
            known |= _served(sent, answer, now)
        if frame.objects is not None:
            counts = match(answer.detections if answer is not None else (), frame.objects)
            known |= {"tp": counts.tp, "fp": counts.fp, "fn": counts.fn}
        record = FrameRecord(
            client=self._client,
            frame=frame.frame,
            captured_s=round(frame.captured_s - self._origin_s, 6),
            outcome=outcome,
            slo_ms=self._slo_s * 1000,
            reason=reason,
            **known,
        )
        self._emit(record, answer.detections if answer is not None else ())


def _served(sent: Sent, answer: Result, now: float) -> dict[str, Any]:
    """What served the frame, and its end-to-end latency in parts that sum up to it."""
    on_network_ms = (now - sent.sent_s) * 1000 - answer.server_ms
    uplink_ms = min(max(answer.uplink_ms, 0.0), max(on_network_ms, 0.0))
    return {
        "variant": answer.variant,
        "device": answer.device,
        "batch": answer.batch,
        "detections": len(answer.detections),
        "uplink_ms": round(uplink_ms, 3),
        "queue_ms": round(answer.server_ms - answer.execute_ms, 3),
        "execute_ms": round(answer.execute_ms, 3),
        "downlink_ms": round(on_network_ms - uplink_ms, 3),
        "e2e_ms": milliseconds(now - sent.captured.captured_s),
    }
