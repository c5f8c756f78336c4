"""How much planning a server can afford: a share of one core, and nothing for problems that have not changed. Pure.

Credit accrues with time and is spent in processor seconds, as they are measured where the planner runs. A solve gets
what there is, up to what planners make use of; while that is too little to be useful, it waits. Over any minute no more
is spent than the share says, but for what the last solve took beyond its budget.

Where a search to its end is small, it is made for one solve in `LIGHT + 1`, and where clients or devices are others
than at the last; the rest end early. Windows differ a little from each other, and what a long search finds is seldom
worth a change.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jellyfish.control.planners.exchange import TIME_BUDGET_S
from jellyfish.control.problem import Plan, Problem

SPAN_S = 60.0
"""The share is kept over any span of this length."""
SAVED_S = 10.0
"""So many seconds' share can be saved up: what a burst of changes may cost."""
ENDED = 0.7
"""A solve that took less than this of its budget came to its end: parts of a search have no more than 0.76 of it."""
SEARCH_S, SEARCH_GROWTH, SEARCH_VARIANTS = 0.0055, 0.7, 16
"""A search of the default planner to its end takes SEARCH_S x (clients x devices) ^ SEARCH_GROWTH with so many
variants. Measured with 4 x 1 to 256 x 32: 20 ms to 3 s; `benchmarks/planning_cost.py`."""
USEFUL, USEFUL_S = 0.1, 0.12
"""A solve is useful that has so much of its search, or so many seconds: with half of that a
new plan of 256 x 32 leaves out one client in fourteen that has a place in it with more. Small problems need less."""
LIGHT = 7
"""Solves between two long ones that are as short as is useful."""
PAID_BACK = 0.5
"""Of what accrues, while the planner's process has not paid for its own start. It begins with what is saved up."""
BESIDE = 0.2
"""Of the share, at most, for questions that are no plans (`jellyfish.control.room`)."""
BESIDE_GAP_S = 1.0
"""Between two of them at least."""
AMPLE = 1.5
"""A long one is begun with so many times what it should take, so that it is not cut off."""
SAME = 0.01
"""Budgets and latencies that differ by less, as a share, do not change a choice that is worth it."""
Why = Literal["solved", "skipped", "deferred"]
"""What became of a window's solve: `skipped` because nothing had changed, `deferred` because there was no credit."""
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
_Who = tuple[tuple[tuple[str, float, float], ...], tuple[tuple[str, int, float], ...]]
"""Clients and devices, without what varies from window to window."""


def search_s(problem: Problem) -> float:
    """Processor seconds of a search to its end, as a model: the work depends on the sizes alone."""
    size = max(1, len(problem.clients) * len(problem.devices))
    return SEARCH_S * math.pow(size, SEARCH_GROWTH) * len(problem.variants) / SEARCH_VARIANTS


class Verdict(NamedTuple):
    """Whether to solve now."""

    why: Why
    budget_s: float = 0.0
    """Processor seconds; for a solve."""


