"""A planner in a process of its own, seen from the event loop. It dies with the server.

In a thread a search shares the interpreter's lock with the event loop, which then wakes late (docs/planning.md).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path

import msgspec

import jellyfish
from jellyfish.control.problem import Plan, Problem
from jellyfish.control.solver import LENGTH_BYTES, Failure, Question, Reply, framed
from jellyfish.control.solving import Solved
from jellyfish.devices.process import begin_apart, usable_cores

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class SolverError(Exception):
    """The planner raised, or its process ended."""


class SolverProcess:
    """Solves in a process with the planner called `name`. One question at a time; started anew after it has ended.

    What its first start takes is the server's own start, and charged to no plan; that of a later one is.
    """

    def __init__(self, name: str, seed: int, cores: Sequence[int]) -> None:
        self._arguments, self._cores = [name, str(seed)], cores
        self._process: Process | None = None
        self._ending = asyncio.Lock()
        self._replies = msgspec.msgpack.Decoder(Reply)
        self._questions = 0

    async def start(self) -> None:
        """Start it; it is ready a moment later, and questions wait for that."""
        root = str(Path(jellyfish.__file__).parents[1])
        paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "jellyfish.control.solver", *self._arguments,
            stdin=PIPE, stdout=PIPE, env={**os.environ, **ONE_THREAD, "PYTHONPATH": paths},
            preexec_fn=partial(begin_apart, self._cores),
        )  # fmt: skip

    async def solve(self, problem: Problem, running: Plan | None, budget_s: float) -> Solved:
        """See `jellyfish.control.solving.Solve`. Raises SolverError; the next question then goes to a new process."""
        if self._process is None:
            await self.start()
        self._questions += 1
        try:
            reply = await self._ask(Question(problem, running, budget_s))
        except BaseException as error:  # cancelled, too: what it still would answer must not meet the next question
            await self.close()
            if isinstance(error, (OSError, EOFError)):
                raise SolverError("the planner's process has ended") from error
            raise
        if isinstance(reply, Failure):
            raise SolverError(reply.error)
        return reply.solved if self._questions > 1 else msgspec.structs.replace(reply.solved, loading_s=0.0)

    async def _ask(self, question: Question) -> Reply:
        assert self._process is not None and self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(framed(question))
        await self._process.stdin.drain()
        head = await self._process.stdout.readexactly(LENGTH_BYTES)
        return self._replies.decode(await self._process.stdout.readexactly(int.from_bytes(head)))

    async def close(self) -> None:
        """End it at once. Where a question that was cancelled ends it, wait for that."""
        async with self._ending:
            process, self._process = self._process, None
            if process is None:
                return
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


@contextlib.asynccontextmanager
async def solver_process(name: str, seed: int, cores: Sequence[int] | None = None) -> AsyncIterator[SolverProcess]:
    """One for the time of the context. `cores`: the processors that it may use; None: all."""
    solver = SolverProcess(name, seed, usable_cores() if cores is None else cores)
    await solver.start()
    try:
        yield solver
    finally:
        await solver.close()
