"""A keeper: holds a place of the cluster, and keeps a worker's program running there as servers wish it.

It is the inside of an actor (`jellyfish.modes.cluster.ray_cluster`), and knows nothing of that.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from jellyfish.clock import seconds_now
from jellyfish.modes.cluster.claims import Claims
from jellyfish.modes.cluster.lines import KeeperSaid, WorkerWish, as_bytes, wish_of
from jellyfish.modes.cluster.worker_child import WorkerChild, WorkerEndedError

ASKED_S = 5.0
"""Who asks is answered by then, whether anything has changed or not."""
LOOK_S = 1.0
"""Between two looks at who is still there."""
FIRST_PAUSE_S, LAST_PAUSE_S = 0.1, 10.0
"""Before a program that has ended is started anew: twice as long each time, from the first on again where it ran longer
than the last."""

Start = Callable[[WorkerWish], AbstractAsyncContextManager[WorkerChild]]


class Keeper:
    """`ask` at any time, from any number of servers."""

    def __init__(self, start: Start, leave: Callable[[], None]) -> None:
        """`start`: a worker for the time of a context. `leave`: gives the place back; this process ends then."""
        self._start, self._leave = start, leave
        self._claims = Claims(seconds_now())
        self._said = KeeperSaid(0)
        self._changed = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None

    async def ask(self, front: str, wish: bytes, seen: int) -> bytes:
        """Have what the server `front` wishes run here, if nobody wishes anything else.

        A `KeeperSaid` of another version than `seen`, as soon as there is one, or how it is after a while.
        """
        mine = wish_of(wish)
        self._claims.ask(front, mine, seconds_now())
        if self._keeping is None:
            self._keeping = asyncio.create_task(self._keep())
        if self._said.version == seen:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ASKED_S):
                    await self._changed.wait()
        self._claims.ask(front, mine, seconds_now())
        why_not = self._claims.why_not(mine)
        return as_bytes(KeeperSaid(self._said.version, words=why_not) if why_not else self._said)

    async def close(self) -> None:
        """End the worker."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait([self._keeping])

    async def _keep(self) -> None:
        pause_s = FIRST_PAUSE_S
        while self._claims.wish is not None:
            began_s, wish = seconds_now(), self._claims.wish
            words = await self._run(wish)
            if self._claims.unused(seconds_now()):
                self._leave()
                return
            self._say(words=words)
            if self._claims.wish == wish:
                pause_s = FIRST_PAUSE_S if seconds_now() - began_s > LAST_PAUSE_S else min(2 * pause_s, LAST_PAUSE_S)
                await asyncio.sleep(pause_s)

    async def _run(self, wish: WorkerWish) -> str:
        """Have a worker until it ends, or is not wished for any more; why it does not run then."""
        try:
            async with self._start(wish) as child:
                port = await child.listens()
                self._say(port, child.certificate, child.token)
                ended = asyncio.create_task(child.ended())
                try:
                    while not ended.done():
                        await asyncio.wait([ended], timeout=LOOK_S)
                        self._claims.look(seconds_now())
                        if self._claims.wish != wish or self._claims.unused(seconds_now()):
                            return "another one is started in its place"
                    return f"its program has ended, and is started anew: {ended.result()}"
                finally:
                    ended.cancel()
        except WorkerEndedError as error:
            return f"its program does not begin: {error}"
        except Exception as error:  # the place is to go on, whatever it is
            return f"its program cannot be started: {type(error).__name__}: {error}"

    def _say(self, port: int = 0, certificate: str = "", token: str = "", words: str = "") -> None:
        self._said = KeeperSaid(self._said.version + 1, port, certificate, token, words)
        self._changed.set()
        self._changed = asyncio.Event()
