"""When the frames of a video are shown: by their presentation times, from 0, until the last one's time is over. Pure.

What a file declares of its rate and its length is only believed where the times of its frames bear it out.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import pairwise
from statistics import median
from typing import NamedTuple, Self

USUAL_FPS = 25
"""Of frames that come without times, in a file that declares no rate."""
_ROUNDING_TICKS = 1.0
"""Times are whole ticks: so far a frame of a steady rate may be from its place."""
_MOST_OF_AN_INTERVAL = 0.49
_LONG_LAST = 1.5
"""A last frame that is shown for so many intervals is no frame like the others."""
_JITTER_FRAMES = 2
"""A step back of no more is a slip of a clock that goes on."""
_SLACK_FRAMES, _SLACK_S = 1e-6, 1e-6
"""What arithmetic may leave undone."""


class FrameTimes(NamedTuple):
    """Frames by number: `times_s`, rising from 0, or a steady `fps` where that is what they have."""

    frames: int
    duration_s: float
    """When the last frame's time is over, and a video that is played in a loop starts again."""
    fps: float
    """Frames per second, on average."""
    times_s: tuple[float, ...] | None
    """None at a steady rate."""

    @classmethod
    def steady(cls, frames: int, rate: Fraction) -> Self:
        """`frames` at a rate that never changes."""
        return cls(frames, frames / float(rate), float(rate), None)

    def index_at(self, time_s: float) -> int:
        """Number of the frame on show at `time_s`; time past the end starts again."""
        if self.times_s is None:
            return math.floor(time_s * self.fps + _SLACK_FRAMES) % self.frames
        return bisect_right(self.times_s, (time_s + _SLACK_S) % self.duration_s) - 1

    def time_of(self, index: int) -> float:
        """When frame `index` begins to be shown."""
        return index / self.fps if self.times_s is None else self.times_s[index]


def timeline(
    ticks: Sequence[int],
    tick_s: Fraction,
    last_ticks: int,
    declared: Iterable[Fraction | None],
    astray_frames: float = 0.0,
) -> FrameTimes:
    """Of frames with rising times `ticks`, in units of `tick_s`, the last of which is shown for `last_ticks` (0 for who
    knows). `declared`: the rates that the file tells, the likeliest first. `astray_frames`: by the time of how many
    frames a time may be wrong, besides rounding.
    """
    rates = {rate: astray_frames for rate in declared if rate}
    span = ticks[-1] - ticks[0]
    if span:
        rates.setdefault(Fraction(len(ticks) - 1, span) / tick_s, 0.0)
    for rate, astray in rates.items():
        interval = float(1 / (rate * tick_s))
        slack = min(_ROUNDING_TICKS, _MOST_OF_AN_INTERVAL * interval)
        if _is_steady(ticks, interval, last_ticks, max(slack, astray * interval)):
            return FrameTimes.steady(len(ticks), rate)
    interval = span / (len(ticks) - 1) if span else float(1 / (tick_s * next(iter(rates), USUAL_FPS)))
    duration_s = (span + (last_ticks or interval)) * float(tick_s)
    times_s = tuple((tick - ticks[0]) * float(tick_s) for tick in ticks)
    return FrameTimes(len(ticks), duration_s, len(ticks) / duration_s, times_s)


def _is_steady(ticks: Sequence[int], interval: float, last_ticks: int, slack: float) -> bool:
    """Whether frames are `interval` apart, but for `slack`."""
    return last_ticks <= _LONG_LAST * interval and all(
        abs(tick - ticks[0] - number * interval) <= slack for number, tick in enumerate(ticks)
    )


def usual_step(stamps: Sequence[int | None]) -> int | None:
    """The median time from one frame to the next by a clock that may tell nothing, or jump; None for who knows."""
    steps = [b - a for a, b in pairwise(stamps) if a is not None and b is not None and b > a]
    return round(median(steps)) if steps else None


def continuous(stamps: Iterable[int | None], usual: int, longest: float = math.inf) -> list[int]:
    """Rising times from 0 of frames in the order in which they are shown, by a clock that may jump, or tell nothing.

    A step back of more than a little, and one of more than `longest`, is the clock's, not the video's: the next frame
    comes after `usual`.
    """
    ticks: list[int] = []
    offset: int | None = None
    for stamp in stamps:
        following = ticks[-1] + usual if ticks else 0
        if stamp is None:
            ticks.append(following)
            continue
        if offset is None or not -_JITTER_FRAMES * usual <= stamp + offset - (following - usual) <= longest:
            offset = following - stamp
        ticks.append(max(stamp + offset, ticks[-1] + 1 if ticks else 0))
    return ticks
