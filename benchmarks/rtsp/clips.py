"""Clips encoded as odd cameras do: irregular times, B-frames, lying on their side, another rate than declared."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.bitstream import BitStreamFilterContext
from numpy.typing import NDArray

from benchmarks.rtsp import numbers
from benchmarks.rtsp.units import Coded, Unit

ENCODE_S = 0.01
"""What an encoder takes for a picture."""
BITS_PER_PIXEL_S = 3.0
TURN = "h264_metadata=display_orientation=insert:rotate=90"
START = re.compile(rb"\x00*\x00\x00\x01")
SAID_OF_IT, PICTURE = 6, (1, 5)
"""Kinds of NAL units: supplemental information, and slices."""
UNEVEN = (1, 1, 2, 1, 3, 1, 1, 4)
"""Frames' intervals in turn, of a camera whose times are irregular, as multiples of the mean at full rate."""


@dataclass(frozen=True)
class Making:
    """What a camera makes of a scene."""

    scene: Path
    fps: float = 15.0
    seconds: float = 20.0
    width: int = 640
    height: int = 360
    declared_fps: float | None = None
    """What the stream says of its own rate; None: the truth."""
    uneven: bool = False
    """Whether times are irregular, at `fps` in the mean."""
    turned: bool = False
    """Whether the camera hangs on its side, and says so (H.264's display orientation)."""
    between: int = 0
    """Pictures that are coded from both sides, each of them needing a later one (B-frames)."""


def captures_s(making: Making) -> list[float]:
    """When the camera captures, within the clip."""
    count = round(making.fps * making.seconds)
    if not making.uneven:
        return [number / making.fps for number in range(count)]
    steps = [step for step, _ in zip(itertools.cycle(UNEVEN), range(count), strict=False)]
    ends = np.cumsum(steps) * making.seconds / sum(steps)
    return [0.0, *map(float, ends[:-1])]


def coded(making: Making) -> Coded:
    """The clip, ready to be sent."""
    times_s = captures_s(making)
    if len(times_s) > numbers.MOST:
        raise ValueError(f"at most {numbers.MOST} pictures have numbers of their own; make the clip shorter")
    units, last_s = [], 0.0
    for packet in _packets(making, times_s):
        assert packet.pts is not None
        captured_s = times_s[packet.pts]
        last_s = max(last_s, captured_s)
        units.append(Unit(captured_s, last_s + ENCODE_S, packet.is_keyframe, in_order(bytes(packet))))
    return Coded(making.seconds, tuple(units))


def in_order(data: bytes) -> bytes:
    """The same coded picture with what is said of it before it: FFmpeg's filter puts the turn behind."""
    pieces = [piece for piece in re.split(START, data) if piece]
    said = [piece for piece in pieces if piece[0] & 31 == SAID_OF_IT]
    if not said:
        return data
    first = next(place for place, piece in enumerate(pieces) if piece[0] & 31 in PICTURE)
    rest = [piece for piece in pieces[first:] if piece not in said]
    before = [piece for piece in pieces[:first] if piece not in said]
    return b"".join(b"\0\0\0\1" + piece for piece in [*before, *said, *rest])


def _packets(making: Making, times_s: list[float]) -> Iterator[av.Packet[av.VideoStream]]:
    with av.open(io.BytesIO(), "w", format="h264") as nowhere:
        stream = _stream(making, nowhere)
        turning = BitStreamFilterContext(TURN, stream) if making.turned else None
        for number, picture in enumerate(_pictures(making, times_s)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, stream.codec_context.time_base
            yield from _turned(turning, stream.encode(frame))
        yield from _turned(turning, stream.encode(None))


def _turned(
    turning: BitStreamFilterContext | None, packets: list[av.Packet[av.VideoStream]]
) -> list[av.Packet[av.VideoStream]]:
    return packets if turning is None else [out for packet in packets for out in turning.filter(packet)]


def _stream(making: Making, container: av.container.OutputContainer) -> av.VideoStream:
    """An encoder with a key picture each second."""
    rate = Fraction(making.declared_fps or making.fps).limit_denominator(1001)
    stream = container.add_stream("libx264", rate=rate)
    stream.width, stream.height = (making.height, making.width) if making.turned else (making.width, making.height)
    stream.pix_fmt, stream.codec_context.time_base = "yuv420p", 1 / rate
    stream.bit_rate = int(making.width * making.height * BITS_PER_PIXEL_S)
    apart = str(round(making.fps))
    stream.options = {
        "preset": "veryfast", "g": apart, "keyint_min": apart, "sc_threshold": "0", "bf": str(making.between),
        "b_strategy": "0", "x264-params": "rc-lookahead=0:open-gop=0",
    }  # fmt: skip
    return stream


def _pictures(making: Making, times_s: list[float]) -> Iterator[NDArray[np.uint8]]:
    """What the sensor sees at each time, with its number; lying on its side where the camera does."""
    shown = _scene(making)
    at_s, picture = next(shown)
    following = next(shown)
    for number, time_s in enumerate(times_s):
        while following[0] <= time_s:
            (at_s, picture), following = following, next(shown)
        assert at_s <= time_s or number == 0
        numbered = picture.copy()
        numbers.draw(numbered, number)
        yield np.ascontiguousarray(np.rot90(numbered, -1)) if making.turned else numbered


def _scene(making: Making) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """(time, picture) of the scene, begun anew at its end."""
    began_s = 0.0
    while True:
        with av.open(str(making.scene)) as container:
            rate = float(container.streams.video[0].average_rate or 25)
            count = 0
            for count, frame in enumerate(container.decode(video=0), 1):
                scaled = frame.reformat(making.width, making.height, "rgb24")
                yield began_s + (count - 1) / rate, scaled.to_ndarray()
            began_s += count / rate
