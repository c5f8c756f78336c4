"""A server without its sockets, put together: queues, sessions, estimators and the control loop.

The same for real devices and simulated ones, on a real clock and a virtual one; what differs is handed in.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jellyfish.clock import seconds_now
from jellyfish.config import CLIENTS_CHOOSE, DEFAULT_CARE, DEFAULT_PLANNING_SHARE, PLANNERS, Limits
from jellyfish.control.adaptation import Adaptation, Adapting, EachAnew
from jellyfish.control.capacity import violations
from jellyfish.control.loop import ControlLoop
from jellyfish.control.planners import check_planner, make_planner
from jellyfish.control.planners.client import ClientsChoice, asked_variants
from jellyfish.control.planners.fixed import FixedPlanner, accept
from jellyfish.control.problem import Plan, Problem
from jellyfish.control.room import RoomSearch
from jellyfish.control.solving import Solve, in_place
from jellyfish.core import Reason, Variant
from jellyfish.devices.executor import Executor
from jellyfish.devices.profile.given import require_variants
from jellyfish.devices.profile.table import LatencyProfile
from jellyfish.dispatch.batcher import Batcher
from jellyfish.dispatch.dispatcher import Dispatcher
from jellyfish.dispatch.queue import FrameQueue
from jellyfish.dispatch.warmth import Warmth
from jellyfish.errors import InputError
from jellyfish.media.decoding_cost import weighed
from jellyfish.models.model import Description
from jellyfish.modes.window_log import OnWindow
from jellyfish.server.decoding import Weigh
from jellyfish.server.host_meter import Decode, HostParts
from jellyfish.server.service import DRAIN_S, Service

MOST_WAIT_S = 60.0
"""A request that may take longer has to be answered by then, where another model takes over: as long as a deadline."""
AFTER_DUE_S = 1.0
"""So long after the last frame that was there is due a former device is given back."""


@dataclass(frozen=True, slots=True)
class PlanningPolicy:
    """Who plans, how often, how carefully, what is made of the answers, and what is checked of a plan. For one run."""

    solve: Solve
    adaptation: Adaptation
    check: Callable[[Problem, Plan], list[str]]
    window_s: float
    care: float = DEFAULT_CARE
    target: float | None = None
    """Per cent of its captured frames that each client is to have in time: care is learnt for it; None keeps `care`."""
    clients_choose: bool = False
    """Whether a frame is run with what its client asks for, and not with what was planned for it."""


def policy(
    planner: str,
    fixed: Variant | None,
    max_batch: int,
    window_s: float,
    seed: int,
    care: float = DEFAULT_CARE,
    target: float | None = None,
    share: float = DEFAULT_PLANNING_SHARE,
    solve: Solve | None = None,
) -> PlanningPolicy:
    """The planner called `planner`, or the one that always answers `fixed`. InputError for an unknown name.

    `solve`: where that planner runs; by default it is solved in place, to its end. `share` (0..1) of a core is its own.
    """
    if fixed is not None:
        return PlanningPolicy(in_place(FixedPlanner(fixed, max_batch)), EachAnew(), accept, window_s, care)
    if planner == CLIENTS_CHOOSE:
        return clients_choose(window_s)
    check_planner(planner)
    solve = solve or in_place(make_planner(planner, seed, time_budget_s=math.inf))
    if planner not in PLANNERS:
        return as_answered(solve, window_s, care, target)
    return PlanningPolicy(solve, adapting(planner, share), violations, window_s, care, target)


def adapting(planner: str, share: float) -> Adapting:
    """What is made of the plans of the planner called so."""
    return Adapting(share, sharing=planner == "shared")


def as_answered(solve: Solve, window_s: float, care: float, target: float | None) -> PlanningPolicy:
    """A user's own planner: asked in every window, and each feasible answer is put into force as it is."""
    return PlanningPolicy(solve, EachAnew(), violations, window_s, care, target)


def clients_choose(window_s: float) -> PlanningPolicy:
    """No plan: clients steer for themselves."""
    return PlanningPolicy(in_place(ClientsChoice()), EachAnew(), accept, window_s, clients_choose=True)


@dataclass(frozen=True, slots=True)
class ServerParts:
    """What a server is made of."""

    devices: Sequence[tuple[Executor, LatencyProfile]]
    """Those to begin with; there may be none. Others may come later."""
    model: Description
    """With the sizes that are served."""
    max_batch: int
    """The largest that is planned for; a device whose profile ends before runs no larger ones than that."""
    decode: Decode
    policy: PlanningPolicy
    limits: Limits
    actuation: bool = True
    """Whether batches may run with another variant than the planned one."""
    queue: Callable[[], FrameQueue] = Batcher
    """Makes each device's queue."""
    host: HostParts | None = None
    """What the load of the machine itself is read by; None where it is short of nothing."""
    weigh: Weigh = weighed
    """What a frame takes to decode."""
    decode_large: Decode | None = None
    """What decodes a picture that takes long; None where that is like any other."""
    warmth: Mapping[str, Warmth] = field(default_factory=dict)
    """What has run on a device so far; on those that are not named, all has."""
    within: Callable[[Problem], Problem] = lambda problem: problem
    """What of the devices is this server's, where others use them too (`jellyfish.control.shares`)."""


