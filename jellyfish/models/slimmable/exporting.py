"""The detector at one size as an ONNX graph, for servers and devices where this project does not run.

The graph is what most tools expect of a detector: it takes pictures as they are and gives, for each point, a box and a
score per class. What is left to do elsewhere is a score threshold and non-maximum suppression.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from jellyfish.core import Variant
from jellyfish.models.slimmable.boxes import decode, grid_points
from jellyfish.models.slimmable.detector import normalise
from jellyfish.models.slimmable.folding import fold_stem, fold_tail
from jellyfish.models.slimmable.layout import BOX_PARAMETERS
from jellyfish.models.slimmable.sizes import SIZES
from jellyfish.models.slimmable.street import CLASSES, input_size
from jellyfish.models.slimmable.weights import Weights

INPUT, OUTPUT = "images", "predictions"
"""What the graph calls them."""

_OPSET = 18
"""What the exporter writes by itself, and what TensorRT 8.6, OpenVINO 2023 and onnxruntime 1.15 read already."""


class ExportedDetector(nn.Module):
    """The folded network of one variant with what comes before and after it."""

    points: Tensor

    def __init__(self, weights: Weights, variant: Variant) -> None:
        super().__init__()
        detector = weights.detector()
        size = next(size for size in SIZES if size.name == variant.network)
        self.stem, self.tail = fold_stem(detector), fold_tail(detector, size)
        canvas = input_size(variant.resolution)
        self.register_buffer("points", grid_points(canvas.height, canvas.width))

    def forward(self, images: Tensor) -> Tensor:
        """[n, 3, h, w] RGB 0..255 -> [n, 4 + classes, points]: centre x, y, width, height in pixels, then scores 0..1.

        The layout that YOLO's graphs without objectness have.
        """
        predictions = self.tail(self.stem(normalise(images.clone())))  # `normalise` works in place
        logits, parameters = predictions.split([len(CLASSES), BOX_PARAMETERS], dim=-1)
        sides = decode(parameters, self.points)
        first, last = sides.chunk(2, dim=-1)
        return torch.cat([(first + last) / 2, last - first, logits.sigmoid()], dim=-1).transpose(1, 2)


def write_graph(weights: Weights, variant: Variant, path: Path) -> None:
    """Write the network of `variant` as one ONNX file, for batches of any size. Needs the package onnxscript."""
    canvas = input_size(variant.resolution)
    example = torch.zeros(2, 3, canvas.height, canvas.width)  # a batch of one would be taken for a constant
    torch.onnx.export(
        ExportedDetector(weights, variant).eval(), (example,), path, dynamo=True, external_data=False, verbose=False,
        input_names=[INPUT], output_names=[OUTPUT], opset_version=_OPSET,
        dynamic_shapes={"images": {0: torch.export.Dim("batch")}},
    )  # fmt: skip
