"""From a request's input to the images that are meant."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jellyfish.media.png_header import PNG_SIGNATURE
from jellyfish.media.still import Pixels, Png, Still
from jellyfish.protocol.inference.asked import IMAGE, PIXELS
from jellyfish.protocol.inference.codes import bad
from jellyfish.protocol.inference.tensors import BYTES, Tensor

_COLOURS = 3


def stills_of(inputs: tuple[Tensor, ...], most: int) -> tuple[Still, ...]:
    """The images, up to `most`. RequestError that says what a request has to have."""
    if len(inputs) != 1 or inputs[0].name not in (IMAGE, PIXELS):
        names = ", ".join(tensor.name[:40] for tensor in inputs) or "none"
        raise bad(
            f"a request has one input: `{IMAGE}`, BYTES, JPEG or PNG files, or `{PIXELS}`, UINT8, NHWC or NCHW; "
            f"this one has {names}"
        )
    tensor = inputs[0]
    found = _files(tensor) if isinstance(tensor.data, tuple) else _pixels(tensor)
    if not 1 <= len(found) <= most:
        raise bad(f"{tensor.name}: 1 to {most} images are taken in a request, not {len(found)}")
    return found


def _files(tensor: Tensor) -> tuple[Still, ...]:
    if len(tensor.shape) > 2 or (len(tensor.shape) == 2 and tensor.shape[1] != 1):
        raise bad(f"{tensor.name}: {BYTES} has the shape [N] or [N, 1], a file each, not {list(tensor.shape)}")
    assert isinstance(tensor.data, tuple)
    return tuple(Png(data) if data.startswith(PNG_SIGNATURE) else data for data in tensor.data)


def _pixels(tensor: Tensor) -> tuple[Still, ...]:
    """NHWC where the last side is of colours, else NCHW; without N: one image."""
    data = tensor.data
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8:
        raise bad(f"{tensor.name}: pixels are UINT8, 0 to 255, not {tensor.datatype}")
    images = _in_rows(data[None] if data.ndim == _COLOURS else data)
    if images is None or min(images.shape[1:3]) < 1:
        raise bad(
            f"{tensor.name}: RGB images have the shape [N, height, width, 3] or [N, 3, height, width], "
            f"not {list(tensor.shape)}"
        )
    return tuple(Pixels(image) for image in images)


def _in_rows(images: NDArray[Any]) -> NDArray[np.uint8] | None:
    if images.ndim != 4 or _COLOURS not in (images.shape[3], images.shape[1]):
        return None
    return images if images.shape[3] == _COLOURS else images.transpose(0, 2, 3, 1)
