"""Writing videos: H.264 files from images."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from jellyfish.errors import InputError


def write_video(
    path: Path, frames: Iterable[NDArray[np.uint8]], fps: float, width: int, height: int, crf: int = 28
) -> None:
    """Write RGB images [height, width, 3] as H.264, yuv420p, at a constant quality `crf` (0 best .. 51).

    The encoder runs on one thread, so the same images give the same bytes with the same encoder. The file gets its name
    when it is complete. Raises InputError for odd sides, which yuv420p cannot hold, or a path that cannot be written.
    """
    rate = Fraction(fps).limit_denominator(1001)  # 29.97 frames per second are 30,000 in 1,001 seconds
    write_stamped_video(path, enumerate(frames), 1 / rate, rate, width, height, crf)


def write_stamped_video(
    path: Path,
    frames: Iterable[tuple[int, NDArray[np.uint8]]],
    tick_s: Fraction,
    rate: Fraction,
    width: int,
    height: int,
    crf: int,
) -> None:
    """The same of frames and when they are shown: times rise, in units of `tick_s`; `rate` is the usual one."""
    if width % 2 or height % 2:
        raise InputError(f"a video of {width} x {height} pixels cannot be encoded: both sides must be even")
    partial = path.with_name(f"{path.stem}.partial.mp4")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(partial), "w", options={"fflags": "+bitexact", "movflags": "+faststart"}) as container:
            options = {"crf": str(crf), "preset": "medium", "threads": "1", "g": str(max(1, round(2 * rate)))}
            stream = container.add_stream("libx264", rate=rate, options=options)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            stream.codec_context.time_base = tick_s
            for stamp, image in frames:
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                frame.pts, frame.time_base = stamp, tick_s
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        partial.replace(path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
