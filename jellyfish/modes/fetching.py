"""The cameras that a server fetches itself, as the server sees them: what it wants, and a process that does it.

One process, the fetcher (`jellyfish.modes.fetcher`), which has all of them, and is a client of this server like any
other. Whatever becomes of it, streams of others go on: where it ends, or is not heard of any more, it is started anew,
and told again what is wanted.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import NamedTuple, Protocol

from jellyfish.clock import seconds_now
from jellyfish.config import SourceConfig
from jellyfish.core import SourceState
from jellyfish.devices.process import begin_apart
from jellyfish.modes.fetcher_lines import (
    MOST_LINE_BYTES,
    FetchCamera,
    FetcherAlive,
    FetcherSaid,
    ForgetCamera,
    ServerToReach,
    SourceTold,
    as_line,
    line_of_fetcher,
)
from jellyfish.program.child_environment import environment_of_child
from jellyfish.server.cameras.listing import FetchedState
from jellyfish.server.fleet.telling import SourceTerms
from jellyfish.waiting import Signal

SILENT_S = 15.0
"""A fetcher that has said nothing for so long, which says something every second, hangs."""
LEAST_PAUSE_S, MOST_PAUSE_S = 0.5, 8.0
"""Before it is started anew: twice as long each time, from the least one on again where it has run for longer."""
ENDING_S = 3.0
"""How long it may take to say goodbye for its cameras when the server stops."""

_log = logging.getLogger(__name__)
OnSource = Callable[[str, FetchedState], None]


class FetcherPipe(Protocol):
    """What a fetcher is told by."""

    def write(self, data: bytes) -> None:
        """Have it sent."""
        ...

    async def drain(self) -> None:
        """Wait until there is room for more."""
        ...


class FetcherPipes(NamedTuple):
    """To a fetcher, and from it."""

    told: FetcherPipe
    heard: asyncio.StreamReader
    process_id: int


Launch = Callable[[Sequence[int]], AbstractAsyncContextManager[FetcherPipes]]
"""Starts a fetcher for the time of a context, on these processors."""


class Fetching:
    """What is wanted, and how it is. `want` and `states` at any time; `running` once."""

    def __init__(self, on_source: OnSource = lambda name, state: None) -> None:
        """`on_source`: told each change of a source."""
        self._on_source = on_source
        self._wanted: dict[str, SourceConfig] = {}
        self._reach: ServerToReach | None = None
        self._states: dict[str, FetchedState] = {}
        self._changed = Signal(asyncio.get_running_loop())

    def want(self, sources: Mapping[str, SourceConfig]) -> None:
        """These are to be fetched from now on, and no others. Returns at once."""
        self._wanted = dict(sources)
        self._states = {name: state for name, state in self._states.items() if name in sources}
        self._changed.set()

    def reach(self, server: ServerToReach) -> None:
        """The server is to be reached so from now on. Returns at once."""
        self._reach = server
        self._changed.set()

    def states(self) -> dict[str, FetchedState]:
        """Of each camera that something was heard of."""
        return self._states

    def sources(self) -> dict[str, SourceState]:
        """How the source of each camera is that is wanted."""
        known = self._states
        return {name: SourceState(known[name].state if name in known else "opening") for name in self._wanted}

    def terms(self) -> dict[str, SourceTerms]:
        """What is asked of each of them."""
        return {name: SourceTerms(source.fps, source.slo_s) for name, source in self._wanted.items()}

    @contextlib.asynccontextmanager
    async def running(self, server: ServerToReach, cores: Sequence[int], launch: Launch) -> AsyncIterator[None]:
        """Fetch for the time of the context, on these processors."""
        self._reach = server
        keeping = asyncio.create_task(self._keep(cores, launch))
        try:
            yield
        finally:
            keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeping

    async def _keep(self, cores: Sequence[int], launch: Launch) -> None:
        """Have a process as long as there is something to fetch; another one after one that has ended."""
        pause_s = LEAST_PAUSE_S
        while True:
            while not self._wanted:
                self._changed.clear()
                await self._changed.wait()
            began_s = seconds_now()
            async with launch(cores) as pipes:
                why = await self._with(pipes)
            _log.warning("the process %d, which fetches cameras, %s: another one is started", pipes.process_id, why)
            for name in self._wanted:
                self._take(SourceTold(name, SourceState.DEAD.value, "the process that fetches cameras has ended"))
            pause_s = LEAST_PAUSE_S if seconds_now() - began_s > MOST_PAUSE_S else min(2 * pause_s, MOST_PAUSE_S)
            await asyncio.sleep(pause_s)

    async def _with(self, pipes: FetcherPipes) -> str:
        """Tell it what is wanted, and hear it, until it ends; how it did."""
        hearing = asyncio.create_task(self._hear(pipes.heard))
        telling = asyncio.create_task(self._tell(pipes.told))
        try:
            await asyncio.wait((hearing, telling), return_when=asyncio.FIRST_COMPLETED)
            return hearing.result() if hearing.done() else "does not listen"
        finally:
            hearing.cancel()
            telling.cancel()
            await asyncio.gather(hearing, telling, return_exceptions=True)

    async def _tell(self, pipe: FetcherPipe) -> None:
        """Tell each change of what is wanted."""
        reach: ServerToReach | None = None
        told: dict[str, SourceConfig] = {}
        while True:
            self._changed.clear()
            lines: list[ServerToReach | FetchCamera | ForgetCamera] = []
            if self._reach is not None and self._reach != reach:
                lines.append(reach := self._reach)
            lines += [ForgetCamera(name) for name, source in told.items() if self._wanted.get(name) != source]
            lines += [FetchCamera(each) for name, each in self._wanted.items() if told.get(name) != each]
            told = self._wanted
            pipe.write(b"".join(map(as_line, lines)))
            await pipe.drain()
            await self._changed.wait()

    async def _hear(self, pipe: asyncio.StreamReader) -> str:
        while True:
            try:
                async with asyncio.timeout(SILENT_S):
                    line = await pipe.readline()
                if not line:
                    return "has ended"
                self._take(line_of_fetcher(line))
            except TimeoutError:
                return "hangs"
            except (ValueError, OSError) as error:
                return f"says what makes no sense ({type(error).__name__})"

    def _take(self, told: SourceTold | FetcherSaid | FetcherAlive) -> None:
        match told:
            case SourceTold(name, state, words) if name in self._wanted and state != SourceState.STOPPED:
                before = self._states.get(name)
                if before is None or (before.state, before.words) != (state, words):
                    since_s = before.since_s if before is not None and before.state == state else seconds_now()
                    self._states[name] = FetchedState(state, words, since_s)
                    self._on_source(name, self._states[name])
            case FetcherSaid(level, logger, words):
                logging.getLogger(logger).log(level, "%s", words)


@contextlib.asynccontextmanager
async def fetcher_process(cores: Sequence[int]) -> AsyncIterator[FetcherPipes]:
    """A fetcher for the time of the context. It has the end of its pipe for the server's, and goes then, too.

    `cores`: the processors that it may use.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "jellyfish.modes.fetcher",
        stdin=PIPE, stdout=PIPE, env=environment_of_child(os.environ), limit=MOST_LINE_BYTES,
        preexec_fn=partial(begin_apart, cores),
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    try:
        yield FetcherPipes(process.stdin, process.stdout, process.pid)
    finally:
        await _end(process)


async def _end(process: Process) -> None:
    """Let it say goodbye, and see that it is gone."""
    assert process.stdin is not None and process.stdout is not None
    process.stdin.close()
    try:
        async with asyncio.timeout(ENDING_S):
            while await process.stdout.read(MOST_LINE_BYTES):
                pass
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
