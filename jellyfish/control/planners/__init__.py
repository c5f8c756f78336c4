"""Planners by name: policies that decide for all clients together, one file each, and those that users bring."""

from __future__ import annotations

import time
from collections.abc import Callable

from jellyfish.config import CLIENTS_CHOOSE, PLANNERS
from jellyfish.control.planners.annealing import AnnealingPlanner
from jellyfish.control.planners.best import BestPlanner
from jellyfish.control.planners.exact import ExactPlanner
from jellyfish.control.planners.exchange import TIME_BUDGET_S
from jellyfish.control.planners.shared import SharedPlanner
from jellyfish.control.problem import Planner
from jellyfish.errors import InputError
from jellyfish.loading import entry_names, loaded, user_object

GROUP = "jellyfish.planners"
"""The entry-point group in which other distributions name planners of theirs."""


def check_planner(name: str) -> None:
    """InputError, listing all names, for what neither a planner is called nor the choice of clients."""
    if name not in (*PLANNERS, CLIENTS_CHOOSE):
        own_planner(name)


def own_planner(name: str) -> Planner:
    """The planner that a user brings by FILE.py:NAME, MODULE:NAME or an entry point: an object, or a class or function
    that makes one. InputError for what is none.
    """
    what = f"--planner {name}"
    load = user_object(what, name, GROUP)
    if load is None:
        known = ", ".join((*PLANNERS, CLIENTS_CHOOSE, *entry_names(GROUP)))
        raise InputError(f"unknown planner {name!r}: choose one of {known}, or give FILE.py:NAME (docs/planners.md)")
    found = load()
    if isinstance(found, type) or not hasattr(found, "plan"):
        if not callable(found):
            raise InputError(_none(what, found))
        found = loaded(what, found)
    if not callable(getattr(found, "plan", None)):
        raise InputError(_none(what, found))
    planner: Planner = found
    return planner


def _none(what: str, found: object) -> str:
    return f"{what} gives a {type(found).__name__} that is no planner: it needs a method `plan` (docs/planners.md)"


def make_planner(
    name: str, seed: int, clock: Callable[[], float] = time.monotonic, time_budget_s: float = TIME_BUDGET_S
) -> Planner:
    """The planner called `name`, which ships or is a user's; InputError, listing the names, when there is none.

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
    return own_planner(name)
