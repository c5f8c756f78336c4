"""Motion between frames: dense optical flow on a small grey image, and boxes carried along it. Pure.

Knows pixels and boxes; what the boxes hold, and who found them, it may not know. Everything is a share of the frame.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float32]
"""[n, 4] left, top, right, bottom as shares of the frame."""

Flow = NDArray[np.float32]
"""[rows, columns, 2] how far what is here has moved since the frame before, to the right and down, as shares."""

_WIDTH, _HEIGHT = 320, 180
"""Of the grey image. At half of it boxes carried on for 12 frames fitted much worse; flow that is twice as fine gains
little more and takes three times as long.
"""

_FINEST_SCALE = 1
_PATCH_SIZE, _PATCH_STRIDE = 5, 4
"""Flow is solved at half the grey image's resolution, in small patches: boxes carried along the preset's quarter, in
patches of 8, fitted worse.
"""

_FLOW_STEP = 4
"""One of so many pixels of the flow is kept: it is smooth, and a history of it has to be held."""

_SAMPLES = 6
"""The flow of a box is read at so many columns and rows, an even number: a pair for each distance to the middle."""

_INNER = 0.7
"""Share of the box they span: its rim shows more of the background than of the object."""

_GROWTH = 0.05
"""Most by which a box grows or shrinks from one frame to the next; more is an error of the flow."""

_PATCH = 8
"""Rows and columns of a patch."""

PATCH_PIXELS = _PATCH * _PATCH

_FLAT = 3.0
"""Contrast, in grey levels, below which a patch has no pattern of its own to be known by."""

_PLACES = ((np.arange(_SAMPLES) + 0.5) / _SAMPLES - 0.5).astype(np.float32) * _INNER
"""[samples] where they are read, from the box's middle as shares of its size."""


_GRID = ((np.arange(_PATCH) + 0.5) / _PATCH).astype(np.float32)


class View(NamedTuple):
    """A frame as motion sees it."""

    grey: NDArray[np.uint8]
    """[180, 320]"""
    flow: Flow
    """From the frame before to this one; zero at the first frame."""


class Motion:
    """Optical flow from each frame to the next (Kroeger et al., Fast Optical Flow using Dense Inverse Search, 2016)."""

    def __init__(self) -> None:
        self._search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._search.setFinestScale(_FINEST_SCALE)
        self._search.setPatchSize(_PATCH_SIZE)
        self._search.setPatchStride(_PATCH_STRIDE)
        self._before: NDArray[np.uint8] | None = None

    def see(self, image: NDArray[np.uint8]) -> View:
        """The next frame, RGB [height, width, 3] of any size."""
        small = cv2.resize(image, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_AREA)
        grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
        before, self._before = self._before, grey
        if before is None:
            return View(grey, np.zeros((_HEIGHT // _FLOW_STEP, _WIDTH // _FLOW_STEP, 2), np.float32))
        pixels = np.zeros((_HEIGHT, _WIDTH, 2), np.float32)
        self._search.calc(before, grey, pixels)
        kept = pixels[_FLOW_STEP // 2 :: _FLOW_STEP, _FLOW_STEP // 2 :: _FLOW_STEP]
        return View(grey, np.asarray(kept / (_WIDTH, _HEIGHT), np.float32))


def carried(boxes: Boxes, flow: Flow) -> Boxes:
    """The boxes where `flow` takes them: moved by the median within each, grown by the median stretch.

    The stretch is how much points on opposite sides of the middle move apart (as in MedianFlow, Kalal et al., 2010).
    """
    if not len(boxes):
        return boxes
    size = boxes[:, 2:] - boxes[:, :2]
    moved = _sampled(boxes, flow)
    shift = np.median(moved.reshape(len(boxes), -1, 2), axis=1)
    growth = np.clip(_stretch(moved, size), -_GROWTH, _GROWTH)[:, None] * size / 2
    there: Boxes = (boxes + np.concatenate([shift - growth, shift + growth], axis=1)).astype(np.float32)
    return there


def patches(grey: NDArray[np.uint8], boxes: Boxes) -> NDArray[np.float32]:
    """[n, 64] what each box looks like: a coarse grid of its pixels, of mean 0 and norm 1 (flat ones below)."""
    rows, columns = grey.shape
    points = boxes[:, None, :2] + (boxes[:, None, 2:] - boxes[:, None, :2]) * _GRID[:, None]
    column = np.clip(points[..., 0] * columns, 0, columns - 1).astype(np.intp)
    row = np.clip(points[..., 1] * rows, 0, rows - 1).astype(np.intp)
    pixels = grey[row[:, :, None], column[:, None, :]].reshape(len(boxes), _PATCH * _PATCH).astype(np.float32)
    pixels -= pixels.mean(axis=1, keepdims=True)
    contrast = np.linalg.norm(pixels, axis=1, keepdims=True)
    looks: NDArray[np.float32] = pixels / np.maximum(contrast, _PATCH * _FLAT)
    return looks


def likeness(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """[n] correlation of patches [n, 64] one by one, -1..1."""
    correlation: NDArray[np.float32] = (first * second).sum(axis=1)
    return correlation


def _sampled(boxes: Boxes, flow: Flow) -> NDArray[np.float32]:
    """[n, rows, columns, 2] flow within each box; what lies outside the frame moves as its border does."""
    middle, size = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    rows, columns = flow.shape[:2]
    points = middle[:, None] + size[:, None] * _PLACES[:, None]
    column = np.clip(points[..., 0] * columns, 0, columns - 1).astype(np.intp)
    row = np.clip(points[..., 1] * rows, 0, rows - 1).astype(np.intp)
    sampled: NDArray[np.float32] = flow[row[:, :, None], column[:, None, :]]
    return sampled


def _stretch(moved: NDArray[np.float32], size: NDArray[np.float32]) -> NDArray[np.float32]:
    """[n] by which share each box grows, from the flow [n, rows, columns, 2] within it."""
    half = _SAMPLES // 2
    distance = (_PLACES[half:] - _PLACES[:half][::-1]) * np.maximum(size, 1e-6)[:, :, None]
    across = (moved[:, :, half:, 0] - moved[:, :, :half, 0][:, :, ::-1]) / distance[:, 0, None, :]
    along = (moved[:, half:, :, 1] - moved[:, :half, :, 1][:, ::-1]) / distance[:, 1, :, None]
    apart = np.concatenate([across.reshape(len(size), -1), along.reshape(len(size), -1)], axis=1)
    stretch: NDArray[np.float32] = np.median(apart, axis=1)
    return stretch
