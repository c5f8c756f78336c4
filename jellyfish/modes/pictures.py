"""`pictures.jpg` of a run: a few frames of a few cameras with what was answered for them.

While the run goes on, answers to be shown are picked and nothing else is done; frames are read again from the videos
when it is over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from jellyfish.camera.sources.file import VideoSource
from jellyfish.config import CameraConfig
from jellyfish.core import Outcome
from jellyfish.errors import InputError
from jellyfish.media.picture import write_picture
from jellyfish.media.strip import Tile, strip
from jellyfish.modes.run import EndedFrame
from jellyfish.results.records import FrameRecord
from jellyfish.results.writer import PICTURES

MOST_CAMERAS, MOMENTS = 4, 3
OpenVideo = Callable[[Path], VideoSource]


class Moments:
    """Picks what to show: of a few cameras, one answer in each part of the run. Pure; memory is bounded."""

    def __init__(self, cameras: Sequence[CameraConfig], duration_s: float) -> None:
        """Cameras of different videos come first: there is more to see."""
        videos = [camera.video for camera in cameras]
        firsts = {videos.index(video) for video in videos}
        order = sorted(range(len(cameras)), key=lambda number: (number not in firsts, number))
        self.cameras = [cameras[number] for number in sorted(order[:MOST_CAMERAS])]
        self._part_s = duration_s / MOMENTS
        self._picked: dict[str, dict[int, EndedFrame]] = {camera.name: {} for camera in self.cameras}

    def add(self, ended: EndedFrame) -> None:
        """A frame has ended. The first on time of each part is picked, or the first in which something was found."""
        record = ended.record
        picked = self._picked.get(record.client)
        if picked is None or record.outcome is not Outcome.ON_TIME:
            return
        part = min(int(record.captured_s / self._part_s), MOMENTS - 1)
        if part not in picked or (ended.detections and not picked[part].detections):
            picked[part] = ended

    def of(self, camera: str) -> list[EndedFrame]:
        """What was picked of a camera, by time."""
        return [shown for _, shown in sorted(self._picked[camera].items())]


def write_pictures(folder: Path, moments: Moments, starts_s: Mapping[str, float], opened: OpenVideo) -> str:
    """Read the frames, draw, write; a line for a person, or nothing where no frame was answered on time.

    `starts_s`: the time of its video at which each camera started. A run is not spoilt by a video that is gone since.
    """
    try:
        rows = [row for camera in moments.cameras if (row := _tiles(camera, moments, starts_s[camera.name], opened))]
        if not rows:
            return ""
        write_picture(folder / PICTURES, strip(rows))
    except InputError as error:
        return f"No pictures of the run: {error}"
    return f"Frames with what was found in them: {folder / PICTURES}"


def _tiles(camera: CameraConfig, moments: Moments, start_s: float, opened: OpenVideo) -> list[Tile]:
    shown = moments.of(camera.name)
    if not shown:
        return []
    with opened(camera.video) as source:
        times_s = [start_s + each.record.frame / camera.fps for each in shown]
        images = [source.frame_at(time_s)[1] for time_s in times_s]
    return [
        Tile(image, each.detections, each.classes, _words(each.record))
        for image, each in zip(images, shown, strict=True)
    ]


def _words(record: FrameRecord) -> str:
    """`camera-0 at 3.2 s: w100e2-384, 88 ms`; of a classifier: `camera-0 at 3.2 s: bus 0.83, c100-224, 88 ms`"""
    guess = "" if record.class_name is None else f"{record.class_name} {record.class_score or 0:.2f}, "
    took = "" if record.e2e_ms is None else f", {record.e2e_ms:.0f} ms"
    return f"{record.client} at {record.captured_s:.1f} s: {guess}{record.variant}{took}"
