"""Small videos of every kind, whose frames tell their number by their brightness."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from jellyfish.media.contents import Contents
from jellyfish.media.footage import open_footage, seen

WIDTH, HEIGHT, FPS = 64, 48, 10
_DARKEST, _STEP = 16, 6
MOST = 36
REORDERED, IN_ORDER = (f"bframes={most}:b-adapt=0:scenecut=0" for most in (2, 0))
"""Frames that are decoded in another order than they are shown, or in the same: values of x264-params."""


def shade(number: int) -> NDArray[np.uint8]:
    """With noise, so that each frame takes room in a file."""
    noise = np.random.default_rng(number).integers(-10, 11, (HEIGHT, WIDTH, 1)).repeat(3, axis=2)
    return np.asarray(_DARKEST + _STEP * number + noise, np.uint8)


def number_of(image: NDArray[np.uint8]) -> int:
    return round((float(image[2:-2, 2:-2].mean()) - _DARKEST) / _STEP)


def film(
    path: Path,
    frames: int = 24,
    codec: str = "libx264",
    rate: int = FPS,
    stamps_ms: Sequence[int] | None = None,
    rotation: int = 0,
    aspect: Fraction | None = None,
    mux: dict[str, str] | None = None,
    form: str | None = None,
    pixels: str = "yuv420p",
    **options: str,
) -> Path:
    """A file of frames 0, 1, ... at `rate`, or at `stamps_ms`."""
    assert frames <= MOST
    with av.open(f"file:{path}", "w", format=form, options=mux or {}) as output:
        stream: Any = output.add_stream(codec, rate=rate, options={"g": "12", "x264-params": REORDERED, **options})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixels
        if stamps_ms is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        if rotation:
            stream.set_display_rotation(rotation)
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(shade(number), format="rgb24")
            if stamps_ms is not None:
                frame.pts, frame.time_base = stamps_ms[number], Fraction(1, 1000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


def copied(source: Path, target: Path, shift_s: float = 0.0, mux: dict[str, str] | None = None) -> Path:
    """The same packets in another container, so much later."""
    with av.open(str(source)) as container, av.open(str(target), "w", options=mux or {}) as output:
        stream = output.add_stream_from_template(container.streams.video[0])
        for packet in container.demux(video=0):
            if packet.dts is None or packet.pts is None:
                continue
            shift = round(shift_s / packet.time_base)
            packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, stream
            output.mux(packet)
    return target


def numbers(path: Path) -> tuple[list[int], Contents]:
    """What each frame says that it is, in the order in which they are read from the first one on; twice alike."""
    footage = open_footage(path)
    try:
        once = [(number, number_of(seen(frame, footage.contents))) for number, frame in footage.read_from(0)]
        again = [(number, number_of(seen(frame, footage.contents))) for number, frame in footage.read_from(0)]
    finally:
        footage.close()
    assert once == again
    assert [number for number, _ in once] == sorted({number for number, _ in once})
    return [told for _, told in once], footage.contents
