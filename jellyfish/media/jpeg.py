"""JPEG in and out. Knows nothing of the stream that carries it; all functions may run in worker threads.

Pillow decodes: it raises on truncated data and is silent about damaged data, where libjpeg behind other decoders writes
to standard error for every bad frame a client sends. All of the pixel work runs without the interpreter lock.
"""

from __future__ import annotations

import io

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL.JpegImagePlugin import JpegImageFile

from jellyfish.core import InputSize
from jellyfish.errors import ImageError
from jellyfish.media.jpeg_header import decodable, read_header
from jellyfish.media.orientation import SIDEWAYS, UPRIGHT
from jellyfish.media.upright import upright


def encode_jpeg(image: NDArray[np.uint8], quality: int = 90) -> bytes:
    """An RGB image [height, width, 3] as JPEG, quality 1..100."""
    done, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ImageError("bad_image", f"cannot encode an image of shape {image.shape} as JPEG")
    return data.tobytes()


def decode_jpeg(data: bytes, max_width: int, max_height: int, size: InputSize | None = None) -> NDArray[np.uint8]:
    """The RGB image [height, width, 3], read-only, as a person sees it: what its EXIF note says of that is honoured.

    One that is much larger than `size` is decoded at a half, a quarter or an eighth, which takes less, and no smaller
    than it would be fitted in there. How large it is is read from the header and checked
    before any pixel is decoded. Raises ImageError with the reason `image_too_large`, or `bad_image` for data that is no
    JPEG, truncated or broken. A flipped bit within the compressed pixels often still is a valid JPEG, which no decoder
    can tell.
    """
    header = read_header(data)
    width, height = header.seen
    if width > max_width or height > max_height:
        raise ImageError(
            "image_too_large", f"the image is {width} x {height} pixels; at most {max_width} x {max_height} are taken"
        )
    file = _open(decodable(data, header))
    if size is not None:
        fitted = size.fitted(width, height)
        file.draft(None, fitted[::-1] if header.orientation >= SIDEWAYS else fitted)
    try:
        image = np.asarray(file if file.mode == "RGB" else file.convert("RGB"), np.uint8)
    except (OSError, SyntaxError, ValueError) as error:
        raise ImageError("bad_image", f"the JPEG is truncated or broken: {error}") from error
    return image if header.orientation == UPRIGHT else upright(image, header.orientation)


def _open(data: bytes) -> JpegImageFile:
    """Parse the header. Not by Image.open: its limit on pixels would hide the true size of a huge image."""
    try:
        return JpegImageFile(io.BytesIO(data))
    except Exception as error:  # Pillow's parser fails with almost any exception on arbitrary bytes.
        raise ImageError("bad_image", f"{len(data)} bytes that are not a JPEG: {error}") from error
