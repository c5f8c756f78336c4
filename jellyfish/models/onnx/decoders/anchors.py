"""Logits and deltas to anchors that the package brings: SSD and RetinaNet, cut off before their own decoding."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from jellyfish.errors import InputError
from jellyfish.models.onnx.decoders.decoder import (
    Activation,
    Array,
    BoxFormat,
    Candidates,
    Case,
    Reader,
    every_class,
    require_shape,
)
from jellyfish.models.onnx.files import inside

_MOST = 4000
"""Candidates of an image."""
_MOST_LOG_SIZE = math.log(1000 / 16)
"""As those networks are trained: no box is over 62 times its anchor."""


class AnchorDecoder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Logits [n, anchors, classes] and deltas [n, anchors, 4].

    SSD has `softmax` with the background, called '', first among the classes, and the weights 10, 10, 5, 5.
    """

    logits: str = "cls_logits"
    deltas: str = "bbox_regression"
    anchors: str = "anchors-{size}.npy"
    """File of the package, [anchors, 4]: left, top, right, bottom in pixels of the input. {size}: the size's name."""
    activation: Activation = Activation.SIGMOID
    weights: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    """What deltas are divided by: of the centre's place (x, y), and of the logarithm of width and height."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """See `Decoder`."""
        return (self.logits, self.deltas)

    @property
    def suppresses(self) -> bool:
        """See `Decoder`."""
        return True

    def reader(self, case: Case) -> Reader:
        """See `Decoder`."""
        anchors, classes = self._anchors(case), len(case.labels)
        size = anchors[:, 2:] - anchors[:, :2]
        centre = anchors[:, :2] + size / 2
        weights = np.array(self.weights, np.float32)
        edge = np.array([case.canvas.width, case.canvas.height] * 2, np.float32)

        def read(outputs: Sequence[Array]) -> list[Candidates]:
            logits, deltas = outputs
            many = f"[images, {len(anchors)} anchors"
            require_shape(logits, (None, len(anchors), classes), f"{many}, {classes} classes]")
            require_shape(deltas, (len(logits), len(anchors), 4), f"{many}, 4]")
            scores = self.activation(logits)
            return [every_class(scores[image], sides(deltas[image]), case, _MOST) for image in range(len(logits))]

        def sides(deltas: Array) -> Array:
            moved = deltas / weights
            sizes = np.exp(np.minimum(moved[:, 2:], _MOST_LOG_SIZE)) * size
            boxes = BoxFormat.CENTRE.sides(np.concatenate([centre + moved[:, :2] * size, sizes], axis=1))
            return np.clip(boxes, 0, edge)  # before suppression, as those networks are measured

        return read

    def _anchors(self, case: Case) -> Array:
        name = self.anchors.replace("{size}", case.size)
        path = inside(case.folder, name)
        try:
            anchors = np.load(path, allow_pickle=False)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(
                f"the anchors {path} cannot be read: {reason}; have the framework say them, and numpy.save them there "
                "as [anchors, 4], in pixels of the input (docs/onnx.md)"
            ) from error
        if anchors.ndim != 2 or anchors.shape[1] != 4:
            raise InputError(f"the anchors {path} have the shape {list(anchors.shape)}, not [anchors, 4]")
        return np.asarray(anchors, np.float32)
