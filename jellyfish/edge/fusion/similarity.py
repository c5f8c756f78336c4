"""How alike two steps are by what the small network says of them: the past's share in a fused answer.

The published ones that need no training; `jellyfish.lab.score_fusion.siminet` has the one that is learned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from jellyfish.edge.fusion.scores import Scores, softmax

_LEAST = 1e-12
"""Has a logarithm."""


@dataclass(frozen=True, slots=True, eq=False)
class LocalScores:
    """What the small network says of a step."""

    raw: Scores
    """[classes] before softmax."""
    probabilities: Scores
    """[classes] after it."""

    @classmethod
    def of(cls, raw: ArrayLike) -> LocalScores:
        """Both forms, from the raw scores [classes]."""
        return cls(np.asarray(raw, dtype=np.float64), softmax(raw))

    @classmethod
    def of_probabilities(cls, probabilities: Scores) -> LocalScores:
        """Both forms, from probabilities [classes]: raw scores are their logarithms, but for a constant."""
        return cls(np.log(np.maximum(probabilities, _LEAST)), probabilities)


class Similarity(Protocol):
    """A way to compare a step with the one before it. A stream's first step is compared with itself."""

    def between(self, before: LocalScores, now: LocalScores) -> float:
        """Similarity of step `now` to the step before it, 0..1."""
        ...


class Constant:
    """All steps are equally alike: exponential smoothing."""

    def __init__(self, value: float = 0.5) -> None:
        self._value = value

    def between(self, before: LocalScores, now: LocalScores) -> float:
        """The constant, whatever the steps say."""
        return self._value


class Cosine:
    """Cosine of the angle between both steps' class probabilities."""

    def between(self, before: LocalScores, now: LocalScores) -> float:
        """1 for equal probabilities, 0 for disjoint ones."""
        a, b = before.probabilities, now.probabilities
        cosine = float(a @ b) / float(np.linalg.norm(a) * np.linalg.norm(b))
        return min(max(cosine, 0.0), 1.0)
