"""Batches of several fronts that wait for their turn on one worker of a device."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator

from jellyfish.clock import seconds_now
from jellyfish.devices.stream.fair_turns import FairTurns, Turn


class TurnQueue:
    """Of one worker. Who comes first is `FairTurns`' to say."""

    def __init__(self, at_once: int) -> None:
        """`at_once`: batches that the worker may have begun."""
        self.fair = FairTurns[str](at_once)
        self._waiting: dict[Turn[str], asyncio.Future[None]] = {}
        self._over_s: dict[str, float] = {}
        """When the last batch of each front was over."""

    def come(self, front: str, cost_s: float) -> Turn[str]:
        """A batch is here that keeps the worker for about so long; those of a front have their turns in that order."""
        turn = self.fair.come(front, cost_s)
        self._waiting[turn] = asyncio.get_running_loop().create_future()
        self._go_on()
        return turn

    @contextlib.asynccontextmanager
    async def turn(self, turn: Turn[str], came_s: float) -> AsyncIterator[float]:
        """Wait for it, and have it for the time of the context; how long others' batches were waited for."""
        try:
            if (waiting := self._waiting.get(turn)) is not None:
                await waiting
            yield seconds_now() - max(came_s, self._over_s.get(turn.front, -math.inf))
        finally:
            self._waiting.pop(turn, None)
            self.fair.over(turn)
            if turn.front in self.fair.shares:
                self._over_s[turn.front] = seconds_now()
            self._go_on()

    def forget(self, front: str) -> None:
        """It has gone: what waits is not run."""
        for turn, waiting in self._waiting.items():
            if turn.front == front:
                waiting.cancel()
        self.fair.forget(front)
        self._over_s.pop(front, None)

    def _go_on(self) -> None:
        while (turn := self.fair.next()) is not None:
            waiting = self._waiting.pop(turn)
            if not waiting.done():
                waiting.set_result(None)
