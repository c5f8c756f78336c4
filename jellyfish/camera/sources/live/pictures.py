"""The pictures of a source as they come, each with the time of its capture; whatever the source is.

A network camera or a webcam is read as fast as it sends. A file, and what comes over HTTP in pieces of many frames, is
shown at its own pace. Files begin again where they end, and so do the pictures of a folder.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from jellyfish.camera.sources.allowed import Terms, terms
from jellyfish.camera.sources.live.backlog import Backlog
from jellyfish.camera.sources.live.capture_clock import CaptureClock, FirstBurst
from jellyfish.camera.sources.live.messages import OpenSource
from jellyfish.camera.sources.live.opening import open_source
from jellyfish.config import Allowance
from jellyfish.core import InputSize
from jellyfish.errors import InputError
from jellyfish.media.contents import pixel_aspect, seen_width
from jellyfish.media.jpeg import encode_jpeg
from jellyfish.media.orientation import SIDEWAYS, UPRIGHT
from jellyfish.media.picture import identified, is_jpeg_stream, read_picture
from jellyfish.media.resize import fit
from jellyfish.media.upright import upright
from jellyfish.media.video import frame_orientation

PICTURES_FPS = 5.0
"""Pace of a folder of pictures, unless one is asked for."""
BEHIND_S = 0.5
"""What is shown at its own pace and is so much behind it goes on from where it is."""
_TURNED = {0: UPRIGHT, 90: 6, 180: 3, 270: 8}
"""By degrees clockwise."""
_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
_OWN_PACE = ("mpjpeg", "mjpeg")
"""Formats over HTTP whose pictures are sent when they are taken."""


class HeldPicture(NamedTuple):
    """A picture that can be made a JPEG, as long as it is held."""

    size: tuple[int, int]
    """(width, height) as a person sees it."""
    image: Callable[[int, int], NDArray[np.uint8]]
    """Its RGB image at a width and height, of a person's."""

    def jpeg(self, size: InputSize) -> bytes:
        """Scaled to fit into `size`, of quality 90."""
        return encode_jpeg(np.ascontiguousarray(self.image(*size.fitted(*self.size))))


class TimedPicture(NamedTuple):
    """What a source shows."""

    captured_s: float
    came_s: float
    """When it was here; what it takes from then on is this machine's."""
    picture: HeldPicture
    delay_s: float | None = None
    """See `FrameShown.delay_s`."""


Pictures = Generator[TimedPicture, None, None]
Opened = Callable[[str], None]
"""Told that the source is open, in words."""


def pictures(asked: OpenSource, opened: Opened) -> Pictures:
    """What the source shows, until it ends. Raises what FFmpeg does; InputError for what can never be shown."""
    allowance = None if asked.folders is None else Allowance(tuple(map(Path, asked.folders)))
    source = terms(asked.url, allowance)
    if source.scheme != "file" or source.path is None:
        return _video(asked, source, opened, None)
    if not source.path.exists():
        raise InputError("there is no such file or folder")
    find = partial(_stills, source.path, allowance is not None)
    if find():
        return _shown_in_turn(find, asked, opened)
    return _again_and_again(asked, source, opened)


def _again_and_again(asked: OpenSource, source: Terms, opened: Opened) -> Pictures:
    """A video file, from the start again when it ends."""
    while True:
        shown = False
        for picture in _video(asked, source, opened, _Pace()):
            shown = True
            yield picture
        if not shown:
            raise InputError("none of its frames can be decoded")


def _video(asked: OpenSource, source: Terms, opened: Opened, pace: _Pace | None) -> Pictures:
    container, stream = open_source(source, asked.rtsp_transport)
    with container:
        if source.scheme in ("http", "https") and container.format.name not in _OWN_PACE:
            pace = _Pace()
        opened(_in_words(stream))
        video = _OpenVideo(container, stream, asked.rotate)
        if source.scheme == "v4l2":
            video.clock.told_zero_s = 0.0  # its times are this machine's own, which no such webcam was at hand to show
        yield from video.paced(pace) if pace is not None else video.as_they_come()


def _in_words(stream: Any) -> str:
    codec, rate = stream.codec_context, stream.average_rate
    declared = f", {float(rate):.3g} frames a second by its own account" if rate else ""
    return f"{codec.name} {codec.width}x{codec.height}{declared}"


class _Pace:
    """When frames are shown that are there before their time."""

    def __init__(self) -> None:
        self._zero_s: float | None = None
        """When the presentation time 0 is."""
        self._newest_s = 0.0

    def shown_s(self, pts_s: float, now: float) -> float:
        """When to show the frame of `pts_s`: now, or later. A clock that jumps goes on from now."""
        if self._zero_s is None or not -BEHIND_S <= pts_s + self._zero_s - now <= 60.0 or pts_s < self._newest_s:
            self._zero_s = now - pts_s
        self._newest_s = pts_s
        return max(now, pts_s + self._zero_s)


def _told_s(packet: Any) -> float | None:
    """What a packet says of its time by its camera's wall clock, in seconds since 1970; None where it says nothing."""
    if not hasattr(packet, "has_sidedata") or not packet.has_sidedata("prft"):
        return None
    micros = int.from_bytes(bytes(packet.get_sidedata("prft"))[:8], sys.byteorder, signed=True)
    return micros / 1e6


