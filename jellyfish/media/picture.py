"""Image files in and out, as RGB arrays; pictures that move are played by `moving_picture`."""

from __future__ import annotations

import contextlib
import itertools
import mmap
import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from jellyfish.errors import ImageError, InputError
from jellyfish.media.files import require_file
from jellyfish.media.jpeg_header import read_header
from jellyfish.whole_files import written_whole

MOST_PIXELS = 178_956_970
"""Of a picture that is decoded: what Pillow takes at most, which is half a gigabyte in RGB."""
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF", "BMP", "DIB", "JPEG2000", "PPM", "QOI", "ICO", "PCX", "SGI")
"""Others are too much like something else (MPEG), or run programs (EPS)."""
_NEXT_JPEG = re.compile(rb"\xff\xd9[\x00\n\r]{0,16}(?=\xff\xd8\xff)")
_HEADER_BYTES, _GIF_TAIL_BYTES = 1 << 20, 64
_SEVERAL_PICTURES = b"MPF\0"
"""A note in photographs that come with copies: for the left and the right eye, or in other sizes."""
_SUBFILE_TYPE, _A_THUMBNAIL = 254, 1
"""A TIFF's tag and its bit for a page that is another one, smaller."""


def is_picture(path: Path) -> bool:
    """Whether the file at `path` is a still image, by its content. InputError if it cannot be read."""
    image = identified(path)
    if image is None:
        return False
    with image:
        return not moves(image) and not is_jpeg_stream(path)


def identified(path: Path) -> Image.Image | None:
    """The open file of one picture or several, of which nothing is decoded yet; None if it is something else."""
    require_file(path, "file")
    try:
        with _quiet():
            return Image.open(path, formats=_FORMATS)
    except UnidentifiedImageError:
        return None
    except Image.DecompressionBombError as error:
        raise InputError(f"{path} has over {MOST_PIXELS / 1e6:.0f} million pixels, which is too many") from error
    except Exception as error:  # Pillow's parsers fail with almost any exception on arbitrary bytes; likewise below
        raise unreadable(path, error) from error


def moves(image: Image.Image) -> bool:
    """Whether there are several pictures to be shown after each other."""
    if image.format == "MPO" or not getattr(image, "is_animated", False):
        return False  # MPO: a photograph and its copies
    return image.format != "TIFF" or len(pages(image).numbers) > 1


class Pages(NamedTuple):
    """Of a file."""

    numbers: list[int]
    """Of the pictures that are to be shown."""
    whole: bool
    """Whether the file goes on to its end."""


def pages(image: Image.Image) -> Pages:
    """Of an open picture, which is to be closed then: it may be anywhere."""
    if image.format == "TIFF":
        return _tiff_pages(image)
    frames = range(int(getattr(image, "n_frames", 1)))
    hidden = image.format == "PNG" and getattr(image, "default_image", False)  # for who cannot show the others
    return Pages(list(frames[1:] if hidden else frames), whole=image.format != "GIF" or _gif_ends(image))


def _gif_ends(image: Image.Image) -> bool:
    with Path(str(getattr(image, "filename", ""))).open("rb") as file:
        file.seek(-min(_GIF_TAIL_BYTES, file.seek(0, os.SEEK_END)), os.SEEK_END)
        return b"\0;" in file.read()  # some write more behind it


def _tiff_pages(image: Image.Image) -> Pages:
    kept: list[int] = []
    for number in itertools.count():
        try:
            with _quiet():
                image.seek(number)
        except EOFError:
            break
        except Exception:
            return Pages(kept, whole=False)
        if not int(getattr(image, "tag_v2", {}).get(_SUBFILE_TYPE, 0)) & _A_THUMBNAIL:
            kept.append(number)
    return Pages(kept, whole=True)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Pillow warns of much that is raised or told otherwise. Not for worker threads: filters are the process's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def is_jpeg_stream(path: Path) -> bool:
    """Whether a JPEG is followed by others as large: frames of a camera, not a photograph with a preview."""
    with path.open("rb") as file:
        if file.read(3) != b"\xff\xd8\xff":
            return False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            found = _NEXT_JPEG.search(data)
            if found is None:
                return False
            try:
                first, second = read_header(data[:_HEADER_BYTES]), read_header(data[found.end() :][:_HEADER_BYTES])
            except ImageError:
                return False
            before_pixels = data[: first.kept[-1][0]]
    return _SEVERAL_PICTURES not in before_pixels and first.seen == second.seen


def known_picture(path: Path) -> Image.Image:
    """The file as an open picture, not yet decoded. InputError if it is none."""
    image = identified(path)
    if image is None:
        raise InputError(f"cannot read {path}: it is no picture of a known kind, such as JPEG or PNG")
    return image


def read_picture(path: Path) -> NDArray[np.uint8]:
    """The image [height, width, 3] in RGB, the right way up. InputError if it cannot be read or decoded."""
    with known_picture(path) as image:
        try:
            return as_a_person_sees_it(image)
        except Exception as error:
            raise unreadable(path, error) from error


def as_a_person_sees_it(image: Image.Image) -> NDArray[np.uint8]:
    """The pixels of an open picture, at the page that it is at. Raises what Pillow does; ValueError for odd kinds."""
    image.load()
    upright = ImageOps.exif_transpose(image)
    if upright.mode in ("F", "I") or upright.mode.startswith("I;16"):
        return _from_deep(np.asarray(upright))
    return np.asarray(upright.convert("RGB"), np.uint8)


def _from_deep(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Grey of 16 bits as RGB. Wider values have no agreed white."""
    if values.dtype.kind == "f" or values.min() < 0 or values.max() > 0xFFFF:
        raise ValueError("its pixels have 32 bits, and nothing says which is white: save it with 8 or 16")
    grey = (values.astype(np.uint32) + 128) // 257
    return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)


def write_picture(path: Path, image: NDArray[np.uint8]) -> None:
    """Write an RGB image [height, width, 3] in the format that the file's ending names. InputError if that fails."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as place:
            Image.fromarray(image).save(place, quality=92)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot write the image {path}: {getattr(error, 'strerror', None) or error}") from error


def unreadable(path: Path, error: Exception) -> InputError:
    """What to tell of a picture that Pillow fails at."""
    return InputError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}")
