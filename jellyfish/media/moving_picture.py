"""Pictures that move: animated PNG, WebP, GIF and AVIF, and the pages of a TIFF, read like a video."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from jellyfish.media.contents import Contents
from jellyfish.media.picture import as_a_person_sees_it, known_picture, pages, unreadable
from jellyfish.media.timeline import timeline

_TICK_S = Fraction(1, 1000)
_UNTIMED_TICKS = 100
"""A picture is shown so long that does not say how long, as browsers do."""


class PictureReader:
    """An open file of one picture or more. Raises InputError if none of them can be decoded."""

    seeks = True

    def __init__(self, path: Path, contents: Contents | None = None) -> None:
        """`contents`: what another reader of the same file has found."""
        with known_picture(path) as image:
            self._pages, self._whole = pages(image)
        self._path, self._image = path, known_picture(path)
        try:
            self.contents = contents or self._look_through()
        except BaseException:
            self.close()
            raise

    def read_from(self, wanted: int) -> Iterator[tuple[int, av.VideoFrame]]:
        """The pictures from number `wanted` on; those that cannot be decoded are left out."""
        first = wanted
        while first and first in self.contents.missing:
            first -= 1
        for number in range(first, self.contents.timeline.frames):
            if number in self.contents.missing:
                continue
            yield number, av.VideoFrame.from_ndarray(self._decode(number), format="rgb24")

    def close(self) -> None:
        """Close the file."""
        self._image.close()

    def _decode(self, number: int) -> NDArray[np.uint8]:
        if self._pages[number] < self._image.tell():  # going back confuses Pillow
            self._image.close()
            self._image = known_picture(self._path)
        self._image.seek(self._pages[number])
        return as_a_person_sees_it(self._image)

    def _look_through(self) -> Contents:
        """Decode all: some say how long they are shown only then."""
        ticks: list[int] = []
        error: Exception | None = None
        begin, duration, size = 0, _UNTIMED_TICKS, (0, 0)
        for number in range(len(self._pages)):
            try:
                height, width, _ = self._decode(number).shape
            except Exception as broken:  # Pillow's parsers fail with almost any exception on arbitrary bytes
                error = broken
                break
            size = size if ticks else (width, height)
            ticks.append(begin)
            duration = round(self._image.info.get("duration") or 0) or _UNTIMED_TICKS
            begin += duration
        if not ticks:
            raise unreadable(self._path, error or ValueError("there is no picture in it"))
        whole = self._whole and len(ticks) == len(self._pages)
        cut_off = "" if whole else f"it is cut off or damaged behind picture {len(ticks)}"
        return Contents(timeline(ticks, _TICK_S, duration, ()), *size, cut_off=cut_off)
