"""Reading videos: the frame that is on show at a media time, from any file that FFmpeg opens.

One source belongs to one thread at a time. Decoding and scaling run without the interpreter lock.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from numpy.typing import NDArray

from jellyfish.core import LabelledObject
from jellyfish.errors import InputError
from jellyfish.media.labels import labels_path, load_labels


class VideoSource:
    """A video played in a loop.

    `labels` holds the objects of each frame when a label file lies beside the video, else None. Raises InputError for a
    missing file, a file that is no video, a video without frames, or labels that do not fit it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._container = _open(path)
        self._stream = self._container.streams.video[0]
        self._stream.codec_context.thread_count = 1
        self._decoded: Iterator[tuple[int, av.VideoFrame]] = iter(())
        self._current: tuple[int, av.VideoFrame] | None = None
        self._converted: tuple[int, NDArray[np.uint8]] | None = None
        try:
            self.fps = float(self._stream.average_rate or self._stream.guessed_rate or 0)
            self.width, self.height = self._stream.codec_context.width, self._stream.codec_context.height
            self.frames = self._count()
            self._rewind()
            self.labels = self._load_labels()
        except InputError:
            self.close()
            raise

    @property
    def duration_s(self) -> float:
        """Seconds after which the video starts again."""
        return self.frames / self.fps

    def frame_at(self, time_s: float) -> tuple[int, NDArray[np.uint8]]:
        """(index in the file, RGB image [height, width, 3]) of the frame on show at `time_s` seconds.

        Time past the end starts the video again. Times should not decrease: going back means decoding from the start.
        Only the asked frame is converted to RGB. Damaged packets are passed over: the frame before them stays on show.
        """
        wanted = math.floor(time_s * self.fps + 1e-6) % self.frames
        self._decode_to(wanted)
        assert self._current is not None
        shown, frame = self._current
        if self._converted is None or self._converted[0] != shown:
            self._converted = shown, frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
        return wanted, self._converted[1]

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _count(self) -> int:
        """Frames in the file: what it says, else what its duration amounts to."""
        if self.fps <= 0:
            raise InputError(f"{self.path} does not say its frame rate: convert it to .mp4 first")
        frames = self._stream.frames
        if not frames and self._stream.duration and self._stream.time_base:
            frames = round(float(self._stream.duration * self._stream.time_base) * self.fps)
        if not frames and self._container.duration:
            frames = round(self._container.duration / av.time_base * self.fps)
        if not frames:
            raise InputError(f"{self.path} does not say how long it is: convert it to .mp4 first")
        return frames

    def _load_labels(self) -> list[list[LabelledObject]] | None:
        path = labels_path(self.path)
        if not path.exists():
            return None
        labels = load_labels(path)
        if len(labels) != self.frames:
            raise InputError(
                f"{path} labels {len(labels)} frames, but {self.path.name} has {self.frames}: make both again"
            )
        return labels

    def _rewind(self) -> None:
        """Start again from the first frame that can be decoded."""
        self._container.seek(self._stream.start_time or 0, stream=self._stream, backward=True)
        self._decoded = self._decode()
        self._current = next(self._decoded, None)
        if self._current is None:
            raise InputError(f"no frame of {self.path} can be decoded: the file is damaged")

    def _decode_to(self, wanted: int) -> None:
        """Decode forward until the frame on show is the last one whose index is not past `wanted`, or the file ends."""
        if self._current is None or wanted < self._current[0]:
            self._rewind()
        assert self._current is not None
        while self._current[0] < wanted:
            following = next(self._decoded, None)
            if following is None:
                return
            self._current = following

    def _decode(self) -> Iterator[tuple[int, av.VideoFrame]]:
        """(index, frame) from the container's place on, by presentation time; damaged packets are left out."""
        start = self._stream.start_time or 0
        rate = self.fps * float(self._stream.time_base or 0)
        previous = -1
        for packet in self._container.demux(self._stream):
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                continue
            for frame in frames:
                index = previous + 1 if frame.pts is None else max(round((frame.pts - start) * rate), previous + 1)
                previous = index
                yield index, frame


def _open(path: Path) -> av.container.InputContainer:
    """Open a file with a video stream; raises InputError saying what is wrong with it."""
    if not path.is_file():
        raise InputError(f"there is no video file {path}" + (" (it is a folder)" if path.is_dir() else ""))
    try:
        container = av.open(str(path))
    except (av.error.FFmpegError, OSError) as error:
        raise InputError(f"{path} is not a video that FFmpeg can open: {error.strerror or error}") from error
    if not container.streams.video:
        container.close()
        raise InputError(f"{path} has no video stream")
    return container
