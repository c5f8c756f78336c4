"""The control loop: once per window, and at once when asked, observe, plan and apply. The only async module of control.

It knows nothing of servers, sockets or devices: a mode hands it callables. Where the planner runs (a thread in service,
in place under a virtual clock) is the mode's choice too.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import msgspec

from jellyfish.clock import seconds_now, timeout_at
from jellyfish.control.capacity import idle_plan, violations, with_newcomers
from jellyfish.control.problem import Plan, Planner, Problem
from jellyfish.errors import JellyfishError

logger = logging.getLogger(__name__)
LEAST_GAP_S = 0.05
"""Between the beginnings of two windows."""
Offload = Callable[[Callable[[Problem, Plan | None], Plan], Problem, Plan | None], Awaitable[Plan]]
"""Runs `function(problem, running)` somewhere and returns its result; `asyncio.to_thread` is one."""


class WindowRecord(msgspec.Struct, frozen=True):
    """What happened in one window, for the logs."""

    t_s: float
    """When the problem was observed, on the event loop's clock."""
    cause: str
    """What made it run: `period`, or what `kick` was given first."""
    problem: Problem
    plan: Plan | None
    """The plan in force after the window; None when there has never been one."""
    solve_s: float
    error: str | None
    """Why the plan in force was left as it was; None when a new one was applied."""


class ControlLoop:
    """Plans once per `period_s`, counted from the last window, and as soon as it can after a kick.

    There is one solve at a time; kicks that come meanwhile are answered by one window after it. A planner that raises,
    whose plan fails the check, or that needs more than `limit_s` leaves the running plan in force. One that needs more
    is still waited for, its late answer thrown away, for it was given a problem of long ago. Meanwhile newcomers get
    what room the running plan has. A warning tells when planning begins to fail and when it works again. `check` says
    which rules a plan breaks; a policy that means to break them (one variant for everyone) brings a more lenient one.
    """

    def __init__(
        self,
        observe: Callable[[], Problem],
        apply: Callable[[Plan], None],
        planner: Planner,
        log: Callable[[WindowRecord], None],
        offload: Offload,
        period_s: float = 0.5,
        limit_s: float = 2.0,
        check: Callable[[Problem, Plan], list[str]] = violations,
    ) -> None:
        self._observe = observe
        self._apply = apply
        self._planner = planner
        self._log = log
        self._offload = offload
        self._period_s = period_s
        self._limit_s = limit_s
        self._check = check
        self._running: Plan | None = None
        self._failing = False
        self._solving = False
        self._cause: str | None = None
        self._kicked = asyncio.Event()

    @property
    def running(self) -> Plan | None:
        """The plan in force; None before the first."""
        return self._running

    def kick(self, cause: str) -> None:
        """Ask for a window at once. Of several kicks before it, the first one's `cause` is recorded."""
        if self._cause is None:
            self._cause = cause
        self._kicked.set()
        if self._solving:
            self._apply_stopgap()

    async def run(self) -> None:
        """Serve windows until cancelled. The first one is at once.

        A window in which `observe` or `apply` raises is lost, and the plan in force stays: adapting late is better than
        never again. An error meant for a person (`JellyfishError`, of a full disk, say) ends the loop.
        """
        cause = "period"
        while True:
            began_s = seconds_now()
            try:
                await self._window(cause, began_s)
            except JellyfishError:
                raise
            except Exception:
                logger.exception("a planning window was lost")
            cause = await self._next_cause(began_s + self._period_s)

    async def _next_cause(self, due_s: float) -> str:
        try:
            async with timeout_at(due_s):
                await self._kicked.wait()
        except TimeoutError:
            return "period"
        # Clients often come and go together: what happens within the least gap is one window's business.
        await asyncio.sleep(due_s - self._period_s + LEAST_GAP_S - seconds_now())
        cause, self._cause = self._cause or "period", None
        self._kicked.clear()
        return cause

    async def _window(self, cause: str, began_s: float) -> None:
        problem = self._observe()
        if not problem.clients:
            self._finish(cause, began_s, problem, idle_plan(problem, self._running), None)
            return
        solve = asyncio.create_task(self._solve(problem))
        self._solving = True
        try:
            while not solve.done() and self._elapsed_s(began_s) < self._limit_s:
                await asyncio.wait({solve}, timeout=min(self._period_s, self._limit_s))
                if not solve.done():
                    self._apply_stopgap()
            error = self._reason_to_keep(solve, problem)
            self._finish(cause, began_s, problem, None if error else solve.result(), error)
            while not solve.done():
                await asyncio.wait({solve}, timeout=self._period_s)
                self._apply_stopgap()
            if error:
                self._apply_stopgap()
        finally:
            self._solving = False
            solve.cancel()

    def _apply_stopgap(self) -> None:
        """Give newcomers a place in the running plan: a planner that fails or is slow must not keep them waiting."""
        plan = with_newcomers(self._observe(), self._running)
        self._apply(plan)
        self._running = plan

    @staticmethod
    def _elapsed_s(began_s: float) -> float:
        return seconds_now() - began_s

    def _finish(self, cause: str, began_s: float, problem: Problem, plan: Plan | None, error: str | None) -> None:
        solve_s = self._elapsed_s(began_s)
        if plan is not None:
            self._apply(plan)
            self._running = plan
        self._warn(error)
        self._log(WindowRecord(began_s, cause, problem, self._running, solve_s, error))

    def _warn(self, error: str | None) -> None:
        """Say so once, not in every window, when planning begins to fail and when it works again."""
        if self._failing != (error is not None):
            logger.warning("planning: %s", error or "works again")
        self._failing = error is not None

    async def _solve(self, problem: Problem) -> Plan:
        return await self._offload(self._planner.plan, problem, self._running)

    def _reason_to_keep(self, solve: asyncio.Task[Plan], problem: Problem) -> str | None:
        """Why the plan in force must stay, or None when the new one can be used."""
        if not solve.done():
            return f"the planner needed more than {self._limit_s:g} s"
        failure = solve.exception()
        if failure is not None:
            return f"the planner raised {type(failure).__name__}: {failure}"
        broken = self._check(problem, solve.result())
        return f"the plan is not feasible: {'; '.join(broken)}" if broken else None
