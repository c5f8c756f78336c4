"""Whether the cameras of a run could keep up: emulated ones share a machine, and must not be what is measured. Pure."""

from __future__ import annotations

import msgspec

from jellyfish.results.units import Count, Megabytes

FEW_MISSED = 0.002
"""Of a run's frames, so many that cameras themselves have missed say nothing of it."""
BUSY_SHARE = 0.1
"""A camera is busy that takes more than this share of the SLO for itself: of a frame that was missed, and, as the 95th
percentile, of a run."""


class ClipFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What sharing clips between cameras has done."""

    memory_mb: Megabytes
    """What may be kept of all clips."""
    held_mb: Megabytes
    """What was kept of them."""
    encoded: Count
    """Frames decoded, scaled and encoded."""
    awaited: Count
    """Frames that were not ready when they were to be sent, so that their camera waited."""
    forgotten: Count
    """Encoded frames that had to make room for others."""


class EmulationFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How the cameras of a run kept up. `camera_ms` of each is in its figures."""

    encode: str
    """`shared`: each frame of a clip encoded once for all cameras; `each`: every camera has an encoder of its own."""
    bottleneck: bool
    """Whether the cameras were a limit of this run: some were busy, or missed frames because they were
    (more than .2 % of all)."""
    busy_cameras: Count
    """Cameras that took more than a tenth of the SLO for themselves (p95), from capture to sending."""
    missed_frames: Count
    """Frames that were missed because the camera was busy (reason `camera_busy`)."""
    clips: ClipFigures | None = None
    """What sharing clips has done; null where every camera has an encoder of its own."""


def in_words(figures: EmulationFigures, cameras: int) -> str:
    """What a person should know and do where cameras were the bottleneck."""
    return (
        "The cameras were a bottleneck of this run, so it does not tell what the server can do: "
        f"{figures.busy_cameras} of {cameras} took over a tenth of the SLO for themselves (p95); frames missed because "
        f"of that (camera_busy): {figures.missed_frames}. Emulate fewer cameras, or run them on another machine with "
        "--connect."
    )
