"""Which steps are worth sending to the cloud: the published filters. Pure: steps are counted, no clock.

A filter asks again at every step until it is told of a sending, so that what goes out when the link is free again is
the newest step, not the one at which the wish came up.
"""

from __future__ import annotations

from typing import Protocol

PERIOD_STEPS = 5
RISE = 0.5


class Filter(Protocol):
    """Says of each step, once and in order, whether it should go to the cloud; `sent` tells it of those that did."""

    def wants(self, step: int, similarity: float, gain: float) -> bool:
        """Whether `step` should go.

        `similarity`: to the step before, 0..1; `gain`: what an answer for it is expected to give.
        """
        ...

    def sent(self, step: int) -> None:
        """`step` is on its way."""
        ...


class Periodic:
    """Every k-th step, counted from the last one sent; the first step at once."""

    def __init__(self, k: int = PERIOD_STEPS) -> None:
        self._k = k
        self._due = 0

    def wants(self, step: int, similarity: float, gain: float) -> bool:
        """Whether a period has passed."""
        return step >= self._due

    def sent(self, step: int) -> None:
        """The period begins anew."""
        self._due = step + self._k


class Transition:
    """When similarity rises by 0.5 from one step to the next: something new has come and stays. And every k-th step."""

    def __init__(self, k: int = PERIOD_STEPS) -> None:
        self._periodic = Periodic(k)
        self._before = 1.0
        """Similarity of the step before; the first step is like itself."""

    def wants(self, step: int, similarity: float, gain: float) -> bool:
        """Whether similarity rises, or the period has passed."""
        rises = similarity - self._before >= RISE
        self._before = similarity
        return rises or self._periodic.wants(step, similarity, gain)

    def sent(self, step: int) -> None:
        """The period begins anew."""
        self._periodic.sent(step)
