"""Fused class scores of one stream, as a device asks for them: frames in, answers out. Pure.

The rules are the published ones (`scores`, `similarity`). Knows answers and frame numbers; networks, links and clocks
it may not know.
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from jellyfish.core import Answer, ClassScore
from jellyfish.edge.fusion.scores import HORIZON_STEPS, ScoreFusion, Scores, Taken
from jellyfish.edge.fusion.similarity import Cosine, LocalScores, Similarity

_LEAST = 1e-9
"""What is said to be impossible is only very unlikely."""


class ClassFusion:
    """The fused class scores of one stream, frame by frame."""

    def __init__(self, classes: int, similarity: Similarity | None = None) -> None:
        """`classes`: how many there are; both networks have the same. `similarity`: None is the best untrained one."""
        self._classes = classes
        self._alike = similarity or Cosine()
        self._fusion = ScoreFusion()
        self._before: LocalScores | None = None
        self._steps: OrderedDict[int, int] = OrderedDict()
        self.similarity = 1.0
        """Of the newest frame to the one before, 0..1."""
        self.gain = 0.0
        """How much the newest frame differs from the one before: what an answer of the cloud's may be worth."""

    def step(self, step: int, image: NDArray[np.uint8], local: Answer) -> Answer:
        """The fused scores of `step`, best first, from what the small network said; the image does not matter."""
        now = LocalScores.of_probabilities(self._probabilities(local))
        self.similarity = self._alike.between(self._before or now, now)
        self.gain, self._before = 1.0 - self.similarity, now
        known = self._fusion.advance(now.probabilities, self.similarity)
        self._steps[step] = known.number
        if len(self._steps) > HORIZON_STEPS:
            self._steps.popitem(last=False)
        return Answer(scores=_ranked(known.fused))

    def answer(self, step: int, cloud: Answer) -> bool:
        """Take in the cloud's answer for an earlier step; it takes effect in the next `step`.

        False for a step that is forgotten or not newer than the one last answered: nothing changes then.
        """
        number = self._steps.get(step)
        return number is not None and self._fusion.reinforce(number, self._probabilities(cloud)) is Taken.USED

    def _probabilities(self, answer: Answer) -> Scores:
        """[classes] that add up to 1: classes that the answer leaves out share what is left of it."""
        said = {one.label: one.score for one in answer.scores if 0 <= one.label < self._classes}
        silent = self._classes - len(said)
        rest = max(0.0, 1.0 - sum(said.values())) / silent if silent else 0.0
        scores = np.maximum([said.get(label, rest) for label in range(self._classes)], _LEAST)
        shares: Scores = scores / scores.sum()
        return shares


def _ranked(probabilities: Scores) -> tuple[ClassScore, ...]:
    best = np.argsort(-probabilities, kind="stable").tolist()
    return tuple(ClassScore(label, float(probabilities[label])) for label in best)