class FrameTurns:
    """How a source's frames are to be held: as it was asked for, or as they say.

    They are looked at closely only where what they say has changed, for a frame that was stays until cycles are next
    collected: one each second was 15 MB a minute.
    """

    def __init__(self, rotate: int | None) -> None:
        """`rotate`: degrees clockwise; None: as frames say."""
        self._rotate = rotate
        self._orientation, self._looked = UPRIGHT, (0, 0, 0)

    def of(self, frame: Any) -> int:
        """As in EXIF. What key frames say holds for those that follow."""
        if self._rotate is not None:
            return _TURNED[self._rotate]
        looks = frame.width, frame.height, frame.rotation if frame.key_frame else self._looked[2]
        if looks != self._looked:
            self._looked, self._orientation = looks, frame_orientation(frame)
        return self._orientation


class _OpenVideo:
    """An open source of video."""

    def __init__(self, container: Any, stream: Any, rotate: int | None) -> None:
        self._container, self._stream = container, stream
        self._time_base = float(stream.time_base)
        self.clock, self._burst = CaptureClock(), FirstBurst()
        self._turns, self._backlog = FrameTurns(rotate), Backlog()
        self._reformatter = VideoReformatter()

    def as_they_come(self) -> Pictures:
        """Captured when their times say, as far as arrival bears them out."""
        for frame, now in self._frames():
            pts_s = None if frame.pts is None else frame.pts * self._time_base
            captured_s = self.clock.captured_s(pts_s, now)
            if captured_s is not None and not self._burst.holds(pts_s, now):
                yield TimedPicture(captured_s, now, self._held(frame), self.clock.delay_s)

    def paced(self, pace: _Pace) -> Pictures:
        """Captured when they are shown; the last one for as long as the one before."""
        before_s = shown_s = time.monotonic()
        for frame, now in self._frames():
            before_s = shown_s
            shown_s = now if frame.pts is None else pace.shown_s(frame.pts * self._time_base, now)
            time.sleep(max(0.0, shown_s - time.monotonic()))
            yield TimedPicture(shown_s, shown_s, self._held(frame))
        time.sleep(max(0.0, 2 * shown_s - before_s - time.monotonic()))

    def _frames(self) -> Iterator[tuple[Any, float]]:
        """Decoded frames, and when what completed each was here. Damaged packets are passed over."""
        for packet in self._container.demux(self._stream):
            now = time.monotonic()
            self._look_at(packet, now)
            try:
                frames = self._stream.codec_context.decode(packet if packet.size else None)
            except av.error.InvalidDataError:
                continue
            except av.error.EOFError:
                return
            for frame in frames:
                yield frame, now

    def _look_at(self, packet: Any, now: float) -> None:
        if packet.pts is None:
            return
        self.clock.arrived(packet.pts * self._time_base, now)
        if self.clock.told_zero_s is None:
            # PyAV tells it from version 18 on.
            told_us = getattr(self._container, "start_time_realtime", None)
            if told_us:
                self.clock.told_zero_s = told_us / 1e6 - (time.time() - time.monotonic())
        told_s = _told_s(packet)
        if told_s is not None and self._backlog.grows(time.time() - told_s, now):
            raise InputError("what it sends comes ever later: the link is slower than the stream")

    def _held(self, frame: Any) -> HeldPicture:
        """`frame`, turned the right way up."""
        orientation = self._turns.of(frame)
        width, height = seen_width(frame.width, pixel_aspect(self._stream)), frame.height
        sideways = orientation >= SIDEWAYS

        def image(wide: int, high: int) -> NDArray[np.uint8]:
            stored = (high, wide) if sideways else (wide, high)
            scaled = self._reformatter.reformat(frame, *stored, format="rgb24", interpolation="AREA")
            return upright(scaled.to_ndarray().astype(np.uint8, copy=False), orientation)

        return HeldPicture((height, width) if sideways else (width, height), image)


def _stills(path: Path, stays: bool) -> list[Path]:
    """The pictures of a folder, by name; a picture itself; none where it is something else.

    `stays`: pictures that links lead out of the folder to are none of it.
    """
    if not path.is_dir():
        image = identified(path)
        if image is not None:
            image.close()
        return [path] if image is not None and not is_jpeg_stream(path) else []
    found = sorted(each for each in path.iterdir() if each.suffix.lower() in _ENDINGS and each.is_file())
    found = [each for each in found if not stays or each.resolve().is_relative_to(path)]
    if not found:
        raise InputError(f"the folder holds no picture ({', '.join(_ENDINGS)})")
    return found


def _shown_in_turn(find: Callable[[], list[Path]], asked: OpenSource, opened: Opened) -> Pictures:
    """One after the other, and again those that are there then; one that cannot be read is left out."""
    count = len(find())
    opened(f"{count} picture{'s' * (count > 1)}")
    turn = _TURNED[asked.rotate or 0]
    interval_s = 1 / (asked.fps or PICTURES_FPS)
    due_s = time.monotonic()
    while True:
        shown = False
        for path in find():
            try:
                picture = upright(read_picture(path), turn)
            except InputError:
                continue
            shown, due_s = True, max(due_s, time.monotonic() - interval_s)
            time.sleep(max(0.0, due_s - time.monotonic()))
            yield TimedPicture(due_s, due_s, _still(picture))
            due_s += interval_s
        if not shown:
            raise InputError("none of the pictures can be read")


def _still(picture: NDArray[np.uint8]) -> HeldPicture:
    return HeldPicture((picture.shape[1], picture.shape[0]), lambda width, height: fit(picture, width, height))
