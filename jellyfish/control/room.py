"""Is there room for one more camera, and for how many? Asked of the planner, rarely. Pure: times are arguments.

One more is like those that are here: with the median of their rates and of their budgets. There is room for so many
where a plan has a place for each of them and for all that have one now. It is asked for one, two, four, eight, ... and
then between; what is known holds until cameras or devices are others, or for a while.
"""

from __future__ import annotations

from statistics import median
from typing import NamedTuple

import msgspec

from jellyfish.control.problem import ClientDemand, Plan, Problem

WANTED_S = 120.0
"""Nothing is asked when nobody has wanted to know for so long."""
HOLDS_S = 30.0
"""An answer is looked at again after so long: links and devices change."""
MOST = 64
"""No more are asked for."""
NAME = "one more camera, number "
"""Of which no camera can be called (`jellyfish.protocol.wire.NAME_PATTERN`)."""


class RoomFound(NamedTuple):
    """What is known."""

    cameras: int
    """There is room for so many more at least."""
    whole: bool
    """Whether a plan for one more than that was looked for, and there was none."""
    fps: float
    """Of each of them."""
    accuracy_now: float
    accuracy_then: float
    """Mean over all cameras' frames: as planned now, and with one more; as now where there is none."""


class RoomSearch:
    """Of one server."""

    def __init__(self) -> None:
        self._wanted_s = float("-inf")
        self._who: object = None
        self._of: object = None
        """Whose room is known, and how things were."""
        self._fits, self._fails = 0, MOST + 1
        """So many fit, and so many do not."""
        self._asked = 0
        self._complete_s: float | None = None
        """Since when all is known that is asked for."""
        self._before = 0
        """What fitted at the search before, of the same cameras."""
        self._found: RoomFound | None = None

    @property
    def found(self) -> RoomFound | None:
        """The newest that is known; None: nothing."""
        return self._found

    def want(self, now: float) -> None:
        """Somebody wants to know."""
        self._wanted_s = now

    def wanted(self, now: float) -> bool:
        """Whether anybody does."""
        return now - self._wanted_s <= WANTED_S

    def forget(self) -> None:
        """There is no device."""
        self._found, self._who, self._of = None, None, None

    def question(self, now: float, problem: Problem, running: Plan) -> Problem | None:
        """What is to be planned, beside what is; None: nothing."""
        self._notice(now, problem, running)
        if self._complete_s is not None or not problem.clients or not problem.devices:
            return None
        if _is_short(problem, running):
            self._fails = 1
            self._tell(problem, running.accuracy, running.accuracy)
            self._complete_s = now
            return None
        self._asked = self._next()
        more = typical(problem)
        added = (msgspec.structs.replace(more, client=f"{NAME}{number}") for number in range(self._asked))
        return msgspec.structs.replace(problem, clients=(*problem.clients, *added))

    def answered(self, now: float, problem: Problem, running: Plan, plan: Plan) -> None:
        """`plan` is for the question about `problem`, in which `running` is in force."""
        wanted = {*running.clients, *(f"{NAME}{number}" for number in range(self._asked))}
        if wanted <= plan.clients.keys():
            self._fits = self._asked
        else:
            self._fails = self._asked
        then = running.accuracy
        if self._fits and self._asked == 1:
            then = plan.accuracy
        elif self._fits and self._found is not None:
            then = self._found.accuracy_then
        self._tell(problem, running.accuracy, then)
        if self._fails - self._fits <= 1 or self._fits >= MOST:
            self._complete_s, self._before = now, self._fits

    def _next(self) -> int:
        """How many to ask for."""
        if self._fits == 0:
            return 1
        if self._fits < self._before < self._fails:
            return self._before
        if self._fits == self._before < self._fails - 1:
            return self._before + 1
        if self._fails > MOST:
            return min(2 * self._fits, MOST)
        return (self._fits + self._fails) // 2

    def _notice(self, now: float, problem: Problem, running: Plan) -> None:
        """Begin anew where cameras or devices are others, or what is known is old."""
        who = (
            tuple(sorted((each.client, each.importance) for each in problem.clients)),
            tuple((each.device, each.workers, each.serves) for each in problem.devices),
        )
        if who != self._who:
            self._found, self._before = None, 0
        of = who, _is_short(problem, running)
        old = self._complete_s is not None and now - self._complete_s >= HOLDS_S
        if of != self._of or old:
            self._who, self._of = who, of
            self._complete_s, self._fits, self._fails = None, 0, MOST + 1

    def _tell(self, problem: Problem, now: float, then: float) -> None:
        whole = self._fits < MOST and self._fails - self._fits == 1
        self._found = RoomFound(self._fits, whole, typical(problem).fps, now, then)


def _is_short(problem: Problem, running: Plan) -> bool:
    """Whether somebody has no place although there could be one, or the host asks for fewer frames."""
    return running.mappable > len(running.clients) or problem.host_share < 1.0


def typical(problem: Problem) -> ClientDemand:
    """A camera like those that are here, of usual importance."""
    rates = [demand.fps for demand in problem.clients]
    budgets_s = zip(*(demand.budget_s for demand in problem.clients), strict=True)
    return ClientDemand("", median(rates), tuple(median(each) for each in budgets_s))
