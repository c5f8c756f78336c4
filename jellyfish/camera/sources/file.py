"""Reading videos: the frame that is on show at a media time, from any file that FFmpeg opens.

Decoding and scaling run without the interpreter lock. Frames are decoded in the file's order; a jump goes to the key
frame before it, where the file allows that. A source serves one thread at a time, others wait; so does whoever closes
it, for a decoder that is freed while it decodes ends the process.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from jellyfish.errors import InputError
from jellyfish.media.label_reader import VideoLabels, read_video_labels
from jellyfish.media.labels import labels_path

SEEK_FRAMES = 90
"""A frame so far ahead is sought and not decoded up to: key frames are seldom further apart."""


class VideoSource:
    """A video played in a loop.

    `labels` holds the objects of each frame when a label file lies beside the video, else None; `label_notes` tells
    what was left out of it. Raises InputError for a missing file, a file that is no video, a video without frames, or
    labels that do not fit it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reading = threading.Lock()
        self._closed = False
        self._open_file()
        self._decoded: Iterator[tuple[int, av.VideoFrame]] = iter(())
        self._current: tuple[int, av.VideoFrame] | None = None
        self._following: tuple[int, av.VideoFrame] | None = None
        self._counted = False
        """Whether frames have no times, so that only counting from the start tells which is which."""
        self._converted: tuple[av.VideoFrame, NDArray[np.uint8]] | None = None
        try:
            self.fps = float(self._stream.average_rate or self._stream.guessed_rate or 0)
            self.width, self.height = self._stream.codec_context.width, self._stream.codec_context.height
            self.frames = self._count()
            self._start()
            known = self._load_labels()
        except InputError:
            self.close()
            raise
        self.labels = None if known is None else known.frames
        self.label_notes = () if known is None else known.notes

    def _open_file(self) -> None:
        self._container = _open(self.path)
        self._stream = self._container.streams.video[0]
        self._stream.codec_context.thread_count = 1

    @property
    def duration_s(self) -> float:
        """Seconds after which the video starts again."""
        return self.frames / self.fps

    def frame_at(self, time_s: float) -> tuple[int, NDArray[np.uint8]]:
        """(index in the file, RGB image [height, width, 3]) of the frame on show at `time_s` seconds.

        Time past the end starts the video again. Times should not decrease: going back means decoding from the start.
        Only the asked frame is converted to RGB. Damaged packets are passed over: the frame before them stays on show.
        """
        index = self.index_at(time_s)
        return index, self.frame(index)

    def index_at(self, time_s: float) -> int:
        """Index in the file of the frame on show at `time_s` seconds; time past the end starts the video again."""
        return math.floor(time_s * self.fps + 1e-6) % self.frames

    def frame(self, index: int) -> NDArray[np.uint8]:
        """RGB image [height, width, 3] of the frame on show at `index`. See `frame_at`."""
        frame = self.decoded(index)
        if self._converted is None or self._converted[0] is not frame:
            self._converted = frame, rgb(frame)
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

    def close(self) -> None:
        """Close the file, once no thread reads it."""
        self._closed = True  # first: a thread that reads on and on would hardly ever let go of the lock
        with self._reading:
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

    def _load_labels(self) -> VideoLabels | None:
        path = labels_path(self.path)
        if not path.exists():
            return None
        return read_video_labels(path, self.path.name, self.frames, (self.width, self.height))

    def _rewind(self) -> None:
        """Start again from the first frame that can be decoded.

        Some files (MPEG-TS) cannot go back to their first key frame: they are opened anew.
        """
        try:
            self._container.seek(self._stream.start_time or 0, stream=self._stream, backward=True)
            self._decoded = self._decode()
            self._current = next(self._decoded, None)
        except av.error.FFmpegError:
            self._current = None
        if self._current is not None and self._current[0] == 0:
            self._following = next(self._decoded, None)
            return
        self._container.close()
        self._open_file()
        self._start()

    def _start(self) -> None:
        """Decode the first frames of the file, which has just been opened."""
        self._decoded = self._decode()
        self._current = next(self._decoded, None)
        if self._current is None:
            raise InputError(f"no frame of {self.path} can be decoded: the file is damaged")
        self._following = next(self._decoded, None)

    def _decode_to(self, wanted: int) -> None:
        """Decode forward until the frame on show is the last one whose index is not past `wanted`, or the file ends."""
        distance = -1 if self._current is None else wanted - self._current[0]
        if distance >= SEEK_FRAMES and not self._counted and self._following is not None:
            self._seek(wanted)
        elif distance < 0:
            self._rewind() if self._counted else self._seek(wanted)
        assert self._current is not None
        while self._following is not None and self._following[0] <= wanted:
            self._current, self._following = self._following, next(self._decoded, None)

    def _seek(self, wanted: int) -> None:
        """Go to the key frame before `wanted`, or to the start where the file cannot tell."""
        start = self._stream.start_time or 0
        offset = int(wanted / (self.fps * float(self._stream.time_base or 1)))
        try:
            self._container.seek(start + offset, stream=self._stream, backward=True)
        except av.error.FFmpegError:
            self._rewind()
            return
        self._decoded = self._decode()
        self._current = next(self._decoded, None)
        if self._current is None or self._current[0] > wanted:
            self._rewind()
        else:
            self._following = next(self._decoded, None)

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
                self._counted = self._counted or frame.pts is None
                index = previous + 1 if frame.pts is None else max(round((frame.pts - start) * rate), previous + 1)
                previous = index
                yield index, frame


def rgb(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """The RGB image [height, width, 3] of a decoded frame.

    Any number of threads may ask for that of the same frame: the frame's own converter, which `to_ndarray(format=...)`
    uses, is one for all of them, and crashes.
    """
    return VideoReformatter().reformat(frame, format="rgb24").to_ndarray().astype(np.uint8, copy=False)


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