class Assembly:
    """A running service with its devices and its control loop; devices may come and go while it serves."""

    def __init__(self, parts: ServerParts, on_window: OnWindow, loops: asyncio.TaskGroup) -> None:
        """`loops`: what runs them; should one end of an error, whoever holds the group is told."""
        self._on_window, self._loops = on_window, loops
        self._tasks: set[asyncio.Task[None]] = set()
        """All that run."""
        self._changing = False
        self.room = RoomSearch()
        """For how many more cameras there would be room."""
        dispatchers = _dispatchers(parts)
        self.service = _service(parts, dispatchers)
        self._begin(parts, dispatchers)

    def add_device(self, executor: Executor, profile: LatencyProfile, warmth: Warmth | None = None) -> None:
        """Serve with one more device, which is ready, from the next plan on. `warmth`: None where all has run.

        InputError where its profile lacks a variant that is served, or there is a device of its name.
        """
        if self._changing:
            raise InputError(f"another model is being put in: add {profile.device} for that one, when it serves")
        require_variants(self._parts.model.variants, profile)
        dispatcher = _dispatcher(self._parts, executor, profile, warmth)
        self.service.take_in(dispatcher)
        self._device_tasks[profile.device] = self._run(dispatcher.run())

    async def remove_device(self, name: str, lost: bool = False) -> None:
        """Serve without a device from now on; it may be the last. Returns when it has no frame any more, and may be
        closed. InputError where there is none of this name.

        Its clients are on others, as far as there is room, before this waits for anything. A frame that is on its way
        there by now is answered there, unless the device is `lost`: then it is dropped at once, with `device_error`.
        """
        now = seconds_now()
        due_s = min(self.service.last_due_s(now), now + MOST_WAIT_S)
        dispatcher = self.service.part_with(name)
        task = self._device_tasks.pop(name)
        self._control.repair()
        try:
            if not lost:
                await asyncio.sleep(due_s + AFTER_DUE_S - now)
                with contextlib.suppress(TimeoutError):  # a batch that hangs is left behind
                    async with asyncio.timeout(DRAIN_S):
                        await dispatcher.drain(Reason.DEVICE_ERROR)
        finally:
            dispatcher.abandon()
            task.cancel()
            await asyncio.wait([task])
            self.service.former.ended(dispatcher)

    async def give(self, parts: ServerParts) -> None:
        """Serve with these devices and this model from now on. Returns when the former devices have no frame any more.

        `parts.model` fits what clients were told (`jellyfish.server.another_model`). A frame that is here by now goes
        its way on the device that it was received for, and has its outcome when it is due at the latest. Devices that
        have come later are exchanged with the others: they may come again for the new model.
        """
        self._changing = True
        try:
            self._planning.cancel()
            await asyncio.wait([self._planning])
        finally:
            self._changing = False
        now = seconds_now()
        due_s = min(self.service.last_due_s(now), now + MOST_WAIT_S)
        former, dispatchers = list(self.service.dispatchers.values()), _dispatchers(parts)
        self.service.change_to(parts.model, dispatchers)
        self._begin(parts, dispatchers)
        await asyncio.sleep(due_s + AFTER_DUE_S - seconds_now())
        for dispatcher in former:
            await dispatcher.drain()
            self.service.former.ended(dispatcher)

    def stop(self) -> None:
        """End all loops."""
        for task in list(self._tasks):
            task.cancel()

    def _begin(self, parts: ServerParts, dispatchers: list[Dispatcher]) -> None:
        self._parts = parts
        self._control = _control(parts, self.service, self._on_window)
        self._control.room = self.room
        self.service.on_change = self._control.kick
        self._planning = self._run(self._control.run())
        self._device_tasks = {each.device: self._run(each.run()) for each in dispatchers}

    def _run(self, loop: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loops.create_task(loop)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _dispatchers(parts: ServerParts) -> list[Dispatcher]:
    return [
        _dispatcher(parts, executor, profile, parts.warmth.get(profile.device)) for executor, profile in parts.devices
    ]


def _dispatcher(parts: ServerParts, executor: Executor, profile: LatencyProfile, warmth: Warmth | None) -> Dispatcher:
    smallest, max_batch = parts.model.variants[0], min(parts.max_batch, profile.max_batch)
    stand_ins = {size.variant: size.accuracy for size in parts.model.sizes if parts.actuation}
    return Dispatcher(executor, profile, smallest, max_batch, parts.queue(), stand_ins, warmth)


def _service(parts: ServerParts, dispatchers: list[Dispatcher]) -> Service:
    model = parts.model
    accuracy = [size.accuracy for size in model.sizes]
    asked = asked_variants(model.variants, accuracy) if parts.policy.clients_choose else None
    return Service(
        dispatchers, model, parts.decode, parts.limits, parts.policy.care, parts.policy.target,
        asked, parts.actuation, parts.host, parts.weigh, parts.decode_large,
    )  # fmt: skip


def _control(parts: ServerParts, service: Service, on_window: OnWindow) -> ControlLoop:
    return ControlLoop(
        lambda: parts.within(service.observe(seconds_now())),
        service.apply,
        parts.policy.solve,
        parts.policy.adaptation,
        lambda record: on_window(record, service),
        parts.policy.window_s,
        check=parts.policy.check,
    )


@contextlib.asynccontextmanager
async def assembly(parts: ServerParts, on_window: OnWindow) -> AsyncIterator[Assembly]:
    """A running service for the time of the context. It is not ready yet, and drained by whoever closes its sockets.

    Should a dispatcher or the control loop ever end of an error, the context is cancelled and raises it: a server that
    serves nobody must not look alive.
    """
    try:
        async with asyncio.TaskGroup() as loops:
            assembly = Assembly(parts, on_window, loops)
            try:
                yield assembly
            finally:
                assembly.stop()
    except BaseExceptionGroup as errors:
        raise (errors.exceptions[0] if len(errors.exceptions) == 1 else errors) from None


@contextlib.asynccontextmanager
async def assembled(parts: ServerParts, on_window: OnWindow) -> AsyncIterator[Service]:
    """The service alone, for whoever gives it nothing else."""
    async with assembly(parts, on_window) as whole:
        yield whole.service
