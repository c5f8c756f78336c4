"""The machine that a simulated server runs on, in virtual time: its cores and who works on them.

The event loop is one thread: while it works, the virtual loop's clock moves on, and whatever is due meanwhile comes
late, as on a real one. Decoders, encoders, batches of a CPU and the planner are jobs beside it on the same cores.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from jellyfish.lab.simulation.cores import Cores, Job, Pool
from jellyfish.lab.simulation.virtual_loop import VirtualLoop

SWITCH_S = 0.005
"""How long a thread that waits for the interpreter leaves it to another one (`sys.getswitchinterval`)."""


class Machine:
    """So many cores for all. While the event loop works, a batch stands still for the share `standing` of the time."""

    def __init__(self, loop: VirtualLoop, cores: int, standing: float = 0.0) -> None:
        self._loop, self._standing = loop, standing
        self._cores = Cores(cores)
        self._decoders, self._encoders = Pool(self._cores, cores), Pool(self._cores, cores)
        self._timer: asyncio.TimerHandle | None = None
        self._solve: Job | None = None
        self._settle()

    # --- what threads beside the event loop do -----------------------------------------------------------

    async def decode(self, seconds: float) -> None:
        """A frame is decoded by one of the server's decoders."""
        await self._done(self._decoders.begin, Job(seconds, _nothing))

    async def encode(self, seconds: float) -> None:
        """A camera's thread has a frame to decode, scale or encode."""
        await self._done(self._encoders.begin, Job(seconds, _nothing))

    async def batch(self, seconds: float, weight: float, threads: int) -> None:
        """A CPU runs a batch that takes `seconds` on `threads` cores of its own."""
        await self._done(self._cores.begin, Job(seconds * threads, _nothing, weight, threads, interprets=True))

    async def solve(self, seconds: float) -> None:
        """The planner's thread works; it has the interpreter whenever the event loop has not."""
        self._solve = Job(seconds, _nothing)
        try:
            await self._done(self._cores.begin, self._solve)
        finally:
            self._solve = None

    def bystander(self, cores: float, weight: float) -> Callable[[], None]:
        """A process that has nothing to do with us takes `cores`, until what is returned is called."""
        job = Job(math.inf, _nothing, weight, cores)

        def stop() -> None:
            self._settle()
            self._cores.end(job)
            self._wait()

        self._settle()
        self._cores.begin(job)
        self._wait()
        return stop

    async def _done(self, begin: Callable[[Job], None], job: Job) -> None:
        """A thread that has begun ends its work, whether or not anybody still waits for it."""
        done = self._loop.create_future()
        job.finished = lambda: None if done.done() else done.set_result(None)
        self._settle()
        begin(job)
        self._wait()
        await done

    # --- what the event loop does ------------------------------------------------------------------------

    def spend(self, seconds: float) -> None:
        """The event loop works for so long; the clock moves on by that and by what others take from it."""
        if seconds <= 0.0:
            return
        self._settle()
        solve, waited = self._solve, self._loop.has_waited()
        if waited and solve is not None and solve.left_s > 0.0:
            self._cores.settle(self._cores.now + SWITCH_S)  # the planner has the interpreter and gives it up only then
        if solve is not None:
            self._cores.end(solve)
        self._work(seconds)
        if solve is not None and solve.left_s > 0.0:
            self._cores.begin(solve)
        self._loop.move_to(self._cores.now)
        self._wait()

    def _work(self, seconds: float) -> None:
        """So much of the loop's work, whatever time it takes."""
        working = [Job(seconds, lambda: working.clear())]
        self._cores.stand(self._standing)
        self._cores.begin(working[0])
        while working:
            self._cores.settle(self._cores.next_end_s)
        self._cores.stand(0.0)

    # --- time --------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        self._cores.settle(self._loop.time())

    def _wait(self) -> None:
        """Have a timer for the next job that ends."""
        ends_s = self._cores.next_end_s
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
