"""Videos read by FFmpeg: the frames of a file with their numbers, from any of them on.

A file is opened anew where it cannot go back to its beginning, as MPEG transport streams cannot.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.buffer import Buffer

from jellyfish.errors import InputError
from jellyfish.media.contents import (
    Contents,
    Packets,
    counted_contents,
    pixel_aspect,
    seen_width,
    survey,
    timed_contents,
)
from jellyfish.media.orientation import SIDEWAYS, UPRIGHT, matrix_orientation
from jellyfish.media.picture import MOST_PIXELS, is_jpeg_stream
from jellyfish.media.timeline import USUAL_FPS, continuous, usual_step

Frames = Iterator[tuple[int, av.VideoFrame]]
"""Numbers, rising, and decoded frames."""

_HEIC = frozenset((b"heic", b"heix", b"heim", b"heis", b"mif1"))
_KEYS_TRIED = 3
_BY_ROTATION = {90: 8, -90: 6, 180: 3, -180: 3}
_NO_PICTURES = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
"""Covers of songs and such."""


class VideoReader:
    """An open video. Raises InputError for what is none, or has no frame that can be decoded."""

    def __init__(self, path: Path, contents: Contents | None = None) -> None:
        """`contents`: what another reader of the same file has found."""
        self._path = path
        self._failures = 0
        """Packets that could not be decoded."""
        self._reopens = False
        """Whether it is known that going back does not lead to the first frame."""
        if _is_heic(path):
            raise InputError(f"{path} is a HEIC picture, which is not read: save it as JPEG or PNG first")
        self._format = "mjpeg" if is_jpeg_stream(path) else None
        self.contents = contents or self._look_through()
        self._open()

    @property
    def seeks(self) -> bool:
        """Whether a frame far ahead can be had without all before it."""
        return self.contents.ticks is not None

    def read_from(self, wanted: int) -> Frames:
        """Frames in order, beginning with one that is not past `wanted`. It ends what was read before."""
        if wanted and self.contents.ticks is not None:
            for key in reversed(self.contents.keys[: bisect_right(self.contents.keys, wanted)][-_KEYS_TRIED:]):
                if (frames := self._sought(self.contents.ticks[key], wanted)) is not None:
                    return frames
        return self._from_start()

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def _open(self) -> None:
        self._container, self._stream = _opened(self._path, self._format)

    def _look_through(self) -> Contents:
        """What there is in the file, which is closed again."""
        with _opened(self._path, self._format)[0] as container:
            packets = survey(container, _video_stream(container, self._path))
        self._open()
        try:
            return self._timed(packets) if packets.countable else self._counted(packets)
        finally:
            self._container.close()

    def _timed(self, packets: Packets) -> Contents:
        first = next(self._decoded(), None)
        if first is None:
            raise InputError(f"no frame of {self._path} can be decoded: the file is damaged")
        stamp = packets.stamps[0] if first.pts is None else first.pts
        return self._as_seen(timed_contents(packets, self._stream, stamp, (first.width, first.height)), first)

    def _counted(self, packets: Packets) -> Contents:
        """Decode all frames, and keep none but the first."""
        assert self._stream.time_base is not None
        frames = self._decoded()
        first = next(frames, None)
        if first is None:
            raise InputError(f"no frame of {self._path} can be decoded: the file is damaged")
        stamps, last = [], first
        for last in chain((first,), frames):
            stamps.append(last.dts if packets.made_up or last.pts is None else last.pts)
        rate = self._stream.average_rate or self._stream.guessed_rate or USUAL_FPS
        usual = usual_step(stamps) or max(1, round(1 / (rate * self._stream.time_base)))
        ticks = continuous(stamps, usual, packets.longest_step)
        contents = counted_contents(ticks, last.duration, packets, self._stream, (first.width, first.height))
        contents.uncounted = self._failures
        return self._as_seen(contents, first)

    def _as_seen(self, contents: Contents, frame: av.VideoFrame) -> Contents:
        """Of frames that a person sees as `frame` says; sizes are theirs."""
        contents.orientation, contents.aspect = frame_orientation(frame), pixel_aspect(self._stream)
        contents.width = seen_width(contents.width, contents.aspect)
        if contents.orientation >= SIDEWAYS:
            contents.width, contents.height = contents.height, contents.width
        return contents

    def _from_start(self) -> Frames:
        """Beginning with the first frame."""
        if not self._reopens and self.contents.ticks is not None:
            frames = self._sought(self.contents.ticks[0], 0)
            if frames is not None:
                return frames
        self._reopens = True
        self._container.close()
        self._open()
        return self._numbered(self._decoded())

    def _sought(self, stamp: int, wanted: int) -> Frames | None:
        """Frames from the last key frame before `stamp` on; None where the first of them is past `wanted`."""
        try:
            self._container.seek(stamp, stream=self._stream, backward=True)
        except av.error.FFmpegError:
            return None
        frames = self._numbered(self._decoded())
        first = next(frames, None)
        return None if first is None or first[0] > wanted else chain((first,), frames)

    def _decoded(self) -> Iterator[av.VideoFrame]:
        """What can be decoded from the container's place on; damaged packets are left out."""
        for packet in self._packets():
            try:
                frames = self._stream.codec_context.decode(packet)
            except av.error.FFmpegError:
                self._failures += 1
                continue
            yield from frames

    def _packets(self) -> Iterator[av.Packet[av.VideoStream] | None]:
        """As far as they can be read; None at the end brings out what the decoder has kept."""
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError:
                packet = None
            if packet is None or (not packet.size and packet.dts is None):
                yield None
                return
            yield packet

    def _numbered(self, frames: Iterator[av.VideoFrame]) -> Frames:
        """Tells those apart that lie between two of them, and could not be decoded."""
        known, before = self.contents, None
        for frame in frames:
            number = self._number(frame, before)
            if number >= known.timeline.frames:
                break
            if before is not None:
                known.missing.update(range(before + 1, number))
            before = number
            yield number, frame
        if before is not None:
            known.missing.update(range(before + 1, known.timeline.frames))

    def _number(self, frame: av.VideoFrame, before: int | None) -> int:
        following = 0 if before is None else before + 1
        if self.contents.ticks is None or frame.pts is None:
            return following
        return max(following, bisect_right(self.contents.ticks, frame.pts) - 1)


