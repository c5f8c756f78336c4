"""What the control loop asks between an observed problem and a plan in force: when to solve, what to keep. Pure.

`Adapting` is for planners that search: repair at once, full solves as far as they can be afforded, changes where they
are worth it. `EachAnew` is for policies that answer without searching, whose every answer is put into force.
"""

from __future__ import annotations

import math
from typing import Protocol

import msgspec

from jellyfish.control.allowance import PlanningAllowance, Verdict
from jellyfish.control.host import within_host
from jellyfish.control.problem import Plan, Problem
from jellyfish.control.repair import Repaired, fits_devices, on_other_devices, repair
from jellyfish.control.steadiness import Steadiness


class Adaptation(Protocol):
    """Times in seconds; `now` does not fall."""

    def shown(self, now: float, problem: Problem, running: Plan | None) -> Problem:
        """The observed `problem` as it is to be planned for."""
        ...

    def repaired(self, problem: Problem, running: Plan | None, vain: int) -> Repaired | None:
        """`running` for `problem`, see `jellyfish.control.repair`; None where plans are left as they are."""
        ...

    def decide(self, now: float, problem: Problem, running: Plan | None) -> Verdict:
        """Whether to solve now."""
        ...

    def spent(self, now: float, problem: Problem, budget_s: float, cpu_s: float, loading_s: float) -> None:
        """A solve of `problem` was given `budget_s` and took `cpu_s`, and `loading_s` before it began."""
        ...

    def beside(self, now: float, problem: Problem) -> float:
        """Processor seconds that a question beside plans may take now (`jellyfish.control.room`); 0: none."""
        ...

    def spent_beside(self, now: float, cpu_s: float) -> None:
        """What it has taken."""
        ...

    def failed(self) -> None:
        """A solve brought nothing."""
        ...

    def adopts(self, now: float, problem: Problem, running: Plan, found: Plan) -> bool:
        """Whether `found` takes the place of `running`."""
        ...

    def changed(self, now: float, problem: Problem, before: Plan | None, after: Plan) -> None:
        """`after` is in force now, instead of `before`."""
        ...


class Adapting:
    """For planners that search. `share` (0..1) of one core is theirs; `sharing`: they may mix variants on a device."""

    def __init__(self, share: float, sharing: bool) -> None:
        self._allowance, self._steadiness, self._sharing = PlanningAllowance(share), Steadiness(), sharing

    def shown(self, now: float, problem: Problem, running: Plan | None) -> Problem:
        """With rates that the host can carry, and better variants with the room that they have had for a while."""
        return self._steadiness.shown(now, within_host(problem), running)

    def repaired(self, problem: Problem, running: Plan | None, vain: int) -> Repaired | None:
        """Made to fit, with the host's shares."""
        repaired = repair(problem, running, self._sharing, vain)
        plan, share, shares = repaired.plan, problem.host_share, problem.host_shares
        if plan.host_share == share and plan.host_shares == shares:
            return repaired
        return repaired._replace(plan=msgspec.structs.replace(plan, host_share=share, host_shares=shares))

    def decide(self, now: float, problem: Problem, running: Plan | None) -> Verdict:
        """By what has changed, and by what the share allows."""
        return self._allowance.decide(now, problem, running)

    def spent(self, now: float, problem: Problem, budget_s: float, cpu_s: float, loading_s: float) -> None:
        """Charged."""
        self._allowance.spent(now, problem, budget_s, cpu_s, loading_s)

    def beside(self, now: float, problem: Problem) -> float:
        """As the share allows."""
        return self._allowance.beside(now, problem)

    def spent_beside(self, now: float, cpu_s: float) -> None:
        """Charged."""
        self._allowance.spent_beside(now, cpu_s)

    def failed(self) -> None:
        """The next window solves again."""
        self._allowance.failed()

    def adopts(self, now: float, problem: Problem, running: Plan, found: Plan) -> bool:
        """If it is worth the changes."""
        return self._steadiness.worth_a_change(now, problem, running, found)

    def changed(self, now: float, problem: Problem, before: Plan | None, after: Plan) -> None:
        """Remembered, for how long the next rise has to wait."""
        self._steadiness.changed(now, problem, before, after)


class EachAnew:
    """Every window is solved, and its answer put into force as it is."""

    def shown(self, now: float, problem: Problem, running: Plan | None) -> Problem:
        """As observed."""
        return problem

    def repaired(self, problem: Problem, running: Plan | None, vain: int) -> Repaired | None:
        """Left alone, for the next answer comes at once, unless devices have come or gone."""
        if running is None or fits_devices(problem, running):
            return None
        return Repaired(on_other_devices(problem, running))

    def decide(self, now: float, problem: Problem, running: Plan | None) -> Verdict:
        """Always."""
        return Verdict("solved", math.inf)

    def spent(self, now: float, problem: Problem, budget_s: float, cpu_s: float, loading_s: float) -> None:
        """Nothing is counted."""

    def beside(self, now: float, problem: Problem) -> float:
        """None are asked: whoever answers each window anew may not plan at all, or in the event loop's time."""
        return 0.0

    def spent_beside(self, now: float, cpu_s: float) -> None:
        """Nothing is counted."""

    def failed(self) -> None:
        """Nothing is remembered."""

    def adopts(self, now: float, problem: Problem, running: Plan, found: Plan) -> bool:
        """Always."""
        return True

    def changed(self, now: float, problem: Problem, before: Plan | None, after: Plan) -> None:
        """Nothing is remembered."""
