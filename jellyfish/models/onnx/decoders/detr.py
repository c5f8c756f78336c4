"""Queries, each with scores of classes and a box, of which none is there twice: DETR, RT-DETR, D-FINE, RF-DETR."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from jellyfish.models.onnx.decoders.decoder import (
    Activation,
    Array,
    BoxFormat,
    Candidates,
    Case,
    Reader,
    best_classes,
    every_class,
    require_shape,
)


class DetrDecoder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Logits [n, queries, classes] and boxes [n, queries, 4].

    With `softmax` each query speaks for its best class (the class "no object" is one of them, and is called '' among
    the classes); with `sigmoid` for each one that scores enough.
    """

    logits: str = "logits"
    boxes: str = "pred_boxes"
    activation: Activation = Activation.SIGMOID
    format: BoxFormat = BoxFormat.CENTRE
    normalised: bool = True
    """Whether boxes are in shares of the input, not pixels."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """See `Decoder`."""
        return (self.logits, self.boxes)

    @property
    def suppresses(self) -> bool:
        """See `Decoder`: there is a query for each object."""
        return False

    def reader(self, case: Case) -> Reader:
        """See `Decoder`."""
        classes = len(case.labels)

        def read(outputs: Sequence[Array]) -> list[Candidates]:
            logits, boxes = outputs
            require_shape(logits, (None, None, classes), f"[images, queries, {classes} classes]")
            require_shape(boxes, (*logits.shape[:2], 4), f"[{len(logits)}, {logits.shape[1]}, 4], a box for each query")
            sides = self.format.in_pixels(boxes, case.canvas, self.normalised)
            scores = self.activation(logits)
            return [of_image(*image) for image in zip(scores, sides, strict=True)]

        def of_image(scores: Array, sides: Array) -> Candidates:
            if self.activation is Activation.SOFTMAX:
                return best_classes(scores, sides, case)
            return every_class(scores, sides, case, most=len(scores))

        return read
