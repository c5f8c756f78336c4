"""The control loop: once per window, and at once when asked, observe, repair, plan and apply.

It knows nothing of servers, sockets or devices: a mode hands it callables. Where the planner runs (a process in
service, in place under a virtual clock) is the mode's choice too.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable

import msgspec

from jellyfish.clock import call_at, seconds_now, timeout_at
from jellyfish.control.adaptation import Adaptation
from jellyfish.control.allowance import Why
from jellyfish.control.capacity import idle_plan, violations
from jellyfish.control.problem import Plan, Problem
from jellyfish.control.repair import Repaired
from jellyfish.control.room import RoomSearch
from jellyfish.control.solving import Solve, Solved
from jellyfish.errors import JellyfishError

logger = logging.getLogger(__name__)
LEAST_GAP_S = 0.05
"""Between the beginnings of two windows, and between two repairs of which nobody waits for the second."""
SPARING, MOST_GAP_S = 10.0, 1.0
"""They are further apart where looking at all clients, and repairing, take the event loop long: so many times as long,
so that frames have the rest of its time; but no further than that."""


class WindowRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What happened in one window, for the logs."""

    t_s: float
    """When the problem was observed, on the event loop's clock."""
    cause: str
    """What made it run: `period`, or what `kick` was given first."""
    problem: Problem
    plan: Plan | None
    """The plan in force after the window; None when there has never been one."""
    solve_s: float
    """How long the answer was waited for; 0 where there was no solve."""
    error: str | None
    """Why the plan in force was left as it was; None when a new one was applied or none was asked for."""
    why: Why = "solved"
    cpu_s: float = 0.0
    """Processor seconds of the solve, and of what was loaded for it; and of questions beside plans since the record
    before."""
    repairs_s: tuple[float, ...] = ()
    """What each repair that changed the plan took, since the record before."""
    looks_s: float = 0.0
    """What looking at clients and devices took since the record before."""
    changes: int = 0
    """Clients whose variant changed since the record before, each time counted."""


