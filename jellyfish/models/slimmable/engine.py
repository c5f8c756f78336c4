"""The engine: images in, detections out, at any variant, on one device.

Each size is folded once at construction; after that a variant is an argument of every call and switching costs
nothing. On a GPU each stem and tail is a CUDA graph per shape. Knows nothing of queues, deadlines, JPEG or clients.
On a CPU several threads may call it at the same time, on a GPU one.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jellyfish.core import RESOLUTIONS, Detection, Variant, canvas_size
from jellyfish.errors import InputError
from jellyfish.models.precision import inference_dtype
from jellyfish.models.slimmable.boxes import Boxes, grid_points, select
from jellyfish.models.slimmable.detector import normalise
from jellyfish.models.slimmable.folding import fold_stem, fold_tail
from jellyfish.models.slimmable.graphs import GraphRunner
from jellyfish.models.slimmable.sizes import SIZES, VARIANTS
from jellyfish.models.slimmable.weights import Weights

_STEM_PIXELS = 4 * 256 * 448
"""Most that a CPU's stem sees at a time. Its feature maps are large and gain nothing from a larger batch; over 32 MB
each the allocator takes fresh pages for them at every batch, and 8 frames of 448 pixels took 50 ms instead of 30.
"""


class DetectorEngine:
    """A detector on a device, ready to run every variant of its weights."""

    def __init__(self, weights: Weights, device: torch.device, dtype: torch.dtype | None = None) -> None:
        """`dtype`: of the network's arithmetic; None takes what is quickest on the device."""
        self._weights, self._device = weights, device
        self._dtype = dtype or inference_dtype(device)
        detector = weights.detector()
        self._stem = fold_stem(detector).to(device, self._dtype)
        self._tails = {size.name: fold_tail(detector, size).to(device, self._dtype) for size in SIZES}
        self._points = {resolution: grid_points(*canvas_size(resolution), device) for resolution in RESOLUTIONS}
        self._graphs = GraphRunner(device) if device.type == "cuda" else None

    def variants(self) -> tuple[Variant, ...]:
        """Every variant that `detect` runs, small resolutions first, the early exit's first, narrow before wide."""
        return VARIANTS

    def detect(
        self, canvases: NDArray[np.uint8], variant: Variant, score_threshold: float | None = None
    ) -> list[list[Detection]]:
        """Objects in each image of a batch, best score first, at most 100 each.

        `canvases`: [n, canvas height, canvas width, 3] RGB, the frame at the top left and the rest black.
        Sides of the detections are normalised to the canvas. Without a threshold the weights' own for
        this variant applies. Raises InputError if the canvases do not have the variant's size.
        """
        _check(canvases, variant)
        with self._ready():
            return self._tail(self._shared(canvases), canvases.shape, variant, score_threshold)

    def detect_mixed(self, canvases: NDArray[np.uint8], variants: Sequence[Variant]) -> list[list[Detection]]:
        """As `detect`, each image at its own variant of one resolution: together through the stem, then apart."""
        for variant in set(variants):
            _check(canvases, variant)
        answers: list[list[Detection]] = [[] for _ in variants]
        with self._ready():
            shared = self._shared(canvases)
            for variant in dict.fromkeys(variants):
                rows = [row for row, wanted in enumerate(variants) if wanted == variant]
                found = self._tail(shared[rows], canvases.shape, variant)
                for row, answer in zip(rows, found, strict=True):
                    answers[row] = answer
        return answers

    @contextlib.contextmanager
    def _ready(self) -> Iterator[None]:
        """No gradients; on a GPU, a stream of its own."""
        stream = contextlib.nullcontext() if self._graphs is None else torch.cuda.stream(self._graphs.stream)
        with torch.inference_mode(), stream:
            yield

    def _shared(self, canvases: NDArray[np.uint8]) -> Tensor:
        """What the stem makes of [n, h, w, 3] bytes."""
        images = torch.from_numpy(canvases)
        if self._graphs is None:
            parts = math.ceil(images.shape[:3].numel() / _STEM_PIXELS)
            return torch.cat([self._first_stage(part) for part in images.chunk(parts)])
        return self._graphs.run(canvases.shape, self._first_stage, images.pin_memory())

    def _first_stage(self, images: Tensor) -> Tensor:
        shared: Tensor = self._stem(normalise(images.permute(0, 3, 1, 2)).to(self._dtype))
        return shared

    def _tail(
        self, shared: Tensor, canvas: Sequence[int], variant: Variant, score_threshold: float | None = None
    ) -> list[list[Detection]]:
        """Detections of each image from the stem's features; `canvas`: shape of the images."""
        tail = self._tails[variant.network]
        graphs = self._graphs
        predictions = tail(shared) if graphs is None else graphs.run((variant, len(shared)), tail, shared)
        if score_threshold is None:
            score_threshold = self._weights.score_threshold(variant)
        boxes = select(predictions.float(), self._points[variant.resolution], score_threshold)
        return _to_lists(boxes, len(shared), canvas[1], canvas[2])


def _check(canvases: NDArray[np.uint8], variant: Variant) -> None:
    expected = (*canvas_size(variant.resolution), 3)
    if canvases.shape[1:] != expected:
        raise InputError(f"{variant.name} takes images of shape {expected}, not {canvases.shape[1:]}")


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
