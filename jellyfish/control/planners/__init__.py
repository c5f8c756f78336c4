"""Planners by name: policies that decide for all clients together, one file each."""

from __future__ import annotations

from collections.abc import Callable

from jellyfish.control.planners.annealing import AnnealingPlanner
from jellyfish.control.planners.exact import ExactPlanner
from jellyfish.control.problem import Planner
from jellyfish.errors import InputError

PLANNERS: dict[str, Callable[[int], Planner]] = {"annealing": AnnealingPlanner, "exact": ExactPlanner}
"""Name -> constructor, which takes the seed."""


def make_planner(name: str, seed: int) -> Planner:
    """The planner called `name`; InputError, listing the names, when there is none."""
    if name not in PLANNERS:
        raise InputError(f"unknown planner {name!r}: choose one of {', '.join(sorted(PLANNERS))}")
    return PLANNERS[name](seed)
