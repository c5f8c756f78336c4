"""Image files in and out, as RGB arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from jellyfish.errors import InputError


def is_picture(path: Path) -> bool:
    """Whether the file at `path` is a still image, by its content. InputError if it cannot be read."""
    try:
        with Image.open(path) as image:
            return image.format == "MPO" or not getattr(image, "is_animated", False)  # MPO: a photograph and its copies
    except UnidentifiedImageError:
        return False
    except (OSError, Image.DecompressionBombError) as error:
        raise _unreadable(path, error) from error


def read_picture(path: Path) -> NDArray[np.uint8]:
    """The image [height, width, 3] in RGB, the right way up. InputError if it cannot be read or decoded."""
    try:
        with Image.open(path) as image:
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"), np.uint8)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise _unreadable(path, error) from error


def write_picture(path: Path, image: NDArray[np.uint8]) -> None:
    """Write an RGB image [height, width, 3] in the format that the file's ending names. InputError if that fails."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path, quality=92)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot write the image {path}: {getattr(error, 'strerror', None) or error}") from error


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}")
