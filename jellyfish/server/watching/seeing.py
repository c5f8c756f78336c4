"""What those who watch are told of a frame, made of its way and its result. Pure."""

from __future__ import annotations

from jellyfish.dispatch.request import Answered
from jellyfish.models.model import Description
from jellyfish.protocol import wire
from jellyfish.server.frame_way import FrameWay
from jellyfish.server.watching.seen import Seen


def seen_of(
    way: FrameWay, result: wire.Result, called: str, jpeg: bytes, model: Description, unix_ahead_s: float
) -> Seen:
    """`called`: what its camera calls itself. `unix_ahead_s`: of the machine's clock before the server's own."""
    ran = way.outcome.variant if isinstance(way.outcome, Answered) else None
    return Seen(
        camera=way.client,
        called=called,
        frame=way.frame,
        captured_s=way.captured_s,
        captured_unix_s=way.captured_s + unix_ahead_s,
        answered_s=way.ended_s + way.back_s,
        slo_s=way.slo_s,
        missed="" if result.reason is None else result.reason.value,
        variant=result.variant,
        size=None if ran is None else model.input_of(ran.resolution),
        classes=model.classes,
        detections=result.detections,
        scores=result.scores,
        zones=result.zones,
        jpeg=None if ran is None else jpeg,  # what nobody could decode is shown to nobody
    )
