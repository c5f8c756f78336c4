"""The placer as its server sees it: a process that is there as long as the server is, and what it tells.

Whatever becomes of it, or of the cluster, workers that run are used as before: where it ends, or is not heard of any
more, it is started anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple

from jellyfish.clock import seconds_now
from jellyfish.errors import InputError
from jellyfish.modes.cluster.lines import (
    MOST_LINE_BYTES,
    FromPlacer,
    JoinCluster,
    NoCluster,
    PlacerSaid,
    WorkersNow,
    as_line,
    line_of_placer,
)
from jellyfish.program.child_environment import environment_of_child

SILENT_S = 15.0
"""A placer that has said nothing for so long, which says something every second, hangs."""
FIRST_PAUSE_S, LAST_PAUSE_S = 1.0, 30.0
"""Before it is started anew: twice as long each time, from the first on again where it ran for longer than the last."""

_log = logging.getLogger(__name__)


class PlacerPipes(NamedTuple):
    """To a placer, and from it."""

    told: asyncio.StreamWriter
    heard: asyncio.StreamReader


Launch = Callable[[], AbstractAsyncContextManager[PlacerPipes]]
"""Starts a placer for the time of a context."""


class Placing:
    """A placer, kept running."""

    def __init__(self, join: JoinCluster, launch: Launch) -> None:
        self._join, self._launch = join, launch
        self.on_workers: Callable[[WorkersNow], None] = lambda now: None
        """Told what there is, each time that it is something else."""
        self.newest = WorkersNow(0)
        self._joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._out_of_sight = ""
        """Why it is; empty while it is not."""

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Have a placer for the time of the context. InputError, first of all, where there is no cluster."""
        keeping = asyncio.create_task(self._keep())
        try:
            await asyncio.wait((keeping, self._joined), return_when=asyncio.FIRST_COMPLETED)
            self._joined.result()
            yield
        finally:
            keeping.cancel()
            await asyncio.wait([keeping])

    async def _keep(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            began_s = seconds_now()
            async with self._launch() as pipes:
                pipes.told.write(as_line(self._join))
                why = await self._hear(pipes.heard)
            if not self._joined.done():
                self._joined.set_exception(InputError(why))
                return
            if not self._out_of_sight:
                _log.warning("the cluster is out of sight: %s. Workers are used as before; it is tried again", why)
            self._out_of_sight = why
            pause_s = FIRST_PAUSE_S if seconds_now() - began_s > LAST_PAUSE_S else min(2 * pause_s, LAST_PAUSE_S)
            await asyncio.sleep(pause_s)

    async def _hear(self, heard: asyncio.StreamReader) -> str:
        """Take what it tells until it ends: why, in words."""
        while True:
            try:
                async with asyncio.timeout(SILENT_S):
                    line = await heard.readline()
                if not line:
                    return "the process that sees it has ended"
                if (why := self._take(line_of_placer(line))) is not None:
                    return why
            except TimeoutError:
                return "the process that sees it hangs"
            except (ValueError, OSError) as error:
                return f"the process that sees it says what makes no sense ({type(error).__name__})"

    def _take(self, told: FromPlacer) -> str | None:
        match told:
            case WorkersNow():
                if not self._joined.done():
                    self._joined.set_result(None)
                elif self._out_of_sight:
                    _log.warning("the cluster is in sight again")
                    self._out_of_sight = ""
                self.newest = told
                self.on_workers(told)
            case NoCluster(words):
                return words
            case PlacerSaid(words):
                _log.warning("%s", words)
        return None


@contextlib.asynccontextmanager
async def placer_process() -> AsyncIterator[PlacerPipes]:
    """A placer for the time of the context. It has the end of its pipe for the server's, and goes then, too."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "jellyfish.modes.cluster.placer",
        stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=environment_of_child(os.environ), limit=MOST_LINE_BYTES,
        start_new_session=True,
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    try:
        yield PlacerPipes(process.stdin, process.stdout)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()  # it has nothing to lose: keepers notice that nobody asks
        await process.wait()
