"""Planning for many clients: a good plan in time, from fractions of groups to whole ones, then improved.

Prices and fractional groups come from column generation, a plan from diving into them; exchanges between devices
improve it, and where they come to nothing another dive begins elsewhere. Where the patterns of frame rates are few, as
in overload, an integer programme has the rest of the time, from the best plan so far. There is a feasible plan at any
time; what is left of the running one is the first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from jellyfish.control.planners.counted import CountedClock
from jellyfish.control.planners.dive import dive
from jellyfish.control.planners.exchange import Exchange
from jellyfish.control.planners.grouping import Grouping
from jellyfish.control.planners.integer import Effort
from jellyfish.control.planners.master import Master
from jellyfish.control.planners.pattern_program import PatternProgram
from jellyfish.control.planners.pricing import Pricing
from jellyfish.control.planners.task import Floats, Ints, PlanningTask
from jellyfish.control.problem import Plan

ROUNDS_PER_DEVICE = 60
"""Exchanges per device before the search ends by itself (fewer where a device has more than 8 clients, for an exchange
then takes longer): under a clock that stands still a plan depends on its seed alone."""
STALE_PER_DEVICE = 15
"""Exchanges per device without a gain after which the search begins anew."""
MASTER_SHARE, DIVE_SHARE = 0.45, 0.8
"""Of the time: when column generation and the dive have to end."""
SEARCHING = 0.95
"""Of the time; steps take a while to end, and the plan to be written down."""
FIRST_SHARE, SMALL_FIRST_SHARE, SMALL = 0.25, 0.12, 150
"""Of the time for all of this, where an integer programme may come after; and where that has so few variables that it
is likely to find the optimum in the rest.
"""
WIDE = 0.005
"""Gap to the master programme's bound, as a share, from which on the integer programme finds more than exchanges do."""
MAX_PATTERNS = 600
"""Patterns of frame rates up to which the integer programme finds good plans in time."""
NODES = 300
"""It may look at, under a clock that stands still; so many for a second under one that counts."""


class ManyClients:
    """The search for one task, `budget_s` long by `clock`."""

    def __init__(
        self,
        task: PlanningTask,
        random: np.random.Generator,
        clock: Callable[[], float],
        budget_s: float,
        rounds_per_device: int = ROUNDS_PER_DEVICE,
    ) -> None:
        self._task, self._random, self._clock = task, random, clock
        self._began_s, self._budget_s = clock(), SEARCHING * budget_s
        load = max(1.0, len(task.clients) / len(task.kinds) / 8.0)
        self._rounds = int(rounds_per_device * len(task.kinds) / load)
        self._pricing = [Pricing(task, kind) for kind in range(len(task.tables))]
        self._grouping = Grouping(task, self._pricing)
        self._best: tuple[float, list[Ints]] = (0.0, self._grouping.groups)
        self.proved = False
        """Whether the plan is the proved optimum."""

    def _after(self, share: float) -> Callable[[], bool]:
        """Whether that share of the time is over."""
        ends_s = self._began_s + share * self._budget_s
        return lambda: self._clock() >= ends_s

    def plan(self, known: Plan | None = None) -> Plan:
        """A feasible plan, never worse than `known`, nor than what is left of the running one."""
        self._consider(self._task.places(self._task.running))
        warm = self._best[0] > 0.0
        if known is not None:
            self._consider(self._task.places(known))
        if not self._after(1.0)():
            self._search(warm)
        return self._grouping.plan(self._best[1])

    def _search(self, warm: bool) -> None:
        master = Master(self._task, self._pricing, [self._width(pricing) for pricing in self._pricing])
        program = PatternProgram(self._task, MAX_PATTERNS)
        share = 1.0 if program.too_large else SMALL_FIRST_SHARE if program.size <= SMALL else FIRST_SHARE
        master.generate(self._after(MASTER_SHARE * share))
        self._consider(self._grouping.arranged(dive(master, self._after(DIVE_SHARE * share))))
        self._exchange(master, warm, self._after(share))
        if self.proved or program.too_large:
            return
        if self._gap(master) > WIDE:
            self._solve(program)
        else:
            self._exchange(master, warm, self._after(1.0))

    def _gap(self, master: Master) -> float:
        """How far the best plan is from the master programme's bound, as a share."""
        missing = master.places - float(self._task.weight[np.concatenate(self._best[1])].sum())
        value = self._best[0] - self._task.mapping * (master.places - missing)
        return 1.0 if missing > 0 else 1.0 - value / master.bound

    def _width(self, pricing: Pricing) -> int:
        """Few good plans put more than twice the mean load on one device."""
        return int(2.0 * pricing.weights.sum() / len(self._task.kinds)) + int(pricing.weights.max())

    def _consider(self, groups: Sequence[Ints]) -> None:
        """Go on from `groups`; they are the best so far if they are worth more."""
        self._grouping.adopt(groups)
        self._keep()

    def _keep(self) -> None:
        if self._grouping.total > self._best[0] + self._task.same:
            self._best = self._grouping.total, self._grouping.groups.copy()

    def _exchange(self, master: Master, warm: bool, time_is_up: Callable[[], bool]) -> None:
        """Exchange; when nothing has come of it for long, begin anew from another dive.

        Not where it is `warm`, from a running plan: then windows before this one have searched, and later ones will.
        """
        self._grouping.adopt(self._best[1])
        exchange = Exchange(self._grouping, self._client_prices(master), self._random)
        stale = 0
        for _ in range(self._rounds):
            if time_is_up():
                break
            before = self._grouping.total
            exchange.step()
            stale = 0 if self._grouping.total > before + self._task.same else stale + 1
            if stale > STALE_PER_DEVICE * len(self._task.kinds):
                self._keep()
                if warm:
                    break
                self._consider(self._grouping.arranged(dive(master, time_is_up, self._random)))
                stale = 0
        self._keep()

    def _client_prices(self, master: Master) -> Floats:
        """(n,) per frame per second."""
        places = master.prices.place * self._task.weight
        prices: Floats = (master.prices.types[master.types.of_client] - places) / self._task.fps
        return prices

    def _solve(self, program: PatternProgram) -> None:
        left_s = self._budget_s - (self._clock() - self._began_s)
        known = self._grouping.problem_groups(self._best[1])
        effort = Effort(max(left_s, 0.0), self._clock, NODES if math.isinf(self._budget_s) else None)
        if isinstance(self._clock, CountedClock):
            effort = Effort(math.inf, nodes=max(1, int(NODES * left_s)))
        answer = program.solve(effort, known)
        if answer.groups is None:
            return
        number = {client: place for place, client in enumerate(self._task.clients)}
        groups = [(group.kind, np.array(sorted(number[client] for client in group.members))) for group in answer.groups]
        self._consider(self._grouping.arranged(groups))
        self.proved = answer.proved
