"""Fusion of class scores over time, as published (Clownfish, SEC 2020): smoothing, and late answers taken in by replay.

Knows class probabilities and step numbers; where either comes from, and when, it may not know.
"""

from __future__ import annotations

import enum
from collections import deque
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jellyfish.errors import InputError

Scores = NDArray[np.float64]
"""[classes] a number per class: probabilities, or the raw scores before softmax."""

LOCAL_SHARE, CLOUD_SHARE = 0.33, 0.67
"""How much of either answer the fused one of a step takes when the cloud's is there."""

LEAST_WEIGHT = 0.5
"""Below this accumulated weight the past is no longer trusted by similarity."""

UNTRUSTED_ALPHA = 0.5
"""Share of the past in a step whose past is not trusted."""

HORIZON_STEPS = 256
"""Steps that can still be corrected: 8.5 s at 30 a second."""

_SUM_TOLERANCE = 1e-4
"""How far single precision may take a softmax's sum from 1."""


class Taken(enum.StrEnum):
    """What became of a cloud answer."""

    USED = "used"
    OUTDATED = "outdated"
    """An answer for this step or a later one was used before."""
    FORGOTTEN = "forgotten"
    """The step lies beyond the horizon: what followed it is no longer known."""


@dataclass(frozen=True, slots=True, eq=False)
class FusionStep:
    """What is known of one step."""

    number: int
    local: Scores
    """s: the small network's probabilities."""
    similarity: float
    """rho: how alike this step and the one before are, 0..1."""
    fused: Scores
    """z: the answer, class probabilities."""
    weight: float
    """A: how much of a cloud answer is still in the fused one, 0..1; 0 before the first cloud answer."""


class ScoreFusion:
    """One stream's fused class scores. Steps are numbered from 0 in the order in which they are given.

    `horizon` bounds memory and the time that one late answer may cost: so many newest steps are kept.
    """

    def __init__(self, horizon: int = HORIZON_STEPS) -> None:
        if horizon < 1:
            raise InputError(f"a horizon of {horizon} steps keeps nothing: give at least 1")
        self._steps: deque[FusionStep] = deque(maxlen=horizon)
        self._newest_used = -1

    @property
    def steps(self) -> tuple[FusionStep, ...]:
        """The steps that can still be corrected, as they are known now; oldest first."""
        return tuple(self._steps)

    def advance(self, local: ArrayLike, similarity: float) -> FusionStep:
        """The next step, from its local probabilities [classes] and its similarity (0..1) to the step before.

        The first step has none before it: its similarity does not count. Raises InputError for what are no
        probabilities, a number of classes other than before, or a similarity outside 0..1.
        """
        own = self._checked(local, "local")
        if not 0.0 <= similarity <= 1.0:
            raise InputError(f"a similarity is within 0..1, not {similarity:g}")
        if not self._steps:
            step = FusionStep(0, own, similarity, own, 0.0)
        else:
            step = _smoothed(self._steps[-1], FusionStep(self._steps[-1].number + 1, own, similarity, own, 0.0))
        self._steps.append(step)
        return step

    def reinforce(self, number: int, cloud: ArrayLike) -> Taken:
        """Take in the cloud's probabilities [classes] for step `number`, and replay what came after it.

        Only newer answers than those used before count. Nothing is lost with the others: a step that the cloud has
        answered does not depend on the steps before it, so an older answer could not change what comes after.
        Raises InputError for what are no probabilities or a step that has not been yet.
        """
        answer = self._checked(cloud, "cloud")
        if not self._steps or not 0 <= number <= self._steps[-1].number:
            raise InputError(f"a cloud answer for step {number}, which has not been yet")
        if number <= self._newest_used:
            return Taken.OUTDATED
        first = number - self._steps[0].number
        if first < 0:
            return Taken.FORGOTTEN
        self._newest_used = number
        self._steps[first] = _reinforced(self._steps[first], answer)
        for index in range(first + 1, len(self._steps)):
            self._steps[index] = _smoothed(self._steps[index - 1], self._steps[index])
        return Taken.USED

    def _checked(self, values: ArrayLike, whose: str) -> Scores:
        """A copy of `values` as probabilities [classes] that nobody can write to."""
        scores = np.array(values, dtype=np.float64)
        if scores.ndim != 1 or not scores.size:
            raise InputError(f"{whose} scores are one number per class, not an array of shape {scores.shape}")
        if self._steps and scores.shape != self._steps[-1].local.shape:
            known = self._steps[-1].local.size
            raise InputError(f"{whose} scores are of {scores.size} classes, those before of {known}")
        if not (np.all(scores >= 0) and abs(scores.sum() - 1.0) <= _SUM_TOLERANCE):
            raise InputError(f"{whose} scores are no probabilities (0 or more, together 1): apply a softmax first")
        scores.flags.writeable = False
        return scores


def softmax(raw: ArrayLike) -> Scores:
    """Raw scores [..., classes] as probabilities of the same shape."""
    scores = np.asarray(raw, dtype=np.float64)
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shares: Scores = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def _smoothed(before: FusionStep, step: FusionStep) -> FusionStep:
    """The step as it follows from the one before: alpha of the past, the rest its own local scores."""
    alpha = UNTRUSTED_ALPHA if before.weight < LEAST_WEIGHT else step.similarity
    fused = alpha * before.fused + (1.0 - alpha) * step.local
    return replace(step, fused=fused, weight=before.weight * alpha)


def _reinforced(step: FusionStep, cloud: Scores) -> FusionStep:
    """The step with the cloud's answer for it: the past no longer matters."""
    fused = LOCAL_SHARE * step.local + CLOUD_SHARE * cloud
    return replace(step, fused=fused, weight=min(float(fused.max()), 1.0))
