"""Why did a frame miss, and could anybody have helped it? Each one is looked at again, with the trace at hand. Pure.

A camera's frames are laid on its link once more, in the order and with the bytes that they were sent with. For each
frame that was not answered on time it is asked, in this order, what would have happened to the smallest frame instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from jellyfish.control.frame_size import reference_bytes
from jellyfish.core import Outcome, Reason
from jellyfish.lab.simulation.links import CameraLink
from jellyfish.link.shaper import Shaper
from jellyfish.results.records import FrameRecord


class Cause(StrEnum):
    """Why a frame was not answered on time."""

    IMPOSSIBLE = "impossible"
    """Even as the smallest frame, alone on its link and on the quickest variant, it would have been late."""
    BACKLOG = "backlog"
    """The smallest frame alone would have come in time, but frames before it were still on the link: they had been
    sent for a bandwidth that then fell."""
    TOO_LARGE = "too_large"
    """It was sent larger than the link could bring in time; the smallest would have made it."""
    HELD_BACK = "held_back"
    """It was not sent, though the smallest frame would have made it."""
    NO_PLACE = "no_place"
    """The plan had no place for its client."""
    DEVICE = "device"
    """It arrived in time to be run at once on the quickest variant, but waited or ran too long."""


class Quickest(NamedTuple):
    """The least that a frame takes outside its link: seconds before it is sent and after it has arrived."""

    resolution: int
    before_s: float
    """Encoding."""
    after_s: float
    """Decoding, and a batch of one on the quickest variant."""


class Miss(NamedTuple):
    """A frame that was not answered on time."""

    record: FrameRecord
    cause: Cause


def misses(records: Sequence[FrameRecord], link: CameraLink, quickest: Quickest) -> list[Miss]:
    """The frames of one camera that were not answered on time. `records`: all of them, in order of capture."""
    shaper = Shaper(link.trace, link.delay_s)
    frames = link.frames()
    free_s = float("-inf")
    found: list[Miss] = []
    for record in sorted(records, key=lambda each: each.frame):
        usual = frames.usual(quickest.resolution)
        least_bytes = usual if record.resolution is None else _at(record, quickest.resolution)
        arrived_s = None
        before_s = free_s
        if record.resolution is not None and record.bytes is not None and record.wait_ms is not None:
            arrived_s = shaper.send(record.bytes, record.captured_s + record.wait_ms / 1000)
            free_s = arrived_s - link.delay_s
        if record.outcome is not Outcome.ON_TIME:
            found.append(Miss(record, _cause(record, link, quickest, least_bytes, before_s, arrived_s)))
    return found


def _at(record: FrameRecord, resolution: int) -> float:
    """What the frame would have weighed at another resolution."""
    assert record.bytes is not None and record.resolution is not None
    return record.bytes * reference_bytes(resolution) / reference_bytes(record.resolution)


def _cause(
    record: FrameRecord,
    link: CameraLink,
    quickest: Quickest,
    least_bytes: float,
    free_s: float,
    arrived_s: float | None,
) -> Cause:
    """`free_s`: when the frames before it had left the link. `arrived_s`: when it arrived, if it was sent."""
    ready_s = record.captured_s + quickest.before_s
    latest_s = record.captured_s + record.slo_ms / 1000 - link.delay_s - quickest.after_s
    if ready_s + link.transfer_s(ready_s, least_bytes) + link.delay_s > latest_s:
        return Cause.IMPOSSIBLE
    if record.reason is Reason.PAUSED:
        return Cause.NO_PLACE
    begin_s = max(ready_s, free_s)
    if begin_s + link.transfer_s(begin_s, least_bytes) + link.delay_s > latest_s:
        return Cause.BACKLOG
    if arrived_s is None:
        return Cause.HELD_BACK
    return Cause.TOO_LARGE if arrived_s > latest_s else Cause.DEVICE
