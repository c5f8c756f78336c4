"""The engine of processors: the detector under onnxruntime, which takes 0.3 to 0.8 of torch's time there in float32.

Does what `engine` does and needs no torch. Frames run the stem one by one, so that its large feature maps stay in the
processor's caches (in batches it took up to a third longer, and as much more memory), and the tail of each size
together.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

from jellyfish.core import Answer, Detection, Variant
from jellyfish.errors import InputError
from jellyfish.models.canvases import Canvases, on_canvases
from jellyfish.models.model import EngineOptions, Image
from jellyfish.models.onnx.runtime import processor_session, share_memory
from jellyfish.models.slimmable.card import SHIPPED, CardedVariants, read_weights
from jellyfish.models.slimmable.processor_boxes import Floats, detections, point_table
from jellyfish.models.slimmable.processor_graphs import INPUT, WeightTensors, stem_graph, tail_graph
from jellyfish.models.slimmable.sizes import SIZES, VARIANTS
from jellyfish.models.slimmable.street import RESOLUTIONS, input_size

share_memory()


class CanvasBatch(NamedTuple):
    """A batch as the stem takes it."""

    canvases: Canvases
    variants: Sequence[Variant]
    """One for each image, all of one resolution."""


class PredictedBatch(NamedTuple):
    """A batch that has run."""

    inputs: CanvasBatch
    predictions: list[tuple[Variant, list[int], Floats]]
    """(variant, which of the images, predictions of each: [PREDICTIONS, points])."""


class ProcessorEngine:
    """See `jellyfish.models.model.Engine`. `launch` is where the time goes."""

    def __init__(self, weights: Path | None, options: EngineOptions) -> None:
        """`weights`: the file; None: the one that ships. InputError for one that cannot be used."""
        card, data = read_weights(weights)
        self._known, self._least_score = CardedVariants(card), options.least_score
        tensors = _tensors(weights or SHIPPED, data)
        graphs = {size.name: tail_graph(tensors, size) for size in SIZES}
        stem = stem_graph(tensors)
        tensors.check_used()
        self.memory_bytes = len(stem) + sum(map(len, graphs.values()))
        self._stem = processor_session(stem, options.threads)
        self._tails = {name: processor_session(graph, options.threads) for name, graph in graphs.items()}
        self._points = {each: point_table(input_size(each)) for each in RESOLUTIONS}

    def variants(self) -> tuple[Variant, ...]:
        """Every variant that it runs, small resolutions first, the early exit's first, narrow before wide."""
        return VARIANTS

    def prepare(self, images: Sequence[Image], variants: Sequence[Variant]) -> CanvasBatch:
        """See `Engine.prepare`: each frame on a canvas."""
        return CanvasBatch(on_canvases(images, input_size(variants[0].resolution)), variants)

    def launch(self, inputs: CanvasBatch) -> PredictedBatch:
        """See `Engine.launch`: through the stem, then apart."""
        shared = self._shared(inputs.canvases.pixels)
        predictions = []
        for variant in dict.fromkeys(inputs.variants):
            rows = [row for row, wanted in enumerate(inputs.variants) if wanted == variant]
            part = shared if len(rows) == len(shared) else shared[rows]
            predictions.append((variant, rows, _ran(self._tails[variant.network], part)))
        return PredictedBatch(inputs, predictions)

    def finish(self, handle: PredictedBatch) -> list[Answer]:
        """See `Engine.finish`."""
        canvases = handle.inputs.canvases
        found: list[list[Detection]] = [[] for _ in canvases.places]
        for variant, rows, predictions in handle.predictions:
            least = self._known.score_threshold(variant) if self._least_score is None else self._least_score
            size, points = input_size(variant.resolution), self._points[variant.resolution]
            for row, each in zip(rows, predictions, strict=True):
                found[row] = detections(each, points, size, least)
        return canvases.answers(found)

    def _shared(self, pixels: NDArray[np.uint8]) -> Floats:
        """What the stem makes of [n, h, w, 3] bytes."""
        parts = [_ran(self._stem, pixels[row : row + 1]) for row in range(len(pixels))]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _ran(session: Any, inputs: NDArray[np.generic]) -> Floats:
    """What comes out of a graph of one input and one output."""
    output: Floats = session.run(None, {INPUT: inputs})[0]
    return output


def _tensors(path: Path, data: bytes) -> WeightTensors:
    """Those in the file at `path`."""
    try:
        return WeightTensors(path, load(data))
    except SafetensorError as error:
        raise InputError(f"{path} is not a safetensors file: {error}") from error
