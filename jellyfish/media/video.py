"""Writing videos: H.264 files from images, and street videos with their labels beside them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import msgspec
import numpy as np
from numpy.typing import NDArray

from jellyfish.core import LabelledObject
from jellyfish.errors import InputError
from jellyfish.media.labels import Info, labels_path, save_labels
from jellyfish.media.street import StreetScene

GENERATOR_VERSION = 1
"""Written into label files: the same version, layout and seed give the same labels."""

LEAST_LABELLED_PX = 4
"""Objects less tall are left out of label files: there are many, far away, and all are to be ignored."""

Progress = Callable[[int, int], None]
"""Called with (frames done, frames in all)."""


class Clip(msgspec.Struct, frozen=True):
    """What a street video is made from."""

    layout: str
    seed: int
    duration_s: float = 20.0
    fps: int = 30
    width: int = 640
    height: int = 360
    crf: int = 24


SHIPPED: dict[str, Clip] = {
    "street-avenue": Clip("avenue", 111),
    "street-junction": Clip("junction", 109),
    "street-town": Clip("town", 105),
}
"""The clips in the repository's `videos` folder, by file name."""


def make_street_video(path: Path, clip: Clip, progress: Progress = lambda done, total: None) -> None:
    """Render a clip to an .mp4 file and its labels beside it.

    Raises InputError for an unknown layout, a clip without frames, or a path that cannot be written.
    """
    total = round(clip.duration_s * clip.fps)
    if total < 1:
        raise InputError(f"a video of {clip.duration_s:g} s at {clip.fps} frames/s has no frames: ask for a longer one")
    scene = StreetScene(clip.seed, clip.width, clip.height, clip.fps, clip.layout)
    labels: list[list[LabelledObject]] = []

    def images() -> Iterator[NDArray[np.uint8]]:
        for index in range(total):
            image, objects = scene.frame(index)
            labels.append([thing for thing in objects if (thing.bottom - thing.top) * clip.height >= LEAST_LABELLED_PX])
            yield image
            progress(index + 1, total)

    write_video(path, images(), clip.fps, clip.width, clip.height, clip.crf)
    info = Info("Procedural street scene with exact labels", clip.layout, clip.seed, GENERATOR_VERSION)
    save_labels(labels_path(path), labels, clip.width, clip.height, info)


def write_video(
    path: Path, frames: Iterable[NDArray[np.uint8]], fps: float, width: int, height: int, crf: int = 28
) -> None:
    """Write RGB images [height, width, 3] as H.264, yuv420p, at a constant quality `crf` (0 best .. 51).

    The encoder runs on one thread, so the same images give the same bytes with the same encoder. The file gets its name
    when it is complete. Raises InputError for odd sides, which yuv420p cannot hold, or a path that cannot be written.
    """
    if width % 2 or height % 2:
        raise InputError(f"a video of {width} x {height} pixels cannot be encoded: both sides must be even")
    partial = path.with_name(f"{path.stem}.partial.mp4")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(partial), "w", options={"fflags": "+bitexact", "movflags": "+faststart"}) as container:
            options = {"crf": str(crf), "preset": "medium", "threads": "1", "g": str(round(2 * fps))}
            rate = Fraction(fps).limit_denominator(1001)  # 29.97 frames per second are 30,000 in 1,001 seconds
            stream = container.add_stream("libx264", rate=rate, options=options)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            for image in frames:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            container.mux(stream.encode())
        partial.replace(path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
