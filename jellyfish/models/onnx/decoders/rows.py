"""One output with a row for each box, of which the graph has chosen the best itself: YOLOv10 and others exported with
NMS, YOLO-NAS in flat format."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np

from jellyfish.errors import InputError
from jellyfish.models.onnx.decoders.boxes import chosen
from jellyfish.models.onnx.decoders.decoder import Array, BoxFormat, Candidates, Case, Reader

Column = Literal["image", "box", "score", "label", "skip"]


class RowsDecoder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[n, k, columns], or [k, columns] where `image` is among the columns or there is one image."""

    output: str = ""
    columns: tuple[Column, ...] = ("box", "score", "label")
    """What stands in a row; `box` is four numbers, `image` the number of the image in its batch."""
    format: BoxFormat = BoxFormat.CORNERS
    normalised: bool = False
    """Whether sides are shares of the input, not pixels."""

    def __post_init__(self) -> None:
        lacking = {"box", "score", "label"} - set(self.columns)
        if lacking:
            raise ValueError(f"`columns` lacks {', '.join(sorted(lacking))}")

    @property
    def outputs(self) -> tuple[str, ...]:
        """See `Decoder`."""
        return (self.output,)

    @property
    def suppresses(self) -> bool:
        """See `Decoder`: the graph has done it."""
        return False

    def reader(self, case: Case) -> Reader:
        """See `Decoder`."""
        width = len(self.columns) + 3

        def read(outputs: Sequence[Array]) -> list[Candidates]:
            rows = outputs[0]
            if rows.ndim not in (2, 3) or rows.shape[-1] != width:
                raise InputError(
                    f"an output has the shape {list(rows.shape)}, not [images, boxes, {width}] or [boxes, {width}] "
                    f"with the columns {', '.join(self.columns)}"
                )
            return [self._of_image(part, case) for part in self._images(rows)]

        return read

    def _images(self, rows: Array) -> list[Array]:
        """The rows of each image."""
        if rows.ndim == 3:
            return list(rows)
        if "image" not in self.columns:
            return [rows]
        numbers = rows[:, self._place("image")]
        return [rows[numbers == image] for image in range(int(numbers.max(initial=0)) + 1)]

    def _of_image(self, rows: Array, case: Case) -> Candidates:
        box = self._place("box")
        sides = self.format.in_pixels(rows[:, box : box + 4], case.canvas, self.normalised)
        return chosen(sides, rows[:, self._place("score")], np.rint(rows[:, self._place("label")]), case)

    def _place(self, column: Column) -> int:
        """The first number of `column` in a row."""
        before = self.columns[: self.columns.index(column)]
        return len(before) + (3 if "box" in before else 0)
