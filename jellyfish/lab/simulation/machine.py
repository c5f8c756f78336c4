"""The machine that a simulated server runs on, in virtual time: its cores and who works on them.

The event loop is one thread: while it works, the virtual loop's clock moves on, and whatever is due meanwhile comes
late, as on a real one. Decoders, encoders, batches of a CPU and the planner are jobs beside it. Decoders, the planner
and the cameras' threads run on any core, one that has nothing to do if there is one (`devices.process.roam`).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import NamedTuple

from jellyfish.control.solver import NICENESS as PLANNER_NICENESS
from jellyfish.devices.process import NICENESS as WORKER_NICENESS
from jellyfish.lab.simulation.cores import Cores, Job, Pool
from jellyfish.lab.simulation.scenario import Half
from jellyfish.lab.simulation.virtual_loop import VirtualLoop

A_STEP = 1.25
"""By so much less a thread counts with each step of niceness, as Linux shares out a core."""
WORKER_WEIGHT, PLANNER_WEIGHT = A_STEP**-WORKER_NICENESS, A_STEP**-PLANNER_NICENESS


class Threads(NamedTuple):
    """How many threads of a worker run on each half of the cores."""

    first: int
    second: int


class Machine:
    """So many cores. Where they are in two halves, the event loop keeps to the first (`devices.process`)."""

    def __init__(self, loop: VirtualLoop, cores: int, halves: bool) -> None:
        self._loop = loop
        apart = halves and cores > 1
        self._first = Cores(cores // 2 if apart else cores)
        self._second = Cores(cores - cores // 2) if apart else self._first
        self._decoders, self._encoders = Pool(self._roam, cores), Pool(self._roam, cores)
        self._timer: asyncio.TimerHandle | None = None
        self._spent_s = -math.inf
        """When the event loop last had done something."""
        self._settle()

    def rested(self, roams: bool) -> bool:
        """Whether the half where something comes had nothing to do until now, so that it finds cores asleep and their
        caches cold; `roams`: it may come to either."""
        self._settle()
        cores = self._roomier if roams else self._first
        ended_s = cores.ended_s if cores is not self._first else max(cores.ended_s, self._spent_s)
        return cores.idle and self._loop.time() > ended_s

    @property
    def _roomier(self) -> Cores:
        """The half for what may run on either. The event loop, which hands it out, has just been on the first."""
        first, second = self._first, self._second
        return second if second.spare >= 1.0 or second.load < first.load else first

    def _roam(self, job: Job) -> None:
        self._roomier.begin(job)

    # --- what threads beside the event loop do -----------------------------------------------------------

    async def decode(self, seconds: float) -> None:
        """A frame is decoded by one of the server's decoders."""
        await self._begun(self._decoders.begin, Job(seconds, _nothing))

    async def encode(self, seconds: float) -> None:
        """A camera's thread has a frame to decode, scale or encode."""
        await self._begun(self._encoders.begin, Job(seconds, _nothing, WORKER_WEIGHT))

    async def hand(self, seconds: float) -> None:
        """A thread beside the event loop has a batch for a worker."""
        await self._begun(self._first.begin, Job(seconds, _nothing))

    async def batch(self, seconds: float, threads: Threads) -> None:
        """A worker runs a batch that takes `seconds` where it has its cores to itself."""
        apart = not threads.first and self._second is not self._first
        weight = 1.0 if apart else WORKER_WEIGHT  # one that is not beside the event loop does not give way
        halves = (self._first, threads.first), (self._second, threads.second)
        parts = [
            self._begun(cores.begin, Job(seconds * count, _nothing, weight, count)) for cores, count in halves if count
        ]
        await asyncio.gather(*parts)

    async def solve(self, seconds: float) -> None:
        """The planner's process works."""
        await self._begun(self._roam, Job(seconds, _nothing, PLANNER_WEIGHT))

    def bystander(self, half: Half, cores: float, weight: float) -> Callable[[], None]:
        """A process that has nothing to do with us takes `cores` of a half, until what is returned is called."""
        taken = self._first if half == "first" else self._second
        job = Job(math.inf, _nothing, weight, cores)

        def stop() -> None:
            self._settle()
            taken.end(job)
            self._wait()

        self._settle()
        taken.begin(job)
        self._wait()
        return stop

    def _begun(self, begin: Callable[[Job], None], job: Job) -> asyncio.Future[None]:
        """Done when the job is, which ends whether or not anybody still waits for it."""
        done: asyncio.Future[None] = self._loop.create_future()
        job.finished = lambda: None if done.done() else done.set_result(None)
        self._settle()
        begin(job)
        self._wait()
        return done

    # --- what the event loop does ------------------------------------------------------------------------

    def spend(self, seconds: float) -> None:
        """The event loop works for so long; the clock moves on by that and by what others take from it."""
        if seconds <= 0.0:
            return
        self._settle()
        if self._first.spare >= 1.0:  # nobody slows the loop down, nor it them
            self._loop.move_to(self._loop.time() + seconds)
        else:
            self._loop.move_to(self._end_of(seconds))
        self._spent_s = self._loop.time()
        self._wait()

    def _end_of(self, seconds: float) -> float:
        """When so much of the loop's work is done."""
        working = [Job(seconds, lambda: working.clear())]
        self._first.begin(working[0])
        while working:
            self._first.settle(self._first.next_end_s)
        return self._first.now

    # --- time --------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        now = self._loop.time()
        self._first.settle(now)
        self._second.settle(now)

    def _wait(self) -> None:
        """Have a timer for the next job that ends."""
        ends_s = min(self._first.next_end_s, self._second.next_end_s)
        if self._timer is not None:
            if self._timer.when() == ends_s:
                return
            self._timer.cancel()
        self._timer = None if ends_s == math.inf else self._loop.call_at(ends_s, self._turn)

    def _turn(self) -> None:
        self._timer = None
        self._settle()
        self._wait()


def _nothing() -> None:
    """Nobody waits for the job yet."""
