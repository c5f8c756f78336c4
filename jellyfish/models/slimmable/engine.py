"""The engine: images in, detections out, at any variant, on one device.

Each size is folded once at construction; after that a variant is an argument of every call and switching costs
nothing. Frames of one resolution run the stem together, whatever their sizes. On a GPU each stem and tail is a CUDA
graph per shape. Knows nothing of queues, deadlines, JPEG or clients.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jellyfish.core import Answer, Detection, Variant
from jellyfish.errors import InputError
from jellyfish.models.canvases import Canvases, on_canvases
from jellyfish.models.precision import inference_dtype
from jellyfish.models.slimmable.boxes import Boxes, grid_points, select
from jellyfish.models.slimmable.detector import normalise
from jellyfish.models.slimmable.folding import fold_stem, fold_tail
from jellyfish.models.slimmable.graphs import GraphRunner
from jellyfish.models.slimmable.sizes import SIZES, VARIANTS
from jellyfish.models.slimmable.street import RESOLUTIONS, input_size
from jellyfish.models.slimmable.weights import Weights

_STEM_PIXELS = 4 * 256 * 448
"""Most that a CPU's stem sees at a time. Its feature maps are large and gain nothing from a larger batch; over 32 MB
each the allocator takes fresh pages for them at every batch, and 8 frames of 448 pixels took 50 ms instead of 30.
"""


class StemInputs(NamedTuple):
    """A batch as the stem takes it."""

    canvases: Canvases
    pixels: Tensor
    """[n, h, w, 3] bytes; for a GPU in memory that it can read by itself."""
    variants: Sequence[Variant]
    """One for each image, all of one resolution."""


class Predicted(NamedTuple):
    """A batch that runs, or has run."""

    inputs: StemInputs
    predictions: list[tuple[Variant, list[int], Tensor]]
    """(variant, which of the images, predictions at every grid point of each)."""


class DetectorEngine:
    """A detector on a device, ready to run every variant of its weights. See `jellyfish.models.model.Engine`."""

    def __init__(
        self,
        weights: Weights,
        device: torch.device,
        dtype: torch.dtype | None = None,
        least_score: float | None = None,
    ) -> None:
        """`dtype`: of the network's arithmetic; None takes what is quickest on the device. `least_score`: of a
        detection; None takes the weights' own for each variant."""
        self._weights, self._device, self._least_score = weights, device, least_score
        self._dtype = dtype or inference_dtype(device)
        detector = weights.detector()
        self._stem = fold_stem(detector).to(device, self._dtype)
        self._tails = {size.name: fold_tail(detector, size).to(device, self._dtype) for size in SIZES}
        inputs = {resolution: input_size(resolution) for resolution in RESOLUTIONS}
        self._points = {each: grid_points(size.height, size.width, device) for each, size in inputs.items()}
        self._graphs = GraphRunner(device) if device.type == "cuda" else None

    @property
    def memory_bytes(self) -> int:
        """See `Engine.memory_bytes`: of the weights alone."""
        parts = (self._stem, *self._tails.values())
        return sum(tensor.nbytes for part in parts for tensor in part.state_dict().values())

    def variants(self) -> tuple[Variant, ...]:
        """Every variant that it runs, small resolutions first, the early exit's first, narrow before wide."""
        return VARIANTS

    def prepare(self, images: Sequence[NDArray[np.uint8]], variants: Sequence[Variant]) -> StemInputs:
        """See `Engine.prepare`: each frame on a canvas."""
        canvases = on_canvases(images, input_size(variants[0].resolution))
        pixels = torch.from_numpy(canvases.pixels)
        return StemInputs(canvases, pixels if self._graphs is None else pixels.pin_memory(), variants)

    def launch(self, inputs: StemInputs) -> Predicted:
        """See `Engine.launch`: together through the stem, then apart."""
        predictions = []
        with self._ready():
            shared = self._shared(inputs.pixels)
            for variant in dict.fromkeys(inputs.variants):
                rows = [row for row, wanted in enumerate(inputs.variants) if wanted == variant]
                part = shared if len(rows) == len(shared) else shared[rows]
                predictions.append((variant, rows, self._tail(part, variant)))
        return Predicted(inputs, predictions)

    def finish(self, handle: Predicted) -> list[Answer]:
        """See `Engine.finish`."""
        canvases = handle.inputs.canvases
        found: list[list[Detection]] = [[] for _ in canvases.places]
        with self._ready():
            for variant, rows, predictions in handle.predictions:
                parts = self._found(predictions, variant, canvases.pixels.shape, self._least_score)
                for row, detections in zip(rows, parts, strict=True):
                    found[row] = detections
        return canvases.answers(found)

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
            predictions = self._tail(self._shared(torch.from_numpy(canvases)), variant)
            return self._found(predictions, variant, canvases.shape, score_threshold)

    @contextlib.contextmanager
    def _ready(self) -> Iterator[None]:
        """No gradients; on a GPU, a stream of its own."""
        stream = contextlib.nullcontext() if self._graphs is None else torch.cuda.stream(self._graphs.stream)
        with torch.inference_mode(), stream:
            yield

    def _shared(self, images: Tensor) -> Tensor:
        """What the stem makes of [n, h, w, 3] bytes."""
        if self._graphs is None:
            parts = math.ceil(images.shape[:3].numel() / _STEM_PIXELS)
            return torch.cat([self._first_stage(part) for part in images.chunk(parts)])
        return self._graphs.run(tuple(images.shape), self._first_stage, images)

    def _first_stage(self, images: Tensor) -> Tensor:
        shared: Tensor = self._stem(normalise(images.permute(0, 3, 1, 2)).to(self._dtype))
        return shared

    def _tail(self, shared: Tensor, variant: Variant) -> Tensor:
        """Predictions at every grid point, from the stem's features."""
        tail, graphs = self._tails[variant.network], self._graphs
        predictions: Tensor = tail(shared) if graphs is None else graphs.run((variant, len(shared)), tail, shared)
        return predictions

    def _found(
        self, predictions: Tensor, variant: Variant, canvas: Sequence[int], score_threshold: float | None
    ) -> list[list[Detection]]:
        """Detections of each image; `canvas`: shape of the images."""
        if score_threshold is None:
            score_threshold = self._weights.score_threshold(variant)
        boxes = select(predictions.float(), self._points[variant.resolution], score_threshold)
        return _to_lists(boxes, len(predictions), canvas[1], canvas[2])


def _check(canvases: NDArray[np.uint8], variant: Variant) -> None:
    size = input_size(variant.resolution)
    expected = (size.height, size.width, 3)
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