class ControlLoop:
    """A window once per `period_s`, counted from the last one, and as soon as it can be after a kick.

    In each the running plan is made to fit the newest problem at once (`repair`); then, if it is worth it and can be
    afforded, a planner is asked. There is one solve at a time. While it lasts the plan is repaired once per period and
    after kicks, which are answered by one window after it. Its answer is repaired for what is the newest problem by
    then, and put into force where that gains something. A planner that raises, whose plan fails the check, or that has
    not answered after `limit_s` leaves the running plan in force; a warning tells when that begins and when it ends.
    `check` says which rules a plan breaks; a policy that means to break them (one variant for everyone) brings a more
    lenient one.
    """

    def __init__(
        self,
        observe: Callable[[], Problem],
        apply: Callable[[Plan], None],
        solve: Solve,
        adaptation: Adaptation,
        log: Callable[[WindowRecord], None],
        period_s: float = 0.5,
        limit_s: float = 10.0,
        check: Callable[[Problem, Plan], list[str]] = violations,
    ) -> None:
        self._observe, self._apply, self._solve, self._log = observe, apply, solve, log
        self._adaptation = adaptation
        self._period_s, self._limit_s = period_s, limit_s
        self._check = check
        self.room: RoomSearch | None = None
        """Asks the planner whether there is room for more clients, beside plans."""
        self._running: Plan | None = None
        self._failing = False
        self._solving = self._over = False
        self._cause: str | None = None
        self._kicked = asyncio.Event()
        self._due: asyncio.TimerHandle | None = None
        self._repaired_s = float("-inf")
        self._gap_s = LEAST_GAP_S
        self._looked_s = 0.0
        """When clients and devices were last looked at."""
        self._vain = 0
        self._repairs_s: list[float] = []
        self._looks_s = 0.0
        self._changes = 0
        self._beside_s = 0.0
        """Processor seconds of questions beside plans, of which no record has told."""

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
            self._vain = 0
            self._repair_soon()

    def repair(self) -> None:
        """Make the plan in force fit what is now, at once: a device is gone, and nobody is to wait for a window."""
        self._vain = 0
        self._repair_as_is()

    async def run(self) -> None:
        """Serve windows until cancelled. The first one is at once.

        A window in which `observe` or `apply` raises is lost, and the plan in force stays: adapting late is better than
        never again. An error meant for a person (`JellyfishError`, of a full disk, say) ends the loop.
        """
        cause = "period"
        try:
            while True:
                began_s = seconds_now()
                try:
                    await self._window(cause, began_s)
                except JellyfishError:
                    raise
                except Exception:
                    logger.exception("a planning window was lost")
                cause = await self._next_cause(began_s)
        finally:
            self._over = True
            if self._due is not None:
                self._due.cancel()

    async def _next_cause(self, began_s: float) -> str:
        """Wait for the next window's time; `began_s`: when the last one began."""
        try:
            async with timeout_at(began_s + max(self._period_s, self._gap_s)):
                await self._kicked.wait()
        except TimeoutError:
            return "period"
        # Clients often come and go together: what happens within the least gap is one window's business.
        await asyncio.sleep(began_s + self._gap_s - seconds_now())
        cause, self._cause = self._cause or "period", None
        self._kicked.clear()
        return cause

    async def _window(self, cause: str, began_s: float) -> None:
        self._vain = 0
        problem = self._look()
        self._repair(problem)
        if not problem.devices and self.room is not None:
            self.room.forget()
        if not problem.clients or not problem.devices:
            why: Why = "solved" if not problem.clients else "skipped"
            self._record(
                WindowRecord(t_s=began_s, cause=cause, problem=problem, plan=None, solve_s=0.0, error=None, why=why)
            )
            return
        verdict = self._adaptation.decide(began_s, problem, self._running)
        record = WindowRecord(
            t_s=began_s, cause=cause, problem=problem, plan=None, solve_s=0.0, error=None, why=verdict.why
        )
        if verdict.why == "solved":
            record = await self._solved(record, verdict.budget_s)
            self._warn(record.error)
        self._record(record)
        if cause == "period" and record.error is None:
            await self._look_for_room()

    # --- repair ------------------------------------------------------------------------------------------

    def _look(self) -> Problem:
        """The newest problem, as it is to be planned for."""
        self._looked_s = began_s = seconds_now()
        problem = self._adaptation.shown(began_s, self._observe(), self._running)
        self._looks_s += seconds_now() - began_s
        self._space_out()
        return problem

    def _space_out(self) -> None:
        """Leave as much time to frames as what has been done since the last look asks for."""
        self._gap_s = min(max(LEAST_GAP_S, SPARING * (seconds_now() - self._looked_s)), MOST_GAP_S)

    def _repair(self, problem: Problem) -> int:
        """Make the running plan fit `problem`; how much of that is left to do, which is done soon."""
        began_s = seconds_now()
        self._repaired_s = began_s
        if not problem.clients or not problem.devices:
            self._put_into_force(problem, idle_plan(problem, self._running))
            return 0
        repaired = self._adaptation.repaired(problem, self._running, self._vain)
        if repaired is None:
            return 0
        self._vain = repaired.vain
        if repaired.plan is not self._running:
            self._repairs_s.append(seconds_now() - began_s)
        self._put_into_force(problem, repaired.plan)
        self._space_out()
        if repaired.rest:
            self._repair_soon()
        return repaired.rest

    def _repair_soon(self) -> None:
        """Once, at once or when the least gap since the last repair is over."""
        if self._due is None and not self._over:
            due_s = max(self._repaired_s + self._gap_s, seconds_now())
            self._due = call_at(asyncio.get_running_loop(), due_s, self._repair_now)

    def _repair_now(self) -> None:
        self._due = None
        self._repair_as_is()

    def _repair_as_is(self) -> None:
        if self._over:
            return
        try:
            self._repair(self._look())
        except Exception:
            logger.exception("a repair of the plan was lost")

    def _put_into_force(self, problem: Problem, plan: Plan) -> None:
        before = self._running
        self._apply(plan)
        self._running = plan
        if before is not None and before is not plan:
            self._changes += _changed_variants(problem, before, plan)
            self._adaptation.changed(seconds_now(), problem, before, plan)

    # --- solving -----------------------------------------------------------------------------------------

    async def _solved(self, record: WindowRecord, budget_s: float) -> WindowRecord:
        """Ask the planner and use its answer; `record` with what came of it."""
        async with self._asked(record.problem, budget_s, record.t_s) as solve:
            solve_s = seconds_now() - record.t_s
            error = self._reason_to_keep(solve, record.problem)
            if error is None:
                answer = solve.result()
                self._use(answer, record.problem, budget_s)
                return msgspec.structs.replace(record, solve_s=solve_s, cpu_s=answer.cpu_s + answer.loading_s)
            self._adaptation.failed()
            self._repair(self._look())
            return msgspec.structs.replace(record, solve_s=solve_s, error=error)

    @contextlib.asynccontextmanager
    async def _asked(self, problem: Problem, budget_s: float, since_s: float) -> AsyncIterator[asyncio.Future[Solved]]:
        """The planner's answer, once it is there or is waited for no longer; until then what runs is repaired."""
        solve = asyncio.ensure_future(self._solve(problem, self._running, budget_s))
        self._solving = True
        try:
            while not solve.done() and seconds_now() - since_s < self._limit_s:
                await asyncio.wait({solve}, timeout=min(self._period_s, self._limit_s))
                if not solve.done():
                    self._vain = 0
                    self._repair(self._look())
            yield solve
        finally:
            self._solving = False
            solve.cancel()

    async def _look_for_room(self) -> None:
        """Ask the planner how many more clients there would be room for, where somebody wants to know."""
        now, room, running = seconds_now(), self.room, self._running
        if room is None or running is None or not room.wanted(now):
            return
        problem = self._look()
        budget_s = self._adaptation.beside(now, problem)
        question = room.question(now, problem, running) if budget_s else None
        if question is None:
            return
        async with self._asked(question, budget_s, now) as solve:
            if self._reason_to_keep(solve, question) is not None:
                self._adaptation.spent_beside(seconds_now(), budget_s)
                return
            answer = solve.result()
            self._beside_s += answer.cpu_s + answer.loading_s
            self._adaptation.spent_beside(seconds_now(), answer.cpu_s + answer.loading_s)
            room.answered(seconds_now(), problem, running, answer.plan)

    def _use(self, answer: Solved, asked: Problem, budget_s: float) -> None:
        """Put the answer into force, made to fit what is by now, if that is better than what runs."""
        now = seconds_now()
        self._adaptation.spent(now, asked, budget_s, answer.cpu_s, answer.loading_s)
        newest = self._look()
        left = self._repair(newest)
        fitted = self._adaptation.repaired(newest, answer.plan, 0) or Repaired(answer.plan)
        fits_better = left > 0 and not fitted.rest
        if self._running is None or fits_better or self._adaptation.adopts(now, newest, self._running, fitted.plan):
            self._put_into_force(newest, fitted.plan)

    def _reason_to_keep(self, solve: asyncio.Future[Solved], problem: Problem) -> str | None:
        """Why the plan in force must stay, or None when the new one can be used."""
        if not solve.done():
            return f"the planner needed more than {self._limit_s:g} s"
        failure = solve.exception()
        if failure is not None:
            return f"the planner raised {type(failure).__name__}: {failure}"
        broken = self._check(problem, solve.result().plan)
        return f"the plan is not feasible: {'; '.join(broken)}" if broken else None

    # --- telling -----------------------------------------------------------------------------------------

    def _warn(self, error: str | None) -> None:
        """Say so once, not in every window, when planning begins to fail and when it works again."""
        if self._failing != (error is not None):
            logger.warning("planning: %s", error or "works again")
        self._failing = error is not None

    def _record(self, record: WindowRecord) -> None:
        repairs_s, changes, cpu_s = tuple(self._repairs_s), self._changes, record.cpu_s + self._beside_s
        looks_s = self._looks_s
        self._repairs_s, self._looks_s, self._changes, self._beside_s = [], 0.0, 0, 0.0
        self._log(
            msgspec.structs.replace(
                record, plan=self._running, repairs_s=repairs_s, looks_s=looks_s, changes=changes, cpu_s=cpu_s
            )
        )


def _changed_variants(problem: Problem, before: Plan, after: Plan) -> int:
    """How many of the clients that were served are served with another variant now, or no more."""
    names = [demand.client for demand in problem.clients if demand.client in before.clients]
    return sum(before.variant_of(name) != after.variant_of(name) for name in names)
