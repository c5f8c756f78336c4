"""Who of several fronts has a device's worker next."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping

from jellyfish.clock import seconds_now
from jellyfish.lab.simulation.timed_executor import Take

LEAST_SHARE = 0.1
"""Whoever has none is served as if it had so much: what it has begun has to end."""


class DeviceTurns:
    """One device: each worker runs a batch at a time, next that of the front that has had least for its share.

    Whoever has had nothing for a while does not get all of that back: it begins where the others are.
    """

    def __init__(self) -> None:
        self.busy_s = 0.0
        """Of all workers together."""
        self._shares: Mapping[str, float] = {}
        self._had: defaultdict[str, float] = defaultdict(float)
        """Front -> seconds for its share, so far."""
        self._newest = 0.0
        """What the front that was served last had then."""
        self._running: set[int] = set()
        self._waiting: defaultdict[int, dict[str, asyncio.Future[None]]] = defaultdict(dict)

    def share_out(self, shares: Mapping[str, float]) -> None:
        """Front -> its share from now on. What it had for another one does not count where that is new."""
        if shares != self._shares:
            self._had.clear()
            self._newest = 0.0
        self._shares = shares

    def taking(self, front: str, take: Take) -> Take:
        """How a batch of `front` spends its time: it waits for its turn, and is then run as `take` says."""

        async def in_turn(seconds: float, worker: int, resolution: int, frames: int) -> float:
            asked_s = seconds_now()
            await self._turn(front, worker)
            waited_s = seconds_now() - asked_s
            try:
                self.busy_s += seconds
                self._had[front] = self._newest + seconds / max(self._shares.get(front, 0.0), LEAST_SHARE)
                return waited_s + await take(seconds, worker, resolution, frames)
            finally:
                self._next(worker)

        return in_turn

    async def _turn(self, front: str, worker: int) -> None:
        """Wait for it. A front has one batch at a time on a worker."""
        if worker in self._running:
            mine = self._waiting[worker][front] = asyncio.get_running_loop().create_future()
            try:
                await mine
            except asyncio.CancelledError:
                if self._waiting[worker].pop(front, None) is None:
                    self._next(worker)  # it was its turn already
                raise
        self._running.add(worker)
        self._newest = max(self._newest, self._had[front])

    def _next(self, worker: int) -> None:
        """It is free. Whose turn it is is seen when the front that has just ended has had time to come again: it may be
        due more than one turn after the other."""
        asyncio.get_running_loop().call_soon(self._choose, worker)

    def _choose(self, worker: int) -> None:
        """For whoever has had least, if anybody waits."""
        waiting = self._waiting[worker]
        if not waiting:
            self._running.discard(worker)
            return
        front = min(waiting, key=lambda each: (self._had[each], each))
        waiting.pop(front).set_result(None)
