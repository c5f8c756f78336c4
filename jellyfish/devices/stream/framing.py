"""Messages as bytes and back. Pure: filled by whoever reads, and never holds more than one message.

A message is the length of its text and that of what follows it (4 bytes each, most significant first), the text in
msgpack, and the bytes of a batch's images. What is read goes straight to where it stays: images are views into that.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Generic, NamedTuple, TypeVar

import msgspec

from jellyfish.devices.stream.messages import FromFront, FromWorker, SentImage

_LENGTHS = struct.Struct(">II")
BEFORE_OPEN_BYTES = 16_384
"""The longest message of somebody who has not shown who he is."""
MOST_BYTES = 256 * 1024**2
"""The longest of all: a batch of the largest frames."""
Said = TypeVar("Said")
_encoder = msgspec.msgpack.Encoder()


class StreamError(Exception):
    """The other end does not speak this protocol, in words."""


class Message(NamedTuple, Generic[Said]):
    """What was said, and what came with it."""

    said: Said
    images: memoryview


def encoded(said: FromFront | FromWorker, images: int = 0) -> bytes:
    """All of a message but its `images` bytes, which follow."""
    text = _encoder.encode(said)
    return _LENGTHS.pack(len(text), images) + text


class Framing(Generic[Said]):
    """One direction of a stream, read. `most_bytes` may be raised at any time."""

    def __init__(self, decoder: msgspec.msgpack.Decoder[Said], most_bytes: int = MOST_BYTES) -> None:
        self._decoder = decoder
        self.most_bytes = most_bytes
        self._text: int | None = None
        """Length of the text of the message that is being read; None while its lengths are."""
        self._begin(_LENGTHS.size)

    def _begin(self, size: int) -> None:
        self._part, self._filled = memoryview(bytearray(size)), 0

    def room(self) -> memoryview:
        """Where the next bytes are to be put; never empty."""
        return self._part[self._filled :]

    def filled(self, count: int) -> Message[Said] | None:
        """So many bytes were put there; the message that is whole by that. StreamError for what is none."""
        self._filled += count
        if self._filled < len(self._part):
            return None
        if self._text is None:
            self._text, images = _LENGTHS.unpack(self._part)
            if not 0 < self._text + images <= self.most_bytes or not self._text:
                raise StreamError(f"a message of {self._text + images} bytes; at most {self.most_bytes} are taken")
            self._begin(self._text + images)
            return None
        text, self._text = self._text, None
        whole = self._part
        self._begin(_LENGTHS.size)
        try:
            return Message(self._decoder.decode(whole[:text]), whole[text:])
        except msgspec.MsgspecError as error:
            raise StreamError(f"no message of this protocol: {error}") from error


def images_of(sent: tuple[SentImage, ...], images: memoryview) -> Iterator[memoryview]:
    """The bytes of each image. StreamError where there are not as many as was said."""
    if sum(each.size_bytes for each in sent) != len(images) or any(each.size_bytes < 0 for each in sent):
        raise StreamError(f"{len(images)} bytes of images where {sum(each.size_bytes for each in sent)} were announced")
    start = 0
    for each in sent:
        yield images[start : start + each.size_bytes]
        start += each.size_bytes


def front_framing() -> Framing[FromWorker]:
    """What a front reads by."""
    return Framing(msgspec.msgpack.Decoder(FromWorker))


def worker_framing() -> Framing[FromFront]:
    """What a worker reads by, until it knows who is there."""
    return Framing(msgspec.msgpack.Decoder(FromFront), BEFORE_OPEN_BYTES)
