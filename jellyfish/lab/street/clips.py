"""Street videos with their labels beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from jellyfish.core import LabelledObject
from jellyfish.errors import InputError
from jellyfish.lab.street import StreetScene
from jellyfish.media.labels import Info, labels_path, save_labels
from jellyfish.media.video_writer import write_video
from jellyfish.models.slimmable.street import CLASSES

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
    save_labels(labels_path(path), labels, CLASSES, clip.width, clip.height, info)
