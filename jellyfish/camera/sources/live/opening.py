"""Opening a source with FFmpeg: with timeouts, and no more protocols than it needs."""

from __future__ import annotations

import sys
from typing import Any

import av

from jellyfish.camera.sources.live.address import SourceAddress, SourceKind
from jellyfish.errors import InputError
from jellyfish.media.picture import MOST_PIXELS

OPEN_S, READ_S = 10.0, 10.0
"""FFmpeg's own patience. A source that sends nothing is noticed before (see `watch`)."""
_MICROSECONDS = 1_000_000
_PROBED = {"probesize": str(1_000_000), "analyzeduration": str(_MICROSECONDS)}
"""Bytes and microseconds that are read to know what comes; what was read is decoded afterwards."""
_OPTIONS: dict[SourceKind, dict[str, str]] = {
    SourceKind.RTSP: _PROBED
    | {
        "timeout": str(round(READ_S * _MICROSECONDS)),
        "max_delay": str(_MICROSECONDS // 10),
        "buffer_size": str(1_000_000),
        "protocol_whitelist": "rtsp,rtsps,rtp,rtcp,udp,tcp,tls,crypto",
    },
    SourceKind.HTTP: _PROBED
    | {
        "rw_timeout": str(round(READ_S * _MICROSECONDS)),
        "protocol_whitelist": "http,https,tcp,tls,crypto,hls",
    },
    SourceKind.WEBCAM: {},
    SourceKind.FILE: {"protocol_whitelist": "file"},
}
_WEBCAMS = {"v4l2": "linux", "avfoundation": "darwin", "dshow": "win32"}
"""FFmpeg's name of what reads webcams, and the system that has it. Those of macOS and Windows were never tried."""
_NO_PICTURES = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails


def open_source(
    address: SourceAddress, rtsp_transport: str
) -> tuple[av.container.InputContainer, av.video.stream.VideoStream]:
    """The open source and its video. InputError for what can never be shown; FFmpeg's errors for what fails now."""
    options, place, form = dict(_OPTIONS[address.kind]), address.place, None
    if address.kind is SourceKind.RTSP:
        options["rtsp_transport"] = rtsp_transport
    elif address.kind is SourceKind.FILE:
        place = f"file:{place}"
    elif address.kind is SourceKind.WEBCAM:
        form = _webcam_format(address.scheme)
    container = av.open(place, format=form, options=options, timeout=(OPEN_S, READ_S))
    try:
        return container, _video(container)
    except InputError:
        container.close()
        raise


def _webcam_format(scheme: str) -> str:
    if sys.platform != _WEBCAMS[scheme]:
        there = next((name for name, system in _WEBCAMS.items() if system == sys.platform), None)
        raise InputError(f"there is no {scheme} on this system" + (f": give {there}:..." if there else ""))
    return scheme


def _video(container: av.container.InputContainer) -> av.video.stream.VideoStream:
    """What is to be shown of it, decoded by one thread: a processor at most, and no frame waits for others."""
    streams = [stream for stream in container.streams.video if not stream.disposition & _NO_PICTURES]
    if not streams:
        raise InputError("it holds no video")
    stream = streams[0]
    codec: Any = stream.codec_context
    if codec is None:
        raise InputError("its video is coded in a way that FFmpeg cannot decode")
    if codec.width * codec.height > MOST_PIXELS:
        raise InputError(f"its video is {codec.width} x {codec.height} pixels large, which is too many")
    codec.thread_count = 1
    return stream
