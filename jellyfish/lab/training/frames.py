"""Rendered frames with labels on disk, so that rendering does not hold up training.

A cache folder holds JPEG files of high quality and one `frames.json`, written last: without it the
folder is unfinished and is rendered again. Its name holds the generator's version, so that frames of an
older look are not mistaken for today's.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from jellyfish.core import LabelledObject
from jellyfish.devices.process import deaf_children
from jellyfish.errors import RunError
from jellyfish.lab.processes import process_pool
from jellyfish.lab.street import StreetScene
from jellyfish.lab.street.clips import GENERATOR_VERSION

_QUALITY = 96
_SPACING_FRAMES = 45
"""Frames between two that are kept of a scene: enough for most of the traffic to have changed."""


class CachedFrame(msgspec.Struct, frozen=True):
    """One frame of the cache."""

    file: str
    objects: tuple[LabelledObject, ...]


class FrameCache:
    """Frames with labels by number; JPEG files are decoded as they are asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._records = msgspec.json.decode((folder / "frames.json").read_bytes(), type=tuple[CachedFrame, ...])

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, number: int) -> tuple[NDArray[np.uint8], tuple[LabelledObject, ...]]:
        """Frame `number`: RGB [h, w, 3] and its objects."""
        record = self._records[number]
        image = cv2.imread(str(self._folder / record.file), cv2.IMREAD_COLOR)
        if image is None:
            raise OSError(
                f"The frame {self._folder / record.file} is gone or damaged; delete the folder to render it anew"
            )
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8), record.objects


def render(
    root: Path, seeds: range, frames_per_scene: int, processes: int, advance: Callable[[int], None] = lambda done: None
) -> FrameCache:
    """The cache of these scenes under `root`, rendered now if it is not there.

    `advance` is told how many scenes are done.
    """
    folder = root / f"v{GENERATOR_VERSION}-{seeds.start}-{seeds.stop}-{frames_per_scene}"
    if not (folder / "frames.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        records: list[CachedFrame] = []
        with process_pool(processes) as pool:
            with deaf_children():
                jobs = [pool.submit(_render_scene, folder, seed, frames_per_scene) for seed in seeds]
            for done, job in enumerate(jobs, start=1):
                records.extend(job.result())
                advance(done)
        (folder / "frames.json").write_bytes(msgspec.json.encode(records))
    return FrameCache(folder)


def _render_scene(folder: Path, seed: int, frames: int) -> list[CachedFrame]:
    """Render one scene's frames into `folder`."""
    cv2.setNumThreads(1)
    scene = StreetScene(seed)
    records = []
    for number in range(frames):
        image, objects = scene.frame(number * _SPACING_FRAMES)
        file = f"{seed}-{number}.jpg"
        jpeg = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
        if not cv2.imwrite(str(folder / file), cv2.cvtColor(image, cv2.COLOR_RGB2BGR), jpeg):
            raise RunError(f"the frame {folder / file} cannot be written; is the disk full?")
        records.append(CachedFrame(file, tuple(objects)))
    return records
