"""YOLO with objectness, boxes decoded in the graph: YOLOv5, YOLOv7, YOLOX exported with its decoding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np

from jellyfish.models.onnx.decoders.decoder import (
    Array,
    BoxFormat,
    Candidates,
    Case,
    Reader,
    best_classes,
    require_shape,
)


class YoloV5Decoder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[n, boxes, 5 + classes]: a box, objectness, scores of classes."""

    output: str = ""
    format: BoxFormat = BoxFormat.CENTRE
    normalised: bool = False
    """Whether boxes are in shares of the input, not pixels."""

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
        width = 5 + len(case.labels)
        meaning = f"[images, boxes, {width}: a box, objectness and {len(case.labels)} classes]"

        def read(outputs: Sequence[Array]) -> list[Candidates]:
            require_shape(outputs[0], (None, None, width), meaning)
            return [with_objectness(rows, sides, case) for rows in outputs[0]]

        def sides(rows: Array, _: Any) -> Array:
            return self.format.in_pixels(rows[:, :4], case.canvas, self.normalised)

        return read


def with_objectness(rows: Array, sides: Callable[[Array, Any], Array], case: Case) -> Candidates:
    """Of one image's rows [m, 5 + classes]. `sides`: of some of the rows, told which.

    No score is more than its objectness, so most rows need no second look.
    """
    kept = np.flatnonzero(rows[:, 4] >= case.score)
    rows = rows[kept]
    return best_classes(rows[:, 5:], sides(rows, kept), case, rows[:, 4])
