"""Opening a source with FFmpeg: with timeouts, and no more than its terms allow."""

from __future__ import annotations

import sys
from typing import Any

import av

from jellyfish.camera.sources.allowed import OTHER_WEBCAMS, Terms
from jellyfish.errors import InputError

OPEN_S, READ_S = 10.0, 10.0
"""FFmpeg's own patience. A source that sends nothing is noticed before (see `watch`)."""
_MICROSECONDS = 1_000_000
_PROBED = {"probesize": str(1_000_000), "analyzeduration": str(_MICROSECONDS), "fpsprobesize": "0"}
"""Bytes and microseconds that are read at most to know what comes, and is decoded afterwards; none for its rate."""
_RTSP = _PROBED | {"timeout": str(round(READ_S * _MICROSECONDS)), "max_delay": str(_MICROSECONDS // 10)}
"""Over UDP a packet that is missing is waited for no longer than `max_delay`."""
_HTTP = _PROBED | {"rw_timeout": str(round(READ_S * _MICROSECONDS))}
_OPTIONS = {"rtsp": _RTSP, "rtsps": _RTSP, "http": _HTTP, "https": _HTTP}
MOST_PIXELS = 8192 * 4608
"""Of a frame: 8K. A decoder may hold 17 of them, of 57 MB each."""
_WEBCAMS = {"v4l2": "linux", "avfoundation": "darwin", "dshow": "win32"}
"""The system that has each."""
_NO_PICTURES = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails


_IN_WORDS: dict[type[av.error.FFmpegError], str] = {
    av.error.ArgumentError: "it is no video, no JPEGs one after the other (a single one is none), no HLS; or it leads "
    "to where no source may be",
    av.error.InvalidDataError: "what comes is no video that can be read",
    av.error.ExitError: f"nothing that can be read came within {OPEN_S:.0f} s",
}
"""What FFmpeg's own words leave open."""


def why_not(error: OSError | av.error.FFmpegError) -> str:
    """Why a source cannot be opened or read, in words. What the error says beside names the URL."""
    words = error.strerror or type(error).__name__
    meant = next((meant for kind, meant in _IN_WORDS.items() if isinstance(error, kind)), None)
    return words if meant is None else f"{words}: {meant}"


def open_source(terms: Terms, rtsp_transport: str) -> tuple[av.container.InputContainer, av.video.stream.VideoStream]:
    """The open source and its video. InputError for what can never be shown; FFmpeg's errors for what fails now."""
    options = {**_OPTIONS.get(terms.scheme, {}), **terms.options}
    if terms.scheme in ("rtsp", "rtsps"):
        options["rtsp_transport"] = rtsp_transport
    if terms.scheme in _WEBCAMS:
        _require_system(terms.scheme)
    container = av.open(terms.address, format=terms.format, options=options, timeout=(OPEN_S, READ_S))
    try:
        return container, _video(container)
    except InputError:
        container.close()
        raise


def _require_system(scheme: str) -> None:
    if sys.platform != _WEBCAMS[scheme]:
        there = next((name for name in ("v4l2", *OTHER_WEBCAMS) if _WEBCAMS[name] == sys.platform), None)
        raise InputError(f"there is no {scheme} on this system" + (f": give {there}:..." if there else ""))


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
    codec.options = {"max_pixels": str(MOST_PIXELS)}  # its size may change later
    return stream
