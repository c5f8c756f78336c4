"""Playing videos: the frame that is on show at a media time, from any file that can be opened (`media/footage`).

Decoding and scaling run without the interpreter lock. Frames are decoded in the file's order; a jump goes to the key
frame before it, where the file allows that. A source serves one thread at a time, others wait; so does whoever closes
it, for a decoder that is freed while it decodes ends the process.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from numpy.typing import NDArray

from jellyfish.errors import InputError
from jellyfish.media.contents import Contents
from jellyfish.media.files import legible
from jellyfish.media.footage import open_footage, seen
from jellyfish.media.label_reader import VideoLabels, read_video_labels
from jellyfish.media.labels import labels_path

SEEK_FRAMES = 90
"""A frame so far ahead is sought and not decoded up to: key frames are seldom further apart."""


class VideoSource:
    """A video played in a loop.

    `labels` holds the objects of each frame when a label file lies beside the video, else None; `classes` the names by
    label that it gives them. Raises InputError for a missing file, a file that is no video, a video without frames, or
    labels that do not fit it.
    """

    def __init__(self, path: Path, like: VideoSource | None = None) -> None:
        """`like`: another source of the same file, which has looked through it already."""
        self.path = path
        self._reading = threading.Lock()
        self._closed = False
        self._footage = open_footage(path, None if like is None else like.contents)
        self.contents: Contents = self._footage.contents
        self._frames: Iterator[tuple[int, av.VideoFrame]] = iter(())
        self._current: tuple[int, av.VideoFrame] | None = None
        self._following: tuple[int, av.VideoFrame] | None = None
        self._converted: tuple[av.VideoFrame, NDArray[np.uint8]] | None = None
        try:
            self._labelled: VideoLabels | None = self._load_labels() if like is None else like._labelled
        except InputError:
            self.close()
            raise
        self.labels = None if self._labelled is None else self._labelled.frames
        self.classes: tuple[str, ...] = () if self._labelled is None else self._labelled.classes.names

    @property
    def frames(self) -> int:
        """How many there are."""
        return self.contents.timeline.frames

    @property
    def fps(self) -> float:
        """Frames per second, on average."""
        return self.contents.timeline.fps

    @property
    def duration_s(self) -> float:
        """Seconds after which the video starts again."""
        return self.contents.timeline.duration_s

    @property
    def width(self) -> int:
        """Of the first frame, as a person sees it."""
        return self.contents.width

    @property
    def height(self) -> int:
        """Likewise."""
        return self.contents.height

    @property
    def losses(self) -> dict[str, str]:
        """What is missing of the file, in words, by its name, as far as it was played; empty where nothing is."""
        words = self.contents.losses
        return {legible(self.path): words} if words else {}

    def label_notes(self, classes: Sequence[str] | None) -> list[str]:
        """What was left out of the labels, and is for a model that finds `classes`; None where nobody has told them."""
        if self._labelled is None:
            return []
        return [*self._labelled.notes, *([] if classes is None else self._labelled.classes.notes(classes))]

    def frame_at(self, time_s: float) -> tuple[int, NDArray[np.uint8]]:
        """(index in the file, RGB image [height, width, 3]) of the frame on show at `time_s` seconds.

        Time past the end starts the video again. Times should not decrease: going back means decoding from the start.
        Only the asked frame is converted to RGB. Damaged packets are passed over: the frame before them stays on show.
        """
        index = self.index_at(time_s)
        return index, self.frame(index)

    def index_at(self, time_s: float) -> int:
        """Index in the file of the frame on show at `time_s` seconds; time past the end starts the video again."""
        return self.contents.timeline.index_at(time_s)

    def frame(self, index: int) -> NDArray[np.uint8]:
        """RGB image [height, width, 3] of the frame on show at `index`. See `frame_at`."""
        frame = self.decoded(index)
        if self._converted is None or self._converted[0] is not frame:
            self._converted = frame, self.image(frame)
        return self._converted[1]

    def decoded(self, index: int) -> av.VideoFrame:
        """The frame on show at `index` as it is in the file, which is half as large as its RGB image.

        ValueError when the source is closed, as of any closed file.
        """
        with self._reading:
            if self._closed:
                raise ValueError(f"{self.path} is closed")
            self._decode_to(index)
            assert self._current is not None
            return self._current[1]

    def image(self, frame: av.VideoFrame) -> NDArray[np.uint8]:
        """RGB image [height, width, 3] of a decoded frame; any number of threads may ask for that."""
        return seen(frame, self.contents)

    def close(self) -> None:
        """Close the file, once no thread reads it."""
        self._closed = True  # first: a thread that reads on and on would hardly ever let go of the lock
        with self._reading:
            self._footage.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _load_labels(self) -> VideoLabels | None:
        path = labels_path(self.path)
        try:
            if not path.exists():
                return None
        except OSError:  # the video's name leaves no room for the longer one of labels
            return None
        return read_video_labels(path, legible(self.path.name), self.frames, (self.width, self.height))

    def _decode_to(self, wanted: int) -> None:
        """Decode forward until the frame on show is the last one whose index is not past `wanted`, or the file ends."""
        distance = -1 if self._current is None else wanted - self._current[0]
        far = distance >= SEEK_FRAMES and self._following is not None and self._footage.seeks
        if far or distance < 0:
            self._read_from(wanted)
        assert self._current is not None
        while self._following is not None and self._following[0] <= wanted:
            self._current, self._following = self._following, next(self._frames, None)

    def _read_from(self, wanted: int) -> None:
        self._frames = self._footage.read_from(wanted)
        self._current = next(self._frames, None)
        if self._current is None:
            raise InputError(f"no frame of {self.path} can be decoded any more: the file has changed")
        self._following = next(self._frames, None)
