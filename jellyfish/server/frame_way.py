"""When a frame was where, on the server's clock: what metrics and traces are made of. Pure."""

from __future__ import annotations

from typing import NamedTuple

from jellyfish.dispatch.request import Answered, Dropped

STAGES = ("capture", "uplink", "decode", "queue", "execute", "answer")
"""The parts of an answered frame's way, in their order. They add up to its end-to-end time."""


class FrameWay(NamedTuple):
    """One frame that has been dealt with here. Times are seconds, of moments unless they are said to last."""

    client: str
    frame: int
    slo_s: float
    """How long its answer may take (a duration)."""
    captured_s: float
    """By the estimate of the client's clock; never after it was sent, which is never after it arrived."""
    sent_s: float
    arrived_s: float
    queued_s: float | None
    """When it was decoded, and waited for a device from then on; None where it never did."""
    outcome: Answered | Dropped
    ended_s: float
    """When its answer, or why there is none, was ready to leave."""
    back_s: float
    """What the answer's way back probably takes (a duration)."""

    @property
    def e2e_s(self) -> float:
        """From capture until the client probably has the answer."""
        return self.ended_s + self.back_s - self.captured_s

    def stages_s(self) -> tuple[float, ...]:
        """How long each of `STAGES` lasted; of an answered frame only."""
        outcome = self.outcome
        assert isinstance(outcome, Answered) and self.queued_s is not None
        done_s = self.queued_s + outcome.queue_s + outcome.execute_s
        return (
            self.sent_s - self.captured_s,
            self.arrived_s - self.sent_s,
            self.queued_s - self.arrived_s,
            outcome.queue_s,
            outcome.execute_s,
            self.ended_s - done_s + self.back_s,
        )
