"""A server without its sockets, put together: queues, sessions, estimators and the control loop.

The same for real devices and simulated ones, on a real clock and a virtual one; what differs is handed in.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from jellyfish.config import Limits
from jellyfish.control.capacity import violations
from jellyfish.control.loop import ControlLoop, Offload, WindowRecord
from jellyfish.control.planners import make_planner
from jellyfish.control.planners.fixed import FixedPlanner, accept
from jellyfish.control.problem import Plan, Planner, Problem
from jellyfish.core import Variant
from jellyfish.dispatch.dispatcher import Dispatcher
from jellyfish.dispatch.executor import Executor
from jellyfish.profile.table import LatencyProfile
from jellyfish.server.service import Accuracy, Service
from jellyfish.server.session import Decode

OnWindow = Callable[[WindowRecord, Service], None]


@dataclass(frozen=True, slots=True)
class Policy:
    """Who plans, how often, and what is checked of a plan."""

    planner: Planner
    check: Callable[[Problem, Plan], list[str]]
    window_s: float


def policy(planner: str, fixed: Variant | None, max_batch: int, window_s: float, seed: int) -> Policy:
    """The planner called `planner`, or the one that always answers `fixed`. InputError for an unknown name."""
    named = make_planner(planner, seed)
    if fixed is None:
        return Policy(named, violations, window_s)
    return Policy(FixedPlanner(fixed, max_batch), accept, window_s)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a server is made of."""

    devices: Sequence[tuple[Executor, LatencyProfile]]
    variants: tuple[Variant, ...]
    accuracy: Accuracy
    max_batch: int
    decode: Decode
    offload: Offload
    policy: Policy
    limits: Limits


@contextlib.asynccontextmanager
async def assembled(parts: Parts, on_window: OnWindow) -> AsyncIterator[Service]:
    """A running service for the time of the context. It is not ready yet, and drained by whoever closes its sockets.

    Should a dispatcher or the control loop ever end of an error, the context is cancelled and raises it: a server that
    serves nobody must not look alive.
    """
    smallest = parts.variants[0]
    dispatchers = [Dispatcher(executor, profile, smallest, parts.max_batch) for executor, profile in parts.devices]
    service = Service(dispatchers, parts.variants, parts.accuracy, parts.decode, parts.limits)
    loop = asyncio.get_running_loop()
    control = ControlLoop(
        lambda: service.observe(loop.time()),
        service.apply,
        parts.policy.planner,
        lambda record: on_window(record, service),
        parts.offload,
        parts.policy.window_s,
        check=parts.policy.check,
    )
    service.on_change = control.kick
    try:
        async with asyncio.TaskGroup() as loops:
            tasks = [loops.create_task(dispatcher.run()) for dispatcher in dispatchers]
            tasks.append(loops.create_task(control.run()))
            try:
                yield service
            finally:
                for task in tasks:
                    task.cancel()
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
