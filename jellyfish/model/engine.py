"""The engine: images in, detections out, at any variant, on one device.

Each width is folded once at construction; after that a variant is an argument of every call and
switching costs nothing. Knows nothing of queues, deadlines, JPEG or clients. Not thread-safe: one
executor calls it, one batch at a time.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jellyfish.core import RESOLUTIONS, WIDTHS, Detection, Variant, canvas_size
from jellyfish.errors import InputError
from jellyfish.model.boxes import Boxes, grid_points, select
from jellyfish.model.folding import fold
from jellyfish.model.layers import norm_key
from jellyfish.model.weights import Weights

_FOLDED = 1.0
"""A folded network takes a width and has no use for it."""


class DetectorEngine:
    """A detector on a device, ready to run every variant of its weights."""

    def __init__(self, weights: Weights, device: torch.device) -> None:
        self._weights, self._device = weights, device
        detector = weights.detector()
        self._detectors = {norm_key(width): fold(detector, width).to(device) for width in WIDTHS}
        self._points = {resolution: grid_points(*canvas_size(resolution), device) for resolution in RESOLUTIONS}

    def variants(self) -> tuple[Variant, ...]:
        """Every variant that `detect` runs, small resolutions first, narrow before wide."""
        return tuple(Variant(resolution, norm_key(width)) for resolution in RESOLUTIONS for width in WIDTHS)

    def detect(
        self, canvases: NDArray[np.uint8], variant: Variant, score_threshold: float | None = None
    ) -> list[list[Detection]]:
        """Objects in each image of a batch, best score first, at most 100 each.

        `canvases`: [n, canvas height, canvas width, 3] RGB, the frame at the top left and the rest black.
        Sides of the detections are normalised to the canvas. Without a threshold the weights' own for
        this variant applies. Raises InputError if the canvases do not have the variant's size.
        """
        expected = (*canvas_size(variant.resolution), 3)
        if canvases.shape[1:] != expected:
            raise InputError(f"{variant.name} takes images of shape {expected}, not {canvases.shape[1:]}")
        if score_threshold is None:
            score_threshold = self._weights.score_threshold(variant)
        with torch.inference_mode():
            predictions = self._detectors[variant.network](self._upload(canvases), _FOLDED)
            boxes = select(predictions, self._points[variant.resolution], score_threshold)
        return _to_lists(boxes, len(canvases), expected[0], expected[1])

    def _upload(self, canvases: NDArray[np.uint8]) -> Tensor:
        """[n, h, w, 3] bytes -> [n, 3, h, w] floats 0..1 on the device, channels last."""
        images = torch.from_numpy(canvases)
        if self._device.type == "cuda":
            images = images.pin_memory().to(self._device, non_blocking=True)
        return images.permute(0, 3, 1, 2).float().div_(255)


def _to_lists(boxes: Boxes, images: int, height: int, width: int) -> list[list[Detection]]:
    """Boxes of a batch -> detections per image, sides normalised to the canvas and cut at its border."""
    canvas = boxes.sides.new_tensor([width, height, width, height])
    sides = (boxes.sides / canvas).clamp_(0, 1).tolist()
    detections: list[list[Detection]] = [[] for _ in range(images)]
    for image, label, score, box in zip(
        boxes.image.tolist(), boxes.label.tolist(), boxes.score.tolist(), sides, strict=True
    ):
        detections[image].append(Detection(label, score, *box))
    return detections
