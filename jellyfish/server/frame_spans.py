"""A frame's way as spans: what a tracing backend is told of it. Pure; knows no tracing library."""

from __future__ import annotations

from typing import NamedTuple

from jellyfish.core import Outcome
from jellyfish.dispatch.request import Answered
from jellyfish.server.frame_way import FrameWay

NAME = "frame"
"""Of the span around all others of a frame."""
Attributes = dict[str, str | int | float]


class StageSpan(NamedTuple):
    """One span, in seconds on the server's clock."""

    name: str
    begin_s: float
    end_s: float
    attributes: Attributes


def whole(way: FrameWay) -> StageSpan:
    """From capture until the answer leaves."""
    outcome = way.outcome
    told: Attributes = {
        "jellyfish.client": way.client,
        "jellyfish.frame": way.frame,
        "jellyfish.slo_s": way.slo_s,
        "jellyfish.slack_s": round(way.slo_s - way.e2e_s, 6),
        "jellyfish.way_back_s": round(way.back_s, 6),
    }
    if isinstance(outcome, Answered):
        expected = Outcome.ON_TIME if way.e2e_s <= way.slo_s else Outcome.LATE
        told |= {"jellyfish.device": outcome.device, "jellyfish.variant": outcome.variant.name}
        told["jellyfish.outcome"] = expected.value
    else:
        told |= {"jellyfish.outcome": Outcome.DROPPED.value, "jellyfish.reason": outcome.reason.value}
    return StageSpan(NAME, way.captured_s, way.ended_s, told)


def stages(way: FrameWay) -> list[StageSpan]:
    """The parts of it, as far as the frame came."""
    spans = [
        StageSpan("capture", way.captured_s, way.sent_s, {}),
        StageSpan("uplink", way.sent_s, way.arrived_s, {}),
    ]
    outcome = way.outcome
    if way.queued_s is None:
        return [*spans, StageSpan("decode", way.arrived_s, way.ended_s, {})]
    spans.append(StageSpan("decode", way.arrived_s, way.queued_s, {}))
    if not isinstance(outcome, Answered):
        return [*spans, StageSpan("queue", way.queued_s, way.ended_s, {})]
    began_s = way.queued_s + outcome.queue_s
    done_s = began_s + outcome.execute_s
    return [
        *spans,
        StageSpan("queue", way.queued_s, began_s, {}),
        StageSpan("batch", began_s, done_s, {"jellyfish.batch": outcome.batch}),
        StageSpan("answer", done_s, way.ended_s, {}),
    ]
