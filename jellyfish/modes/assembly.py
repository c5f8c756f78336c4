"""A server without its sockets, put together: queues, sessions, estimators and the control loop.

The same for real devices and simulated ones, on a real clock and a virtual one; what differs is handed in.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from jellyfish.clock import seconds_now
from jellyfish.config import CLIENTS_CHOOSE, DEFAULT_CARE, Limits
from jellyfish.control.capacity import violations
from jellyfish.control.loop import ControlLoop, Offload, WindowRecord
from jellyfish.control.planners import make_planner
from jellyfish.control.planners.budget import FEW_BUDGET_S, ByClients
from jellyfish.control.planners.client import ClientsChoice, asked_variants
from jellyfish.control.planners.fixed import FixedPlanner, accept
from jellyfish.control.problem import Plan, Planner, Problem
from jellyfish.core import Variant
from jellyfish.devices.executor import Executor
from jellyfish.devices.profile.table import LatencyProfile
from jellyfish.dispatch.batcher import Batcher
from jellyfish.dispatch.dispatcher import Dispatcher
from jellyfish.dispatch.queue import FrameQueue
from jellyfish.server.service import AccuracySource, Service
from jellyfish.server.session import Decode

OnWindow = Callable[[WindowRecord, Service], None]


@dataclass(frozen=True, slots=True)
class PlanningPolicy:
    """Who plans, how often, how carefully, and what is checked of a plan."""

    planner: Planner
    check: Callable[[Problem, Plan], list[str]]
    window_s: float
    care: float = DEFAULT_CARE
    clients_choose: bool = False
    """Whether a frame is run with what its client asks for, and not with what was planned for it."""


def policy(
    planner: str, fixed: Variant | None, max_batch: int, window_s: float, seed: int, care: float = DEFAULT_CARE
) -> PlanningPolicy:
    """The planner called `planner`, or the one that always answers `fixed`. InputError for an unknown name."""
    if planner == CLIENTS_CHOOSE and fixed is None:
        return clients_choose(window_s)
    named = timed_planner(planner, seed)
    if fixed is None:
        return PlanningPolicy(named, violations, window_s, care)
    return PlanningPolicy(FixedPlanner(fixed, max_batch), accept, window_s, care)


def timed_planner(planner: str, seed: int, clock: Callable[[], float] = time.monotonic) -> Planner:
    """The planner called `planner` as it serves: with the time that it may take for so many clients."""
    few = make_planner(planner, seed, clock, FEW_BUDGET_S)
    return ByClients(few, make_planner(planner, seed, clock))


def clients_choose(window_s: float) -> PlanningPolicy:
    """No plan: clients steer for themselves."""
    return PlanningPolicy(ClientsChoice(), accept, window_s, clients_choose=True)


@dataclass(frozen=True, slots=True)
class ServerParts:
    """What a server is made of."""

    devices: Sequence[tuple[Executor, LatencyProfile]]
    variants: tuple[Variant, ...]
    accuracy: AccuracySource
    max_batch: int
    decode: Decode
    offload: Offload
    policy: PlanningPolicy
    limits: Limits
    actuation: bool = True
    """Whether batches may run with another variant than the planned one."""
    queue: Callable[[], FrameQueue] = Batcher
    """Makes each device's queue."""


@contextlib.asynccontextmanager
async def assembled(parts: ServerParts, on_window: OnWindow) -> AsyncIterator[Service]:
    """A running service for the time of the context. It is not ready yet, and drained by whoever closes its sockets.

    Should a dispatcher or the control loop ever end of an error, the context is cancelled and raises it: a server that
    serves nobody must not look alive.
    """
    smallest = parts.variants[0]
    stand_ins = {variant: parts.accuracy.accuracy(variant) for variant in parts.variants if parts.actuation}
    dispatchers = [
        Dispatcher(executor, profile, smallest, parts.max_batch, parts.queue(), stand_ins)
        for executor, profile in parts.devices
    ]
    accuracy = [parts.accuracy.accuracy(variant) for variant in parts.variants]
    asked = asked_variants(parts.variants, accuracy) if parts.policy.clients_choose else None
    service = Service(
        dispatchers, parts.variants, parts.accuracy, parts.decode, parts.limits, parts.policy.care, asked,
        parts.actuation,
    )  # fmt: skip
    control = ControlLoop(
        lambda: service.observe(seconds_now()),
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
