"""What a source's reader, a process of its own, is told and tells: its length (4 bytes, big-endian) and msgpack."""

from __future__ import annotations

import msgspec

from jellyfish.core import InputSize

LENGTH_BYTES = 4


class OpenSource(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """To the reader: open this, and show what comes of it. Once more after each `SourceFailed`."""

    url: str
    rtsp_transport: str = "tcp"
    rotate: int | None = None
    fps: float | None = None
    """Others are left out; a folder of pictures is shown at this pace."""
    folders: tuple[str, ...] | None = None
    """Files are opened below these alone; None: any."""

    def __repr__(self) -> str:
        return "OpenSource(...)"


class MakeJpeg(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """To the reader: the JPEG of a frame that it has shown, for a network that takes `size`."""

    frame: int
    size: InputSize


class SourceOpened(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """From the reader: it is open. What it is, in words."""

    words: str


class FrameShown(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """From the reader: a frame is here, and was captured then, by the machine's clock (`time.monotonic`)."""

    frame: int
    captured_s: float
    came_s: float
    """When it was here, all of it."""
    width: int
    """As a person sees it, likewise:"""
    height: int
    delay_s: float | None = None
    """How old frames are when they come, at the least, as the camera's own wall clock tells; None where it does not."""


class JpegMade(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """From the reader: a JPEG that was asked for; empty where the frame is not kept any more, or cannot be made one."""

    frame: int
    data: bytes


class SourceFailed(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """From the reader: the source could not be opened, or has ended. Why, without credentials."""

    words: str


ToReader = OpenSource | MakeJpeg
FromReader = SourceOpened | FrameShown | JpegMade | SourceFailed

_ENCODER = msgspec.msgpack.Encoder()
TO_READER = msgspec.msgpack.Decoder(ToReader)
FROM_READER = msgspec.msgpack.Decoder(FromReader)


def packed(message: ToReader | FromReader) -> bytes:
    """`message` with its length before it."""
    body = _ENCODER.encode(message)
    return len(body).to_bytes(LENGTH_BYTES) + body
