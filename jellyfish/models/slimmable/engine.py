"""The engine: images in, detections out, at any variant, on one device.

Each size is folded once at construction; after that a variant is an argument of every call and switching costs
nothing. Frames of one resolution run the stem together, whatever their sizes. A processor does it all in order; a GPU
has a pipeline (`device_pipeline`). Knows nothing of queues, deadlines, JPEG or clients.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jellyfish.core import Answer, Detection, Variant
from jellyfish.errors import InputError
from jellyfish.models.canvases import Canvases, on_canvases
from jellyfish.models.cuda import CudaAccelerator
from jellyfish.models.model import EngineOptions, Image
from jellyfish.models.precision import inference_dtype
from jellyfish.models.slimmable.boxes import detections_of, select
from jellyfish.models.slimmable.device_pipeline import DevicePipeline, LaunchedBatch, Pipelined, PreparedBatch
from jellyfish.models.slimmable.precision_check import checked_networks
from jellyfish.models.slimmable.runtimes import IN_FLIGHT
from jellyfish.models.slimmable.sizes import VARIANTS
from jellyfish.models.slimmable.street import input_size
from jellyfish.models.slimmable.weights import Weights

_STEM_PIXELS = 4 * 256 * 448
"""Most that a CPU's stem sees at a time. Its feature maps are large and gain nothing from a larger batch; over 32 MB
each the allocator takes fresh pages for them at every batch, and 8 frames of 448 pixels took 50 ms instead of 30.
"""


class StemInputs(NamedTuple):
    """A batch as the stem takes it."""

    canvases: Canvases
    variants: Sequence[Variant]
    """One for each image, all of one resolution."""


class Predicted(NamedTuple):
    """A batch that has run."""

    canvases: Canvases
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
        pipelined: Pipelined | None = None,
    ) -> None:
        """`dtype`: of the network's arithmetic; None takes what is quickest on the device and does no harm.
        `least_score`: of a detection; None takes the weights' own for each variant. `pipelined`: how to use the device
        as a pipeline; None: not at all."""
        self._weights, self._least_score = weights, least_score
        self._networks, self._precision = checked_networks(weights, device, dtype or inference_dtype(device))
        self._pipeline = None if pipelined is None else DevicePipeline(self._networks, pipelined, self._threshold)

    @property
    def memory_bytes(self) -> int:
        """See `Engine.memory_bytes`: of the weights; in a pipeline of all that is allocated."""
        return self._networks.nbytes if self._pipeline is None else self._pipeline.memory_bytes

    @property
    def stated(self) -> str:
        """See `StatedEngine.stated`."""
        return self._precision if self._pipeline is None else f"{self._precision}, {self._pipeline.stated}"

    def variants(self) -> tuple[Variant, ...]:
        """Every variant that it runs, small resolutions first, the early exit's first, narrow before wide."""
        return VARIANTS

    def prepare(self, images: Sequence[Image], variants: Sequence[Variant]) -> StemInputs | PreparedBatch:
        """See `Engine.prepare`: each frame on a canvas."""
        if self._pipeline is not None:
            return self._pipeline.prepare(images, variants)
        return StemInputs(on_canvases(images, input_size(variants[0].resolution)), variants)

    def launch(self, inputs: StemInputs | PreparedBatch) -> Predicted | LaunchedBatch:
        """See `Engine.launch`: together through the stem, then apart."""
        if isinstance(inputs, PreparedBatch):
            assert self._pipeline is not None
            return self._pipeline.launch(inputs)
        canvases, variants = inputs
        predictions = []
        with torch.inference_mode():
            shared = self._shared(torch.from_numpy(canvases.pixels))
            for variant in dict.fromkeys(variants):
                rows = [row for row, wanted in enumerate(variants) if wanted == variant]
                part = shared if len(rows) == len(shared) else shared[rows]
                predictions.append((variant, rows, self._networks.predictions(part, variant.network)))
        return Predicted(canvases, predictions)

    def finish(self, handle: Predicted | LaunchedBatch) -> list[Answer]:
        """See `Engine.finish`."""
        if isinstance(handle, LaunchedBatch):
            assert self._pipeline is not None
            return self._pipeline.finish(handle)
        canvases = handle.canvases
        found: list[list[Detection]] = [[] for _ in canvases.places]
        for variant, rows, predictions in handle.predictions:
            parts = self._found(predictions, variant, canvases.pixels.shape, self._threshold(variant))
            for row, detections in zip(rows, parts, strict=True):
                found[row] = detections
        return canvases.answers(found)

    def detect(
        self, canvases: NDArray[np.uint8], variant: Variant, score_threshold: float | None = None
    ) -> list[list[Detection]]:
        """Objects in each image of a batch, best score first, at most 100 each. Without any pipeline.

        `canvases`: [n, canvas height, canvas width, 3] RGB, the frame at the top left and the rest black.
        Sides of the detections are normalised to the canvas. Without a threshold the weights' own for
        this variant applies. Raises InputError if the canvases do not have the variant's size.
        """
        _check(canvases, variant)
        if score_threshold is None:
            score_threshold = self._weights.score_threshold(variant)
        with torch.inference_mode():
            predictions = self._networks.predictions(self._shared(torch.from_numpy(canvases)), variant.network)
        return self._found(predictions, variant, canvases.shape, score_threshold)

    def _threshold(self, variant: Variant) -> float:
        """The least score of a detection to answer with."""
        return self._weights.score_threshold(variant) if self._least_score is None else self._least_score

    def _shared(self, images: Tensor) -> Tensor:
        """What the stem makes of [n, h, w, 3] bytes of the host."""
        images = images.to(self._networks.device)
        if images.device.type != "cpu":
            return self._networks.features(images)
        parts = math.ceil(images.shape[:3].numel() / _STEM_PIXELS)
        return torch.cat([self._networks.features(part) for part in images.chunk(parts)])

    def _found(
        self, predictions: Tensor, variant: Variant, canvas: Sequence[int], score_threshold: float
    ) -> list[list[Detection]]:
        """Detections of each image; `canvas`: shape of the images."""
        points = self._networks.points[variant.resolution]
        boxes = select(predictions.cpu(), points.cpu(), score_threshold)
        return detections_of(boxes, len(predictions), canvas[1], canvas[2])


def detector_engine(
    weights: Weights, device: torch.device, options: EngineOptions, dtype: torch.dtype | None = None
) -> DetectorEngine:
    """As it is run on this kind of device: a GPU is used as a pipeline."""
    pipelined = None
    if device.type == "cuda":
        pipelined = Pipelined(CudaAccelerator(device), IN_FLIGHT, options.max_batch)
    return DetectorEngine(weights, device, dtype, options.least_score, pipelined)


def _check(canvases: NDArray[np.uint8], variant: Variant) -> None:
    size = input_size(variant.resolution)
    expected = (size.height, size.width, 3)
    if canvases.shape[1:] != expected:
        raise InputError(f"{variant.name} takes images of shape {expected}, not {canvases.shape[1:]}")
