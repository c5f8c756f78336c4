"""Augmentation: a frame and its objects -> a canvas that could have come from another camera.

The last steps are those of service: scaled to the resolution, JPEG, a black canvas. Pure functions of the
frame and a random generator.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from jellyfish.core import LabelledObject
from jellyfish.media.jpeg import decode_jpeg, encode_jpeg
from jellyfish.media.resize import PADDING, fit
from jellyfish.models.slimmable.street import input_size

_LEAST_SIDE_PIXELS = 2.0
"""An object whose longer side is below this on the canvas is not asked for."""

_LEAST_SHARE_LEFT = 0.4
"""An object of which a crop leaves less is not asked for."""

Image = NDArray[np.uint8]
"""RGB [h, w, 3]."""

LabelledFrame = tuple[Image, Sequence[LabelledObject]]
"""An image and the objects that are truly in it."""


class Sample(NamedTuple):
    """One canvas and its objects, sides in pixels of the canvas."""

    canvas: Image
    label: NDArray[np.int64]
    sides: NDArray[np.float32]
    ignore: NDArray[np.bool_]


def augment(frames: Sequence[LabelledFrame], resolution: int, random: np.random.Generator) -> Sample:
    """A canvas with one frame, or several side by side, each cropped at a random scale, mirrored and recoloured;
    then blurred, noisy and compressed as a whole.
    """
    width, height = msgspec.structs.astuple(input_size(resolution))
    edges = [round(width * share) for share in _edges(len(frames), random)]
    parts = []
    for (image, objects), left, right in zip(frames, edges, edges[1:], strict=False):
        part = _augment_part(image, objects, (height, right - left), random)
        parts.append(part._replace(sides=part.sides + np.array([left, 0] * 2, dtype=np.float32)))
    canvas = soften(np.concatenate([part.canvas for part in parts], axis=1), random)
    return Sample(
        through_jpeg(canvas, quality=int(random.integers(60, 97))),
        np.concatenate([part.label for part in parts]),
        np.concatenate([part.sides for part in parts]),
        np.concatenate([part.ignore for part in parts]),
    )


def _edges(parts: int, random: np.random.Generator) -> list[float]:
    """Where the parts of a canvas begin and end, as shares of its width: none is narrower than half its fair share."""
    shares = random.uniform(0.5, 1.5, size=parts)
    return [0.0, *(np.cumsum(shares) / shares.sum())]


def _augment_part(
    image: Image, objects: Sequence[LabelledObject], size: tuple[int, int], random: np.random.Generator
) -> Sample:
    """One frame on a canvas of (height, width)."""
    if random.random() < 0.4:  # what a video codec leaves of it
        image = through_jpeg(image, quality=int(random.integers(25, 80)))
    canvas, sides = _crop(image, _sides(objects), size, random)
    if random.random() < 0.5:
        canvas = canvas[:, ::-1]
        sides[:, [0, 2]] = canvas.shape[1] - sides[:, [2, 0]]
    label = np.array([o.label for o in objects], dtype=np.int64)
    ignore = np.array([o.ignore for o in objects], dtype=bool)
    return _visible(recolour(canvas, random), label, sides, ignore)


def through_jpeg(image: Image, quality: int) -> Image:
    """What is left of the image after JPEG."""
    return decode_jpeg(encode_jpeg(image, quality), max_width=image.shape[1], max_height=image.shape[0])


def _sides(objects: Sequence[LabelledObject]) -> NDArray[np.float32]:
    """[m, 4] left, top, right, bottom, normalised to the frame."""
    return np.array([(o.left, o.top, o.right, o.bottom) for o in objects], dtype=np.float32).reshape(-1, 4)


def _crop(
    image: Image, sides: NDArray[np.float32], size: tuple[int, int], random: np.random.Generator
) -> tuple[Image, NDArray[np.float32]]:
    """Scale the frame by a random factor over the canvas and cut out, or pad to, the canvas of (height, width).

    Now and then as in service: just fitted, at the top left. Returns the canvas and the sides in its
    pixels (they may reach beyond it).
    """
    height, width = size
    scale = min(width / image.shape[1], height / image.shape[0])
    scaled = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    offset = (0, 0)
    if random.random() < 0.75:
        zoom, aspect = np.exp(random.uniform(np.log(0.65), np.log(1.8))), np.exp(random.uniform(-0.1, 0.1))
        scaled = (max(1, round(scaled[0] * zoom * aspect)), max(1, round(scaled[1] * zoom / aspect)))
        offset = (_offset(width - scaled[0], random), _offset(height - scaled[1], random))
    sides = sides * np.array(scaled * 2, dtype=np.float32) + np.array(offset * 2, dtype=np.float32)
    return _paste(fit(image, *scaled), offset, (height, width)), sides


def _offset(room: int, random: np.random.Generator) -> int:
    """Anywhere that keeps the smaller of picture and canvas inside the larger, along one axis."""
    return int(random.integers(min(0, room), max(0, room), endpoint=True))


def _paste(image: Image, offset: tuple[int, int], size: tuple[int, int]) -> Image:
    """A black canvas of (height, width) with the part of the image that meets it, placed at (x, y)."""
    canvas = np.full((*size, 3), PADDING, dtype=np.uint8)
    left, top = max(offset[0], 0), max(offset[1], 0)
    part = image[top - offset[1] : size[0] - offset[1], left - offset[0] : size[1] - offset[0]]
    canvas[top : top + part.shape[0], left : left + part.shape[1]] = part
    return canvas


def recolour(canvas: Image, random: np.random.Generator) -> Image:
    """Another exposure, contrast and white balance, one table per channel; now and then no colour."""
    gamma = np.exp(random.uniform(-0.25, 0.25))
    if random.random() < 0.1:  # low light
        gamma *= random.uniform(1.2, 2.0)
    gain = np.exp(random.uniform(-0.2, 0.2)) * np.exp(random.uniform(-0.08, 0.08, size=3))
    levels = (np.arange(256)[:, None] / 255) ** gamma * gain[None, :] * 255 + random.uniform(-12, 12)
    table = levels.clip(0, 255).astype(np.uint8).reshape(256, 1, 3)
    canvas = np.asarray(cv2.LUT(np.ascontiguousarray(canvas), table), dtype=np.uint8)
    if random.random() < 0.1:
        grey = cv2.cvtColor(canvas, cv2.COLOR_RGB2GRAY)
        pale = cv2.addWeighted(canvas, 0.3, cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB), 0.7, 0)
        canvas = np.asarray(pale, dtype=np.uint8)
    return canvas


def soften(canvas: Image, random: np.random.Generator) -> Image:
    """Now and then blur, a smaller picture scaled up again (as back-off sends it), or sensor noise."""
    kind = random.random()
    if kind < 0.1:
        canvas = np.asarray(cv2.GaussianBlur(canvas, (0, 0), random.uniform(0.4, 1.0)), dtype=np.uint8)
    elif kind < 0.25:
        size = (canvas.shape[1], canvas.shape[0])
        factor = random.uniform(0.6, 0.95)
        smaller = cv2.resize(canvas, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        canvas = np.asarray(cv2.resize(smaller, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
    elif kind < 0.4:
        noise = random.integers(-10, 11, size=canvas.shape, dtype=np.int16)
        canvas = (canvas + noise).clip(0, 255).astype(np.uint8)
    return canvas


def _visible(canvas: Image, label: NDArray[np.int64], sides: NDArray[np.float32], ignore: NDArray[np.bool_]) -> Sample:
    """Cut the objects at the canvas; drop those outside, ignore those of which too little is left."""
    whole = (sides[:, 2:] - sides[:, :2]).prod(axis=1)
    limits = np.array([canvas.shape[1], canvas.shape[0]] * 2, dtype=np.float32)
    cut = sides.clip(0, limits).astype(np.float32)
    size = cut[:, 2:] - cut[:, :2]
    left = size.prod(axis=1)
    ignore = ignore | (left < _LEAST_SHARE_LEFT * whole) | (size.max(axis=1, initial=0) < _LEAST_SIDE_PIXELS)
    kept = (size > 0).all(axis=1)
    return Sample(canvas, label[kept], cut[kept], ignore[kept])
