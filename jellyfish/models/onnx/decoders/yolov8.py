"""YOLO without objectness, boxes decoded in the graph: YOLOv8, v9, v11 and what is exported as they are."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from jellyfish.errors import InputError
from jellyfish.models.onnx.decoders.decoder import (
    Activation,
    Array,
    BoxFormat,
    Candidates,
    Case,
    Reader,
    best_classes,
)


class YoloV8Decoder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[n, 4 + classes, boxes] or [n, boxes, 4 + classes]: a box, scores of classes."""

    output: str = ""
    format: BoxFormat = BoxFormat.CENTRE
    normalised: bool = False
    """Whether boxes are in shares of the input, not pixels."""
    activation: Activation = Activation.NONE

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
        width = 4 + len(case.labels)

        def read(outputs: Sequence[Array]) -> list[Candidates]:
            return [of_image(rows) for rows in boxes_last(outputs[0], width, len(case.labels))]

        def of_image(rows: Array) -> Candidates:
            sides = self.format.in_pixels(rows[:, :4], case.canvas, self.normalised)
            return best_classes(self.activation(rows[:, 4:]), sides, case)

        return read


def boxes_last(output: Array, width: int, classes: int) -> Array:
    """The output as [n, boxes, width], whichever way round it is. InputError if it is neither."""
    if output.ndim == 3 and output.shape[1] == width:
        return output.transpose(0, 2, 1)
    if output.ndim == 3 and output.shape[2] == width:
        return output
    raise InputError(
        f"an output has the shape {list(output.shape)}, not [images, {width}, boxes] with {width} = a box and "
        f"{classes} classes (a network for outlines or poses has more: export one for detection)"
    )
