"""How good could any plan be? Proved upper bounds, by column generation and by the integer programme. Pure.

Column generation allows fractions of groups; its bound is close where devices can run many configurations. In overload
devices have few, fractions gain much, and the patterns of frame rates are few: there the integer programme proves more.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from jellyfish.control.planners.integer import Effort
from jellyfish.control.planners.layout import DeviceGroup
from jellyfish.control.planners.master import Master
from jellyfish.control.planners.pattern_program import PatternProgram
from jellyfish.control.planners.pricing import Pricing
from jellyfish.control.planners.task import PlanningTask
from jellyfish.control.problem import Plan, Problem

MAX_PATTERNS = 600
"""Patterns up to which the integer programme is used."""
TINY = 1e-6
"""For what rounding may do to a count of clients, or to an accuracy."""
GAP = 1e-8
"""At which the integer programme stops."""


class Bound(NamedTuple):
    """No plan maps more clients; none that maps as many as the known plan, or more, is more accurate."""

    mapped: int
    accuracy: float
    """In the units of `Plan.accuracy`."""


def plan_bound(problem: Problem, plan: Plan, time_limit_s: float, clock: Callable[[], float] = time.monotonic) -> Bound:
    """Bounds for plans of `problem`, of which `plan` is one: the best found within the limit."""
    began_s = clock()
    task = PlanningTask.of(problem, None)
    if not task.clients:
        return Bound(0, 0.0)

    def time_is_up() -> bool:
        return clock() - began_s >= time_limit_s

    bound = _by_columns(task, len(plan.clients), time_is_up)
    if bound.mapped > len(plan.clients) or bound.accuracy > plan.accuracy + TINY:
        program = PatternProgram(task, MAX_PATTERNS)
        left_s = time_limit_s - (clock() - began_s)
        if not program.too_large and left_s > 0.0:
            bound = _by_program(program, task.groups_of(plan), bound, Effort(left_s, clock))
    return bound


def _by_columns(task: PlanningTask, mapped: int, time_is_up: Callable[[], bool]) -> Bound:
    """The bounds of column generation: first for all clients, then for as many as are known to have room."""
    pricing = [Pricing(task, kind, up=False) for kind in range(len(task.tables))]
    master = Master(task, pricing, [None] * len(pricing))
    most, asked = len(task.clients), float(task.fps.sum())
    if mapped < most:
        master.converge(time_is_up)
        most = min(most, math.floor(most + master.bound / task.mapping + TINY))
        master.demand(mapped)
    master.converge(time_is_up)
    return Bound(most, min(master.bound / asked, max(task.problem.accuracy)))


def _by_program(program: PatternProgram, known: Sequence[DeviceGroup], bound: Bound, effort: Effort) -> Bound:
    """`bound` tightened by the integer programme's: it counts mapped clients, and adds accuracy."""
    value = program.solve(effort, known).bound
    mapped = min(bound.mapped, math.floor(value + TINY))
    as_many = mapped == sum(len(group.members) for group in known)
    return Bound(mapped, min(bound.accuracy, value + GAP - mapped) if as_many else bound.accuracy)
