"""What a device fuses, by the task of its networks: one seam, whatever they answer with."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from jellyfish.core import Answer
from jellyfish.edge.fusion.detections import DetectionFusion


class Fusion(Protocol):
    """The fused answers of one stream. `ClassFusion` is one for classifiers, `FusedDetections` for detectors."""

    @property
    def similarity(self) -> float:
        """How much the newest step has in common with those before, 0..1."""
        ...

    @property
    def gain(self) -> float:
        """What an answer of the cloud's to the newest step may be worth, in any unit."""
        ...

    def step(self, step: int, image: NDArray[np.uint8], local: Answer, /) -> Answer:
        """The fused answer to `step`, from its RGB image [height, width, 3] and what the small network said."""
        ...

    def answer(self, step: int, cloud: Answer, /) -> bool:
        """Take in the cloud's answer for an earlier step, which tells in the next `step`. False if it is of no use."""
        ...


def likely(answer: Answer, threshold: float) -> Answer:
    """A detector's answer without what scores less."""
    return Answer(tuple(one for one in answer.detections if one.score >= threshold))


class FusedDetections:
    """`DetectionFusion` behind that seam."""

    def __init__(self, fusion: DetectionFusion) -> None:
        self._fusion = fusion

    @property
    def similarity(self) -> float:
        """See `DetectionFusion`."""
        return self._fusion.similarity

    @property
    def gain(self) -> float:
        """See `DetectionFusion`."""
        return self._fusion.gain

    def step(self, step: int, image: NDArray[np.uint8], local: Answer) -> Answer:
        """See `Fusion.step`."""
        return Answer(tuple(self._fusion.step(step, image, local.detections)))

    def answer(self, step: int, cloud: Answer) -> bool:
        """See `Fusion.answer`."""
        return self._fusion.answer(step, cloud.detections)
