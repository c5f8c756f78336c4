"""From any form of a single image to its pixels. All of it may run in worker threads."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL.PngImagePlugin import PngImageFile

from jellyfish.core import InputSize
from jellyfish.errors import ImageError
from jellyfish.media.jpeg import decode_jpeg
from jellyfish.media.png_header import decodable_png, read_png_header
from jellyfish.media.still import Pixels, Png, Still


def decode_still(still: Still, max_side: int, size: InputSize | None = None) -> NDArray[np.uint8]:
    """The RGB image [height, width, 3], read-only. ImageError as of `decode_jpeg`, whatever form it has.

    `size`: a JPEG that is much larger is decoded at a part of its size. Of a PNG transparency is left out.
    """
    if isinstance(still, Pixels):
        _require_size(still.rgb.shape[1], still.rgb.shape[0], max_side)
        return np.ascontiguousarray(still.rgb)
    if isinstance(still, Png):
        return _decode_png(still.data, max_side)
    return decode_jpeg(still, max_side, max_side, size)


def _decode_png(data: bytes, max_side: int) -> NDArray[np.uint8]:
    header = read_png_header(data)
    _require_size(header.width, header.height, max_side)
    try:
        return np.asarray(PngImageFile(io.BytesIO(decodable_png(data, header))).convert("RGB"), np.uint8)
    except Exception as error:  # Pillow's parser fails with almost any exception on arbitrary bytes.
        raise ImageError("bad_image", f"the PNG is truncated or broken: {error}") from error


def _require_size(width: int, height: int, max_side: int) -> None:
    if max(width, height) > max_side:
        raise ImageError(
            "image_too_large", f"the image is {width} x {height} pixels; at most {max_side} x {max_side} are taken"
        )
