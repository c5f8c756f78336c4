"""What there is in a video, found out when it is first opened: which frames, when each is shown, and what is missing.

Packets tell that without being decoded, where each has a time of its own. Where they do not (raw streams, recordings
whose clock jumps), frames have to be decoded once to be counted.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

import av

from jellyfish.media.orientation import UPRIGHT
from jellyfish.media.timeline import FrameTimes, timeline

_TELL_LENGTHS_OF_VIDEOS = ("mov,mp4,m4a,3gp,3g2,mj2", "avi")
_TELL_LENGTHS_OF_ALL = ("matroska,webm", "flv", "asf")
"""Formats whose header says how long the video is, or all that is in the file; lengths of others are guessed."""
_CUT_VIDEO_S, _CUT_S = 0.2, 1.0
"""Something is cut off where so much less is there."""
_TELLS_NO_TIMES = "avi"
"""A format that only has an order, of decoding. Frames that are shown in another one get times that are made up."""
_REORDERED = ("h264", "hevc")
"""Codecs of which they are made up wrongly."""
_MAY_JUMP = 0x0200
"""FFmpeg's flag of formats (AVFMT_TS_DISCONT): those for broadcasting."""
_A_JUMP_S = 10.0
"""Of a clock that may jump by design."""
_ODDEST_ASPECT = 8
_SQUARE = 0.02
"""Of pixels: what is odder is nonsense, what is nearer to 1 not worth scaling."""
_ASTRAY_FRAMES = 2.0
"""Times that are guessed from those of a few frames (MPEG program streams) are wrong by so much."""
_VP8_SHOWN = 0x10
"""Of a packet's first byte: others are for reference only."""


@dataclass
class Contents:
    """Of one file. All readers of it share it, and add what they find missing."""

    timeline: FrameTimes
    width: int
    """As a person sees it; likewise:"""
    height: int
    orientation: int = UPRIGHT
    """How decoded frames are to be turned (see `orientation`)."""
    aspect: Fraction = Fraction(1)
    """How much wider than high their pixels are shown."""
    ticks: tuple[int, ...] | None = None
    """The stamp of each frame; None where frames are known by counting only."""
    keys: tuple[int, ...] = ()
    """Numbers of the frames that decoding can begin at."""
    cut_off: str = ""
    """What the file's header announces and is not there; empty where all is."""
    missing: set[int] = field(default_factory=set)
    """Numbers of the frames that could not be decoded, of those that were tried; the one before stays on show."""
    uncounted: int = 0
    """Pieces that gave no frame, where frames are counted by decoding them."""

    @property
    def losses(self) -> str:
        """What is missing, in words for people; empty where nothing is, as far as is known."""
        undecodable = len(self.missing) + self.uncounted
        total = self.timeline.frames + self.uncounted
        damaged = f"{undecodable} of {total} frames cannot be decoded" if undecodable else ""
        return "; ".join(filter(None, (self.cut_off, damaged)))


class Packets(NamedTuple):
    """What the packets of a video say."""

    stamps: tuple[int, ...]
    """When frames are shown, in ticks, rising."""
    keys: frozenset[int]
    """Those of them that decoding can begin at."""
    last_ticks: int
    """How long the last one is shown; 0 for who knows."""
    countable: bool
    """Whether each has a time of its own, and that is a frame's."""
    cut_off: str
    made_up: bool
    """Whether times are not the file's, and wrong."""
    longest_step: float
    """Ticks; what is more is a jump of the clock."""


class _Pass:
    """Sums up packets in the file's order."""

    def __init__(self, stream: av.VideoStream, longest_step: float) -> None:
        self._stream, self._longest_step = stream, longest_step
        self._is_vp8 = stream.codec_context.name in ("vp8", "libvpx")
        self._decoded: int | None = None
        self._met_key = False
        codec = stream.codec_context
        in_order = not codec.has_b_frames or codec.name not in _REORDERED
        self.made_up = _container_name(stream) == _TELLS_NO_TIMES and not in_order
        self.regular = not self.made_up
        self.end_s, self.video_end_s = 0.0, 0.0
        self.shown: list[tuple[int, int]] = []
        """Stamp and duration."""
        self.keys: list[int] = []

    def take(self, packet: av.Packet[av.stream.Stream]) -> None:
        if packet.dts is None and not packet.size:
            return  # the one that marks the end
        begin, ticks = packet.dts if packet.pts is None else packet.pts, packet.duration or 0
        end_s = 0.0 if begin is None else float((begin + ticks) * packet.time_base)
        self.end_s = max(self.end_s, end_s)
        if packet.stream_index != self._stream.index:
            return
        self.video_end_s = max(self.video_end_s, end_s)
        if not packet.size:
            return  # says that the frame before stays on show
        self._follow(packet.dts)
        if packet.is_keyframe and not self._met_key:
            self._met_key = True
            self.shown.clear()  # what comes before the first of them cannot be decoded
        if packet.is_discard or (self._is_vp8 and not memoryview(packet)[0] & _VP8_SHOWN):
            return
        if packet.pts is None:
            self.regular = False
        else:
            self.shown.append((packet.pts, ticks))
            if packet.is_keyframe:
                self.keys.append(packet.pts)

    def _follow(self, dts: int | None) -> None:
        """Frames are decoded in the order of these; a clock that does not go on from there is none to seek by."""
        if dts is None:
            return
        if self._decoded is not None and not 0 <= dts - self._decoded <= self._longest_step:
            self.regular = False
        self._decoded = dts