class PlanningAllowance:
    """`share` (0..1) of one core. Times in seconds; `now` does not fall."""

    def __init__(self, share: float) -> None:
        self._rate = share * (1.0 - SAVED_S / SPAN_S)
        self._most_s = share * SAVED_S
        self._credit_s = self._most_s
        self._owed_s = 0.0
        """What the planner's process took to start, as far as it is not paid back."""
        self._beside_from_s = -math.inf
        """When the next question beside plans may be asked."""
        self._since_s: float | None = None
        self._settled: _Outline | None = None
        self._searched: _Who | None = None
        """Whose plan was searched for last."""
        self._light = 0
        """Short solves still to come."""

    def decide(self, now: float, problem: Problem, running: Plan | None) -> Verdict:
        """What to do about `problem`, while `running` is in force."""
        self._accrue(now)
        outline = _Outline(problem)
        if running is not None and (outline.leaves_nothing_to_gain(running) or outline.like(self._settled)):
            return Verdict("skipped")
        useful_s = min(USEFUL * search_s(problem), USEFUL_S, self._most_s)
        if self._credit_s < useful_s:
            return Verdict("deferred")
        return Verdict("solved", useful_s if self._may_be_short(problem) else min(self._credit_s, TIME_BUDGET_S))

    def _may_be_short(self, problem: Problem) -> bool:
        """Whether a long search is not due, or has to be saved for."""
        whole_s = AMPLE * search_s(problem)
        if whole_s > min(TIME_BUDGET_S, self._most_s):
            return False
        return self._credit_s < whole_s or (self._light > 0 and self._searched == _who(problem))

    def spent(self, now: float, problem: Problem, budget_s: float, cpu_s: float, loading_s: float = 0.0) -> None:
        """A solve of `problem` has taken `cpu_s`, and `loading_s` before it."""
        self._accrue(now)
        self._credit_s -= cpu_s
        self._owed_s += loading_s
        if budget_s > USEFUL * search_s(problem):
            ended = cpu_s < ENDED * budget_s
            self._settled = _Outline(problem) if ended else None
            self._searched, self._light = _who(problem), LIGHT if ended else 0
        else:
            self._settled = _Outline(problem) if self._light else None
            self._light = max(0, self._light - 1)

    def beside(self, now: float, problem: Problem) -> float:
        """Processor seconds that a question beside plans may take; 0: none may be asked now."""
        self._accrue(now)
        if now < self._beside_from_s or self._credit_s < min(USEFUL * search_s(problem), USEFUL_S, self._most_s):
            return 0.0
        return min(self._credit_s, search_s(problem), USEFUL_S)

    def spent_beside(self, now: float, cpu_s: float) -> None:
        """Such a question has taken so much."""
        self._accrue(now)
        self._credit_s -= cpu_s
        self._beside_from_s = now + max(cpu_s / (BESIDE * self._rate), BESIDE_GAP_S)

    def failed(self) -> None:
        """A solve has failed: the next one is not skipped."""
        self._settled = None

    def _accrue(self, now: float) -> None:
        elapsed_s = 0.0 if self._since_s is None else now - self._since_s
        accrued_s = self._rate * elapsed_s
        repaid_s = min(self._owed_s, PAID_BACK * accrued_s)
        self._owed_s -= repaid_s
        self._credit_s = min(self._credit_s + accrued_s - repaid_s, self._most_s)
        self._since_s = now


def _who(problem: Problem) -> _Who:
    clients, devices = problem.clients, problem.devices
    return (
        tuple((demand.client, demand.fps, demand.importance) for demand in clients),
        tuple((each.device, each.workers, each.spare) for each in devices),
    )


class _Outline:
    """What of a problem a choice depends on."""

    def __init__(self, problem: Problem) -> None:
        clients, devices = problem.clients, problem.devices
        self._who = _who(problem)
        self._what = problem.variants, problem.accuracy
        self._latency_s = np.array([row for each in devices for latencies in each.latency_s for row in latencies])
        self._budget_s = np.array([demand.budget_s for demand in clients]).reshape(len(clients), len(problem.variants))
        least_s = np.array([[row[0] for row in each.latency_s] for each in devices]).min(axis=0)
        self._possible: Mask = self._budget_s >= least_s

    def leaves_nothing_to_gain(self, plan: Plan) -> bool:
        """Whether `plan` gives each client the most accurate variant that it could have at all."""
        variants, accuracy = self._what
        most = np.where(self._possible, np.array(accuracy), 0.0).max(axis=1, initial=0.0).tolist()
        worth = dict(zip(variants, accuracy, strict=True))
        planned = (plan.variant_of(name) for name, *_ in self._who[0])
        return all((0.0 if v is None else worth.get(v, 0.0)) >= m for v, m in zip(planned, most, strict=True))

    def like(self, other: _Outline | None) -> bool:
        """Whether all that differs is too little to change a choice."""
        if other is None or self._who != other._who or self._what != other._what:
            return False
        if self._latency_s.shape != other._latency_s.shape or not np.array_equal(self._possible, other._possible):
            return False
        return _alike(self._latency_s, other._latency_s) and _alike(
            self._budget_s[self._possible], other._budget_s[self._possible]
        )


def _alike(one: Floats, other: Floats) -> bool:
    return bool((np.abs(one - other) <= SAME * other).all())