def frame_orientation(frame: av.VideoFrame) -> int:
    """As in EXIF. Not asked of every frame: what tells it keeps the frame alive until the next garbage collection."""
    try:
        matrix = bytes(cast(Mapping[str, Buffer], frame.side_data)["DISPLAYMATRIX"])
    except KeyError:
        return UPRIGHT
    except ValueError:  # among data of a kind that PyAV does not know
        return _BY_ROTATION.get(frame.rotation, UPRIGHT)
    return matrix_orientation(np.frombuffer(matrix, np.int32).tolist())


def _opened(path: Path, format_name: str | None) -> tuple[av.container.InputContainer, av.VideoStream]:
    """The file and its video. The protocol is named, or a colon in a name would be taken for the end of one."""
    try:
        container = av.open(f"file:{path}", format=format_name)
    except (av.error.FFmpegError, OSError) as error:
        raise InputError(f"{path} is not a video that FFmpeg can open: {error.strerror or error}") from error
    try:
        return container, _video_stream(container, path)
    except InputError:
        container.close()
        raise


def _video_stream(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    """What is to be played of it, with one thread."""
    streams = [stream for stream in container.streams.video if not stream.disposition & _NO_PICTURES]
    if not streams:
        raise InputError(f"{path} holds no video" + (" but a cover picture" if container.streams.video else ""))
    stream = streams[0]
    if stream.codec_context is None:
        raise InputError(f"{path} is coded in a way that FFmpeg cannot decode: convert it to H.264 first")
    width, height = stream.codec_context.width, stream.codec_context.height
    if width * height > MOST_PIXELS:
        raise InputError(f"{path} is {width} x {height} pixels large, which is too many")
    stream.codec_context.thread_count = 1
    return stream


def _is_heic(path: Path) -> bool:
    """They come in tiles, as many videos, of which each is a part of the picture."""
    with path.open("rb") as file:
        beginning = file.read(12)
    return beginning[4:8] == b"ftyp" and beginning[8:12] in _HEIC
