"""Boxes, scores and labels as outputs of their own, of which the graph has chosen the best itself: torchvision, D-FINE,
TensorFlow's detection models."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from jellyfish.errors import InputError
from jellyfish.models.onnx.decoders.decoder import (
    Array,
    BoxFormat,
    Candidates,
    Case,
    Labels,
    Reader,
    require_shape,
)


class BoxesDecoder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Boxes [n, k, 4], scores [n, k] and labels [n, k], or those of one image without the first axis."""

    boxes: str = "boxes"
    scores: str = "scores"
    labels: str = "labels"
    count: str = ""
    """The output that says how many boxes of each image count; none: all."""
    format: BoxFormat = BoxFormat.CORNERS
    normalised: bool = False
    """Whether sides are shares of the input, not pixels."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """See `Decoder`."""
        return (self.boxes, self.scores, self.labels, *([self.count] if self.count else []))

    @property
    def suppresses(self) -> bool:
        """See `Decoder`: the graph has done it."""
        return False

    def reader(self, case: Case) -> Reader:
        """See `Decoder`."""

        def read(outputs: Sequence[Array]) -> list[Candidates]:
            boxes, scores, labels = outputs[:3]
            if boxes.ndim == 2:
                boxes, scores, labels = boxes[None], scores[None], labels[None]
            require_shape(boxes, (None, None, 4), "[images, boxes, 4]")
            for array in (scores, labels):
                require_shape(array, boxes.shape[:2], f"{list(boxes.shape[:2])}, one for each box")
            counts = outputs[3].ravel().astype(int) if self.count else [boxes.shape[1]] * len(boxes)
            sides = self.format.in_pixels(boxes, case.canvas, self.normalised)
            return [
                chosen(sides[image, :count], scores[image, :count], labels[image, :count], case)
                for image, count in enumerate(counts)
            ]

        return read


def chosen(sides: Array, scores: Array, labels: Array, case: Case) -> Candidates:
    """Those of one image that score enough and are of a class that is wanted. InputError for labels without a name."""
    rows = np.flatnonzero((scores >= case.score) & (labels >= 0))
    places = checked_places(labels[rows].astype(np.intp), case)
    rows, places = rows[places >= 0], places[places >= 0]
    return Candidates(sides[rows], scores[rows], places)


def checked_places(labels: Labels, case: Case) -> Labels:
    """Labels of the network -> among those that are answered with, -1 for what is left out."""
    if len(labels) and labels.max() >= len(case.labels):
        raise InputError(
            f"the network answered with label {labels.max()}, but `classes` has {len(case.labels)} names, for labels "
            f"from 0 to {len(case.labels) - 1}: give all names in the network's order ('' for one to leave out)"
        )
    return case.places[labels]
