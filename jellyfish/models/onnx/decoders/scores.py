"""Scores of classes for the whole image: a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
import numpy as np

from jellyfish.models.onnx.decoders.decoder import Activation, Array, Candidates, Case, Reader, require_shape


class ScoresDecoder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[n, classes]."""

    output: str = ""
    activation: Activation = Activation.SOFTMAX
    top: Annotated[int, msgspec.Meta(ge=1, le=100)] = 5
    """How many classes are answered with."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """See `Decoder`."""
        return (self.output,)

    @property
    def suppresses(self) -> bool:
        """See `Decoder`: there are no boxes."""
        return False

    def reader(self, case: Case) -> Reader:
        """See `Decoder`."""
        classes = len(case.labels)

        def read(outputs: Sequence[Array]) -> list[Candidates]:
            logits = outputs[0].reshape(len(outputs[0]), -1) if outputs[0].ndim == 4 else outputs[0]
            require_shape(logits, (None, classes), f"[images, {classes} classes]")
            return [of_image(scores) for scores in self.activation(logits)[:, case.wanted]]

        def of_image(scores: Array) -> Candidates:
            best = np.argsort(-scores, kind="stable")[: self.top]
            return Candidates(np.zeros((len(best), 4), np.float32), scores[best], best)

        return read
