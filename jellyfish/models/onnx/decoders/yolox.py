"""YOLOX as its authors export it: raw heads, which are to be put on the grids of their strides."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from jellyfish.core import InputSize
from jellyfish.models.onnx.decoders.decoder import Array, BoxFormat, Candidates, Case, Reader, require_shape
from jellyfish.models.onnx.decoders.yolov5 import with_objectness

_MOST_LOG_SIZE = 20.0
"""Of a side in strides: more than any picture has, and far from what overflows."""


class YoloXDecoder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[n, cells, 5 + classes]: centre and log of the size, in strides from a cell, objectness, scores of classes."""

    output: str = ""
    strides: tuple[int, ...] = (8, 16, 32)

    @property
    def outputs(self) -> tuple[str, ...]:
        """See `Decoder`."""
        return (self.output,)

    @property
    def suppresses(self) -> bool:
        """See `Decoder`."""
        return True

    def reader(self, case: Case) -> Reader:
        """See `Decoder`."""
        cells = grid(case.canvas, self.strides)
        corners, strides = cells[:, :2], cells[:, 2:]
        width = 5 + len(case.labels)
        meaning = (
            f"[images, {len(cells)} cells of the strides {', '.join(map(str, self.strides))} at {case.canvas.width} x "
            f"{case.canvas.height}, {width}: a box, objectness and {len(case.labels)} classes]"
        )

        def read(outputs: Sequence[Array]) -> list[Candidates]:
            require_shape(outputs[0], (None, len(cells), width), meaning)
            return [with_objectness(rows, sides, case) for rows in outputs[0]]

        def sides(rows: Array, kept: Array) -> Array:
            centre = (rows[:, :2] + corners[kept]) * strides[kept]
            size = np.exp(np.minimum(rows[:, 2:4], _MOST_LOG_SIZE)) * strides[kept]
            return BoxFormat.CENTRE.sides(np.concatenate([centre, size], axis=1))

        return read


def grid(canvas: InputSize, strides: Sequence[int]) -> Array:
    """[cells, 3]: column, row and stride of each cell, row by row, stride by stride."""
    levels = []
    for stride in strides:
        rows, columns = np.mgrid[: canvas.height // stride, : canvas.width // stride]
        levels.append(np.stack([columns.ravel(), rows.ravel(), np.full(rows.size, stride)], axis=1))
    return np.concatenate(levels).astype(np.float32)
