"""Planners by name: policies that decide for all clients together, one file each."""

from __future__ import annotations

import time
from collections.abc import Callable

from jellyfish.config import CLIENTS_CHOOSE
from jellyfish.control.planners.annealing import AnnealingPlanner
from jellyfish.control.planners.best import BestPlanner
from jellyfish.control.planners.exact import ExactPlanner
from jellyfish.control.planners.exchange import TIME_BUDGET_S
from jellyfish.control.planners.shared import SharedPlanner
from jellyfish.control.problem import Planner
from jellyfish.errors import InputError

PLANNERS = ("annealing", "best", "exact", "shared")


def check_planner(name: str) -> None:
    """InputError, listing all names, for what neither a planner is called nor the choice of clients."""
    if name not in (*PLANNERS, CLIENTS_CHOOSE):
        raise InputError(f"unknown planner {name!r}: choose one of {', '.join((*PLANNERS, CLIENTS_CHOOSE))}")


def make_planner(
    name: str, seed: int, clock: Callable[[], float] = time.monotonic, time_budget_s: float = TIME_BUDGET_S
) -> Planner:
    """The planner called `name`; InputError, listing the names, when there is none.

    `time_budget_s` by `clock` is for those that improve a plan for as long as they may. With an infinite one they end
    after a number of rounds, and `shared`, `best` and `annealing` give the same plans for the same problems.
    """
    if name == "shared":
        return SharedPlanner(seed, clock, time_budget_s)
    if name == "best":
        return BestPlanner(seed, clock, time_budget_s)
    if name == "exact":
        return ExactPlanner(seed, clock, time_budget_s)
    if name == "annealing":
        return AnnealingPlanner(seed)
    raise InputError(f"unknown planner {name!r}: choose one of {', '.join(PLANNERS)}")
