"""The one way to open what moves, whatever it is: a video, an animation, or a picture, which is shown for ever."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from jellyfish.media.contents import Contents, seen_width
from jellyfish.media.files import require_file
from jellyfish.media.moving_picture import PictureReader
from jellyfish.media.picture import identified, is_jpeg_stream
from jellyfish.media.upright import upright
from jellyfish.media.video import VideoReader


class Footage(Protocol):
    """An open file of frames; for one thread."""

    contents: Contents

    @property
    def seeks(self) -> bool:
        """Whether a frame far ahead can be had without all before it."""
        ...

    def read_from(self, wanted: int) -> Iterator[tuple[int, av.VideoFrame]]:
        """(number, decoded frame) in order, beginning with the one on show at `wanted` or an earlier one.

        Numbers rise; what cannot be decoded is left out. It ends what was read before.
        """
        ...

    def close(self) -> None:
        """Close the file."""
        ...


def open_footage(path: Path, contents: Contents | None = None) -> Footage:
    """Open the file at `path`. `contents`: what another reader of it has found, which is then not looked for again.

    Raises InputError for a missing file, one that is neither video nor picture, and one with nothing to decode.
    """
    require_file(path, "video file")
    image = identified(path)
    if image is None:
        return VideoReader(path, contents)
    image.close()
    return VideoReader(path, contents) if is_jpeg_stream(path) else PictureReader(path, contents)


def seen(frame: av.VideoFrame, contents: Contents) -> NDArray[np.uint8]:
    """The RGB image [height, width, 3] of a decoded frame, as a person sees it.

    Any number of threads may ask for that of the same frame: the frame's own converter, which `to_ndarray(format=...)`
    uses, is one for all of them, and crashes.
    """
    width = seen_width(frame.width, contents.aspect)
    image = VideoReformatter().reformat(frame, width, format="rgb24").to_ndarray().astype(np.uint8, copy=False)
    return upright(image, contents.orientation)
