"""How large a picture is, by its header: before the work of decoding it."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from jellyfish.media.orientation import SIDEWAYS
from jellyfish.media.picture import known_picture, unreadable

_ORIENTATION, _ON_ITS_SIDE = 0x0112, range(SIDEWAYS, 9)
"""EXIF's tag, and its values for what is seen as high as it is stored wide."""


def picture_size(path: Path) -> tuple[int, int]:
    """(width, height) as a person sees it. InputError if the file is no picture or has too many pixels to decode."""
    with known_picture(path) as image:
        try:
            return _seen(image)
        except (OSError, SyntaxError, ValueError) as error:
            raise unreadable(path, error) from error


def _seen(image: Image.Image) -> tuple[int, int]:
    width, height = image.size
    if image.format == "TIFF":  # tells it so by itself
        return width, height
    notes = Image.Image.getexif(image)  # that of a PNG would decode it first, in case notes come after its pixels
    return (height, width) if notes.get(_ORIENTATION) in _ON_ITS_SIDE else (width, height)