def survey(container: av.container.InputContainer, stream: av.VideoStream) -> Packets:
    """Pass over all packets of a file that was just opened."""
    longest = _A_JUMP_S / float(stream.time_base or 1) if _may_jump(container) else float("inf")
    found, cut_off = _Pass(stream, longest), ""
    try:
        for packet in container.demux():
            found.take(packet)
    except av.error.FFmpegError as error:
        cut_off = f"it cannot be read to its end ({error.strerror})"
    found.shown.sort()
    stamps = tuple(stamp for stamp, _ in found.shown)
    return Packets(
        stamps,
        frozenset(found.keys),
        found.shown[-1][1] if found.shown else 0,
        bool(stamps) and found.regular and len(set(stamps)) == len(stamps),
        _cut_off(container, stream, found) or cut_off,
        found.made_up,
        longest,
    )


def _container_name(stream: av.VideoStream) -> str:
    return str(stream.container.format.name)


def _may_jump(container: av.container.InputContainer) -> bool:
    return bool(container.format.flags & _MAY_JUMP)


def _cut_off(container: av.container.InputContainer, stream: av.VideoStream, found: _Pass) -> str:
    """What is not there of what the header announces."""
    if container.format.name in _TELL_LENGTHS_OF_VIDEOS and stream.duration and stream.time_base:
        told_s = float(((stream.start_time or 0) + stream.duration) * stream.time_base)
        there_s, least_s = found.video_end_s, _CUT_VIDEO_S
    elif container.format.name in _TELL_LENGTHS_OF_ALL and container.duration:
        told_s, there_s, least_s = container.duration / av.time_base, found.end_s, _CUT_S
    else:
        return ""
    return f"it is cut off, {there_s:.1f} of {told_s:.1f} s are there" if told_s > there_s + least_s else ""


def pixel_aspect(stream: av.VideoStream) -> Fraction:
    """How much wider than high a pixel is shown; 1 for who knows."""
    told = stream.sample_aspect_ratio or Fraction(1)
    square = abs(told - 1) < _SQUARE or not Fraction(1, _ODDEST_ASPECT) <= told <= _ODDEST_ASPECT
    return Fraction(1) if square else told


def seen_width(width: int, aspect: Fraction) -> int:
    """Of a frame whose pixels are made square."""
    return max(1, round(width * aspect))


def declared_rates(stream: av.VideoStream) -> tuple[Fraction | None, ...]:
    """What the file says of its rate."""
    return stream.average_rate, stream.guessed_rate, stream.base_rate


def timed_contents(packets: Packets, stream: av.VideoStream, first_stamp: int, size: tuple[int, int]) -> Contents:
    """Of frames with a time each, from the first one that can be decoded on."""
    assert stream.time_base is not None
    number = max(0, bisect_right(packets.stamps, first_stamp) - 1)
    ticks = packets.stamps[number:]
    shown = timeline(ticks, stream.time_base, packets.last_ticks, declared_rates(stream))
    keys = tuple(index for index, tick in enumerate(ticks) if tick in packets.keys)
    return Contents(shown, *size, ticks=ticks, keys=keys, cut_off=packets.cut_off, uncounted=number)


def counted_contents(
    ticks: Sequence[int], last_ticks: int, packets: Packets, stream: av.VideoStream, size: tuple[int, int]
) -> Contents:
    """Of frames that were decoded to be counted, with the times made of what clock they have."""
    assert stream.time_base is not None
    shown = timeline(ticks, stream.time_base, last_ticks, declared_rates(stream), _ASTRAY_FRAMES)
    return Contents(shown, *size, cut_off=packets.cut_off)
