"""What a camera shows and sends: the seam between a camera and the pictures behind it.

A real camera has an encoder of its own (`OwnFrames`). Emulated cameras that show the same clip may share one
(`sources/shared.py`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from jellyfish.core import InputSize, LabelledObject
from jellyfish.media.jpeg import encode_jpeg
from jellyfish.media.resize import fit

_ResultT = TypeVar("_ResultT")

Encode = Callable[[NDArray[np.uint8], InputSize], bytes]
"""(image, what the network takes) -> the bytes of a frame."""


def scaled_jpeg(image: NDArray[np.uint8], size: InputSize) -> bytes:
    """The frame scaled to fit into `size`, as a JPEG of quality 90."""
    width, height = size.fitted(image.shape[1], image.shape[0])
    return encode_jpeg(fit(np.ascontiguousarray(image), width, height))


class FrameSource(Protocol):
    """Where frames come from; called from a worker thread, with times that do not fall."""

    @property
    def labels(self) -> Sequence[Sequence[LabelledObject]] | None:
        """What is truly in each frame, by frame index; None when nobody knows."""
        ...

    @property
    def classes(self) -> Sequence[str]:
        """Names by label of what `labels` hold; empty when nobody knows."""
        ...

    def index_at(self, time_s: float) -> int:
        """Index of the frame shown `time_s` after the start. The one method that is called from the event loop."""
        ...

    def frame_at(self, time_s: float) -> tuple[int, NDArray[np.uint8]]:
        """(frame index, RGB image) shown `time_s` after the start."""
        ...


class Offload(Protocol):
    """Runs a function off the event loop."""

    def __call__(self, function: Callable[..., _ResultT], *arguments: Any) -> Awaitable[_ResultT]:
        """The function's result."""
        ...


class FrameEncoder(Protocol):
    """What makes the bytes of one camera's frames."""

    @property
    def classes(self) -> Sequence[str]:
        """Names by label of the objects that frames are captured with; empty when nobody knows."""
        ...

    async def encoded(self, picture: Any, size: InputSize) -> bytes | None:
        """The bytes to send of a captured picture, for a network that takes `size`; None where they cannot be had."""
        ...

    def expect(self, size: InputSize) -> None:
        """From now on frames will probably be sent for a network that takes `size`."""
        ...


class CameraFrames(FrameEncoder, Protocol):
    """The pictures of one emulated camera."""

    async def at(self, elapsed_s: float, captured_s: float) -> Any:
        """The picture `elapsed_s` after the camera's start, which will be at `captured_s` on the event loop's clock.

        Asked for ahead of that, with times that do not fall.
        """
        ...

    def objects_at(self, elapsed_s: float) -> Sequence[LabelledObject] | None:
        """What is truly there at that time; None when nobody knows."""
        ...


class PictureEncoder:
    """An encoder for this camera alone, of RGB images; it works when it is asked, off the event loop."""

    def __init__(self, offload: Offload, encode: Encode = scaled_jpeg) -> None:
        self._offload, self._encode = offload, encode

    @property
    def classes(self) -> Sequence[str]:
        """See `FrameEncoder.classes`: nobody knows what is in the pictures."""
        return ()

    async def encoded(self, picture: NDArray[np.uint8], size: InputSize) -> bytes:
        """See `FrameEncoder.encoded`; scales and encodes now."""
        return await self._offload(self._encode, picture, size)

    def expect(self, size: InputSize) -> None:
        """Of no concern: nothing is done ahead."""


class OwnFrames(PictureEncoder):
    """A decoder and an encoder for this camera alone; both work when they are asked, off the event loop."""

    def __init__(
        self, source: FrameSource, offload: Offload, encode: Encode = scaled_jpeg, offset_s: float = 0.0
    ) -> None:
        """`offset_s`: the time of the source at which the camera starts."""
        super().__init__(offload, encode)
        self._source, self._offset_s = source, offset_s

    @property
    def classes(self) -> Sequence[str]:
        """See `FrameEncoder.classes`."""
        return self._source.classes

    async def at(self, elapsed_s: float, captured_s: float) -> NDArray[np.uint8]:
        """See `CameraFrames.at`; returns when the image is decoded."""
        _, image = await self._offload(self._source.frame_at, self._offset_s + elapsed_s)
        return image

    def objects_at(self, elapsed_s: float) -> Sequence[LabelledObject] | None:
        """See `CameraFrames.objects_at`."""
        labels = self._source.labels
        return None if labels is None else labels[self._source.index_at(self._offset_s + elapsed_s)]
