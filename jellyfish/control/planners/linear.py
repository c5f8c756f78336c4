"""A linear programme that grows column by column, solved by HiGHS. Pure.

With `highspy` installed each solution starts from the last one, which is several times faster; else SciPy's HiGHS
begins anew each time. Both give the same values.
"""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple, Protocol

import numpy as np

from jellyfish.control.planners.task import Floats, Ints


class Solution(NamedTuple):
    """An optimum: its value, what one more unit of each row's limit would add, and the amount of each column."""

    value: float
    prices: Floats
    amounts: Floats


class LinearProgramme(Protocol):
    """Maximises gains x amounts; each row's sum stays within its limit, amounts are 0 or more."""

    def add(self, gain: float, rows: Ints, entries: Floats) -> None:
        """One more column, with `entries` in `rows`."""

    def limit(self, row: int, most: float) -> None:
        """Change a row's limit."""

    def restrict(self, column: int, least: float, most: float) -> None:
        """Keep a column's amount within these."""

    def solve(self) -> Solution | None:
        """The optimum; None when there is none."""


def linear_programme(limits: Floats) -> LinearProgramme:
    """An empty programme whose rows have these `limits`."""
    highs = highspy()
    return SciPyProgramme(limits) if highs is None else HighsProgramme(limits, highs)


def highspy() -> Any:
    """The package, or None where it is not installed."""
    try:
        return importlib.import_module("highspy")
    except ImportError:
        return None


class HighsProgramme:
    """By `highspy`."""

    def __init__(self, limits: Floats, highs: Any) -> None:
        self._highs = highs.Highs()
        for option, value in (("output_flag", False), ("threads", 1), ("presolve", "off")):
            self._highs.setOptionValue(option, value)
        self._infinity, self._optimal = highs.kHighsInf, highs.HighsModelStatus.kOptimal
        nothing: tuple[Ints, Floats] = np.zeros(0, dtype=np.int32), np.zeros(0)
        for most in limits.tolist():
            self._highs.addRow(-self._infinity, most, 0, *nothing)

    def add(self, gain: float, rows: Ints, entries: Floats) -> None:
        """See `LinearProgramme`."""
        self._highs.addCol(-gain, 0.0, self._infinity, len(rows), rows.astype(np.int32), entries)

    def limit(self, row: int, most: float) -> None:
        """See `LinearProgramme`."""
        self._highs.changeRowBounds(row, -self._infinity, most)

    def restrict(self, column: int, least: float, most: float) -> None:
        """See `LinearProgramme`."""
        self._highs.changeColBounds(column, least, most)

    def solve(self) -> Solution | None:
        """See `LinearProgramme`."""
        self._highs.run()
        if self._highs.getModelStatus() != self._optimal:
            return None
        found = self._highs.getSolution()
        prices = np.maximum(-np.array(found.row_dual), 0.0)
        return Solution(-float(self._highs.getInfo().objective_function_value), prices, np.array(found.col_value))


class SciPyProgramme:
    """By SciPy."""

    def __init__(self, limits: Floats) -> None:
        self._limits = limits.astype(float).copy()
        self._gains: list[float] = []
        self._rows: list[Ints] = []
        self._entries: list[Floats] = []
        self._bounds: list[tuple[float, float | None]] = []

    def add(self, gain: float, rows: Ints, entries: Floats) -> None:
        """See `LinearProgramme`."""
        self._gains.append(gain)
        self._rows.append(rows)
        self._entries.append(entries)
        self._bounds.append((0.0, None))

    def limit(self, row: int, most: float) -> None:
        """See `LinearProgramme`."""
        self._limits[row] = most

    def restrict(self, column: int, least: float, most: float) -> None:
        """See `LinearProgramme`."""
        self._bounds[column] = (least, most)

    def solve(self) -> Solution | None:
        """See `LinearProgramme`."""
        from scipy.optimize import linprog
        from scipy.sparse import csc_array

        starts = np.cumsum([0, *(len(rows) for rows in self._rows)])
        parts = np.concatenate(self._entries), np.concatenate(self._rows), starts
        matrix: Any = csc_array(parts, shape=(len(self._limits), len(self._gains)))
        gains: Any = -np.array(self._gains)
        answer: Any = linprog(gains, A_ub=matrix, b_ub=self._limits, bounds=self._bounds, method="highs-ds")
        if answer.status != 0:
            return None
        return Solution(-float(answer.fun), np.maximum(-np.asarray(answer.ineqlin.marginals), 0.0), answer.x)
