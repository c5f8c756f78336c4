"""An integer programme, solved by HiGHS within a time limit. Pure.

With `highspy` installed it starts from a known solution; else SciPy's HiGHS begins from nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jellyfish.control.planners.linear import highspy
from jellyfish.control.planners.task import Bools, Floats

if TYPE_CHECKING:
    from scipy.sparse import csc_array

OPTIONS = {
    "output_flag": False,
    "threads": 1,
    "presolve": "off",
    "mip_rel_gap": 0.0,
    "mip_heuristic_run_root_reduced_cost": False,
    "mip_heuristic_run_rens": False,
}
"""Of HiGHS. Presolve and these two heuristics take longer here than they save; without them plans were better."""


class IntegerProgramme(NamedTuple):
    """Maximise gains x amounts with 0 <= amounts <= upper and least <= matrix x amounts <= most."""

    gains: Floats
    upper: Floats
    whole: Bools
    """Which amounts must be whole numbers."""
    matrix: csc_array
    least: Floats
    most: Floats


class Effort(NamedTuple):
    """How long the solver may take."""

    time_limit_s: float
    clock: Callable[[], float] = time.monotonic
    """Of the limit. HiGHS looks at its own besides, more often; SciPy's at nothing else."""
    nodes: int | None = None
    """Of the search tree that it may look at; None for all."""


class IntegerAnswer(NamedTuple):
    """The best amounts found, None when none were; whether they are the optimum; and a bound on its value."""

    amounts: Floats | None
    proved: bool
    bound: float


def solve_integer(programme: IntegerProgramme, effort: Effort, start: Floats | None = None) -> IntegerAnswer:
    """The best amounts that were found, no worse than the feasible `start`."""
    highs = highspy()
    return _by_scipy(programme, effort) if highs is None else _by_highspy(highs, programme, effort, start)


def _by_highspy(highs: Any, programme: IntegerProgramme, effort: Effort, start: Floats | None) -> IntegerAnswer:
    solver = highs.Highs()
    for option, value in OPTIONS.items():
        solver.setOptionValue(option, value)
    if effort.nodes is not None:
        solver.setOptionValue("mip_max_nodes", effort.nodes)
    solver.passModel(_model(highs, programme))
    if start is not None:
        known = highs.HighsSolution()
        known.col_value = start.tolist()
        solver.setSolution(known)
    if math.isfinite(effort.time_limit_s):
        ends_s = effort.clock() + effort.time_limit_s
        solver.setOptionValue("time_limit", effort.time_limit_s)

        def watch(event: Any) -> None:
            if effort.clock() >= ends_s:
                event.interrupt()

        solver.cbMipInterrupt += watch
    solver.run()
    info = solver.getInfo()
    found = info.primal_solution_status == highs.SolutionStatus.kSolutionStatusFeasible
    return IntegerAnswer(
        np.array(solver.getSolution().col_value) if found else None,
        bool(found and solver.getModelStatus() == highs.HighsModelStatus.kOptimal),
        -float(info.mip_dual_bound),
    )


def _model(highs: Any, programme: IntegerProgramme) -> Any:
    model = highs.HighsLp()
    model.num_row_, model.num_col_ = programme.matrix.shape
    model.col_cost_, model.col_lower_, model.col_upper_ = -programme.gains, 0.0 * programme.upper, programme.upper
    model.row_lower_, model.row_upper_ = programme.least, programme.most
    model.a_matrix_.format_ = highs.MatrixFormat.kColwise
    model.a_matrix_.start_, model.a_matrix_.index_ = programme.matrix.indptr, programme.matrix.indices
    model.a_matrix_.value_ = programme.matrix.data
    kinds = highs.HighsVarType.kContinuous, highs.HighsVarType.kInteger
    model.integrality_ = [kinds[whole] for whole in programme.whole.astype(int).tolist()]
    return model


def _by_scipy(programme: IntegerProgramme, effort: Effort) -> IntegerAnswer:
    from scipy.optimize import Bounds, LinearConstraint, milp

    options: Any = {"time_limit": effort.time_limit_s, "mip_rel_gap": 0.0, "presolve": False}
    if effort.nodes is not None:
        options["node_limit"] = effort.nodes
    answer: Any = milp(
        -programme.gains,
        integrality=programme.whole.astype(int),
        bounds=Bounds(np.zeros(len(programme.upper)), programme.upper),
        constraints=LinearConstraint(programme.matrix, programme.least, programme.most),
        options=options,
    )
    bound = getattr(answer, "mip_dual_bound", None)
    return IntegerAnswer(answer.x, answer.status == 0, math.inf if bound is None else -float(bound))
