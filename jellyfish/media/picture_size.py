"""How large a picture is, by its header: before the work of decoding it."""

from __future__ import annotations

import warnings
from pathlib import Path

from PIL import ExifTags, Image

from jellyfish.errors import InputError

_ON_ITS_SIDE = range(5, 9)
"""EXIF orientations by which a picture is seen as high as it is stored wide."""


def picture_size(path: Path) -> tuple[int, int]:
    """(width, height) as a person sees it. InputError if the file is no picture or has too many pixels to decode."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                return _seen(image)
    except Image.DecompressionBombError as error:
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0) / 1e6
        raise InputError(f"cannot read {path}: it has over {most:.0f} million pixels, which is too many") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error


def _seen(image: Image.Image) -> tuple[int, int]:
    width, height = image.size
    if image.format == "TIFF":  # tells it so by itself
        return width, height
    notes = Image.Image.getexif(image)  # that of a PNG would decode it first, in case notes come after its pixels
    return (height, width) if notes.get(ExifTags.Base.Orientation) in _ON_ITS_SIDE else (width, height)
