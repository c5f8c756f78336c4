"""Which steps go to the cloud, and what is on its way there. Pure: events come in as calls, nothing waits.

An offered step waits in a slot of one (the newest wins), is sent when fewer than 2 are on their way, and is answered,
dropped or lost. Answers wait in a slot of one as well. Every step has exactly one fate at each point, and is counted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

MOST_OUTSTANDING = 2
"""Published: one is transferred while the other is being computed."""

Answer = TypeVar("Answer")


class Fate(StrEnum):
    """How an offered step ends."""

    REPLACED = "replaced"
    """Never sent: a newer step took the place."""
    DROPPED = "dropped"
    """Sent, and refused or given up by the cloud."""
    LOST = "lost"
    """Sent, and given up by the device: the connection is gone, or too much time has passed."""
    USED = "used"
    PASSED_OVER = "passed_over"
    """Answered, when an answer for a newer step was there already or came before this one was used."""


@dataclass(slots=True)
class RequestCounts:
    """What became of the steps so far.

    Always: offered = sent + replaced + (1 if one waits); sent = answered + dropped + lost + outstanding;
    answered = used + passed over + (1 if an answer waits).
    """

    offered: int = 0
    sent: int = 0
    replaced: int = 0
    answered: int = 0
    dropped: int = 0
    lost: int = 0
    used: int = 0
    passed_over: int = 0


class Requests(Generic[Answer]):
    """One stream's requests to the cloud; `Answer` is whatever the cloud answers with.

    `most_outstanding`: so many are sent and unanswered at the most. `on_end` is told once how each step ended.
    """

    def __init__(
        self,
        most_outstanding: int = MOST_OUTSTANDING,
        on_end: Callable[[int, Fate], None] = lambda step, fate: None,
    ) -> None:
        self._most_outstanding, self._on_end = most_outstanding, on_end
        self._newest_offered = -1
        self._waiting: int | None = None
        self._outstanding: list[int] = []
        self._answer: tuple[int, Answer] | None = None
        self._newest_used = -1
        self.counts = RequestCounts()

    @property
    def waiting(self) -> int | None:
        """The step that is sent next."""
        return self._waiting

    @property
    def outstanding(self) -> tuple[int, ...]:
        """Steps that are sent and have no end yet, oldest first."""
        return tuple(self._outstanding)

    def offer(self, step: int) -> int | None:
        """A step that is to go to the cloud. Returns the one whose place it takes, whose data is needed no more.

        Raises RuntimeError unless it is newer than all that were offered before.
        """
        if step <= self._newest_offered:
            raise RuntimeError(f"step {step} is offered after step {self._newest_offered}")
        self._newest_offered = step
        replaced, self._waiting = self._waiting, step
        self.counts.offered += 1
        if replaced is not None:
            self.counts.replaced += 1
            self._on_end(replaced, Fate.REPLACED)
        return replaced

    def send(self) -> int | None:
        """The step to be sent now, which is on its way from here on; None when none waits or no place is free."""
        if self._waiting is None or len(self._outstanding) >= self._most_outstanding:
            return None
        step, self._waiting = self._waiting, None
        self._outstanding.append(step)
        self.counts.sent += 1
        return step

    def answered(self, step: int, answer: Answer) -> bool:
        """The cloud's answer for a step is here; it waits to be used, unless one for a newer step is known.

        False for a step that is not (or no longer) on its way: nothing happens.
        """
        if not self._end(step):
            return False
        self.counts.answered += 1
        waiting = -1 if self._answer is None else self._answer[0]
        if step < max(waiting, self._newest_used):
            self._pass_over(step)
            return True
        if self._answer is not None:
            self._pass_over(waiting)
        self._answer = step, answer
        return True

    def dropped(self, step: int) -> bool:
        """The cloud refused the step or gave it up. False for one that is not (or no longer) on its way."""
        ended = self._end(step)
        if ended:
            self.counts.dropped += 1
            self._on_end(step, Fate.DROPPED)
        return ended

    def lost(self, step: int) -> bool:
        """No answer will come, or none is waited for. False for a step that is not (or no longer) on its way."""
        ended = self._end(step)
        if ended:
            self.counts.lost += 1
            self._on_end(step, Fate.LOST)
        return ended

    def take(self) -> tuple[int, Answer] | None:
        """(step, answer): the newest answer that has come since the last one taken, which is used from here on."""
        taken, self._answer = self._answer, None
        if taken is not None:
            self._newest_used = taken[0]
            self.counts.used += 1
            self._on_end(taken[0], Fate.USED)
        return taken

    def finish(self) -> None:
        """Nothing more is sent, and no answer used: whatever has no end yet gets one."""
        if self._waiting is not None:
            self.counts.replaced += 1
            self._on_end(self._waiting, Fate.REPLACED)
            self._waiting = None
        for step in self.outstanding:
            self.lost(step)
        if self._answer is not None:
            self._pass_over(self._answer[0])
            self._answer = None

    def _pass_over(self, step: int) -> None:
        self.counts.passed_over += 1
        self._on_end(step, Fate.PASSED_OVER)

    def _end(self, step: int) -> bool:
        if step not in self._outstanding:
            return False
        self._outstanding.remove(step)
        return True
