"""A strip of pictures from a run: what some cameras saw last, with what they were answered in time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from jellyfish.camera.sources.file import VideoSource
from jellyfish.camera.sources.shared import start_s
from jellyfish.config import CameraConfig
from jellyfish.core import Detection, Outcome
from jellyfish.media.draw import Tile, strip
from jellyfish.media.picture import write_picture
from jellyfish.results.records import FrameRecord

MOST_CAMERAS = 4
"""So many pictures fit side by side on a screen."""


class Seen:
    """The newest answer of each camera that came in time and found something. Told each frame as it ends."""

    def __init__(self, cameras: Sequence[CameraConfig]) -> None:
        self._cameras = {camera.name: camera for camera in cameras[:MOST_CAMERAS]}
        self._starts_at = dict(_viewers(cameras))
        self._newest: dict[str, tuple[FrameRecord, Sequence[Detection]]] = {}

    def add(self, record: FrameRecord, detections: Sequence[Detection]) -> None:
        """A frame has ended."""
        if record.outcome is Outcome.ON_TIME and detections and record.client in self._cameras:
            self._newest[record.client] = record, detections

    def write(self, path: Path) -> bool:
        """Draw them side by side into an image file; False, and no file, where there are none. InputError."""
        tiles = [self._tile(name, *self._newest[name]) for name in self._cameras if name in self._newest]
        if tiles:
            write_picture(path, strip(tiles))
        return bool(tiles)

    def _tile(self, name: str, record: FrameRecord, detections: Sequence[Detection]) -> Tile:
        camera = self._cameras[name]
        with VideoSource(camera.video) as source:
            began_s = start_s(self._starts_at[name], camera.fps, source.duration_s)
            _, image = source.frame_at(began_s + record.frame / camera.fps)
        words = f"{name}: {record.variant}, {record.e2e_ms or 0:.0f} of {record.slo_ms:.0f} ms"
        return Tile(image, detections, words)


def _viewers(cameras: Sequence[CameraConfig]) -> Iterator[tuple[str, int]]:
    """Which one of those that show its video each camera is: it decides where in it the camera starts."""
    before = Counter[Path]()
    for camera in cameras:
        yield camera.name, before[camera.video]
        before[camera.video] += 1
