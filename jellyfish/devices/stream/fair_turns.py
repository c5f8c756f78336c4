"""Whose batch runs next on a worker that several fronts share. Pure.

Start-time fair queueing (Goyal, Vin and Cheng, 1996): each batch begins, in a time of its own, when its front's batch
before it ends there, and takes what it costs, divided by the front's share; the one that begins first goes first. So a
front that has more to run than its share waits for itself and not at the others' cost, one that was silent has saved up
nothing, and what nobody uses is there for all.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

LEAST_SHARE = 0.01
"""What a front is taken to have that has none: its batches wait, but not for ever."""
Front = TypeVar("Front", bound=Hashable)


@dataclass(eq=False, frozen=True, slots=True)
class Turn(Generic[Front]):
    """A batch's."""

    front: Front
    begins: float
    """In the turns' own time."""
    number: int


class FairTurns(Generic[Front]):
    """Of one worker. A front's own batches keep their order."""

    def __init__(self, at_once: int) -> None:
        """`at_once`: batches that the worker may have begun."""
        self.shares: Mapping[Front, float] = {}
        """Of each front that is there."""
        self._at_once = at_once
        self._now = 0.0
        self._ends: dict[Front, float] = {}
        """When the last batch of each front ends."""
        self._waiting: list[Turn[Front]] = []
        self._begun: set[Turn[Front]] = set()
        self._numbers = itertools.count()

    def come(self, front: Front, cost_s: float) -> Turn[Front]:
        """A batch is here that keeps the worker for about so long."""
        begins = max(self._now, self._ends.get(front, 0.0))
        self._ends[front] = begins + cost_s / max(self.shares.get(front, 0.0), LEAST_SHARE)
        turn = Turn(front, begins, next(self._numbers))
        self._waiting.append(turn)
        return turn

    def next(self) -> Turn[Front] | None:
        """Whose turn it is now: it has begun by that. None where none waits, or the worker has enough.

        As long as a front is alone its next batch is handed over before the one that runs is over.
        """
        room = self._at_once + (len(self.shares) <= 1)
        if not self._waiting or len(self._begun) >= room:
            return None
        turn = min(self._waiting, key=lambda each: (each.begins, each.number))
        self._waiting.remove(turn)
        self._begun.add(turn)
        self._now = max(self._now, turn.begins)
        return turn

    def over(self, turn: Turn[Front]) -> None:
        """A batch has ended, or does not want to be run any more."""
        self._begun.discard(turn)
        if turn in self._waiting:
            self._waiting.remove(turn)
        if not self._begun and not self._waiting:  # nobody is owed anything
            self._now = max(self._ends.values(), default=self._now)

    def forget(self, front: Front) -> None:
        """That front has gone; what it has begun ends by itself."""
        self._waiting = [each for each in self._waiting if each.front != front]
        self._ends.pop(front, None)
