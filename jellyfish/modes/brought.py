"""What a program in Python brings as objects, where a command line has names."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

from jellyfish.control.problem import Plan, Planner, Problem
from jellyfish.control.solving import Solve, Solved
from jellyfish.devices.worker_thread import WorkerThread
from jellyfish.models.model import Model


@dataclass(frozen=True, slots=True)
class Brought:
    """Each takes the place of what the configuration names; None leaves that."""

    model: Model | None = None
    planner: Planner | None = None


@contextlib.contextmanager
def on_a_thread(planner: Planner) -> Iterator[Solve]:
    """`planner`, asked on a thread of its own for the time of the context: the event loop does not wait for it."""
    thread = WorkerThread("planner", begin=lambda: None)

    def solved(problem: Problem, running: Plan | None) -> Solved:
        began_s = time.thread_time()
        plan = planner.plan(problem, running)
        return Solved(plan, time.thread_time() - began_s)

    async def solve(problem: Problem, running: Plan | None, budget_s: float) -> Solved:
        return await asyncio.wrap_future(thread.submit(solved, problem, running))

    try:
        yield solve
    finally:
        thread.close()
