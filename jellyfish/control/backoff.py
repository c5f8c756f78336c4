"""Back-off between windows: a frame smaller than planned when the uplink has become worse. Pure.

Both ends decide with this: the client before each frame, the server in each answer. Imports nothing of Jellyfish.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence


def sustainable(
    ladder: Sequence[int],
    planned: int,
    bandwidth_bps: float,
    fps: float,
    frame_bits: Callable[[int], float],
    time_limit_s: float | None = None,
) -> int:
    """The largest resolution of `ladder`, not above `planned`, whose frames the uplink sustains; else its smallest.

    `frame_bits` gives the expected size of a frame at a resolution. A resolution is sustained when
    `bandwidth / bits > fps` (Jellyfish, RTSS 2022). Beyond the paper: with `time_limit_s`, one frame's transfer must
    also fit in that time, for at a low rate an uplink can keep up with frames that each come too late.
    """

    def fits(resolution: int) -> bool:
        bits = frame_bits(resolution)
        return bandwidth_bps > fps * bits and (time_limit_s is None or bits <= bandwidth_bps * time_limit_s)

    return max((resolution for resolution in ladder if resolution <= planned and fits(resolution)), default=min(ladder))
