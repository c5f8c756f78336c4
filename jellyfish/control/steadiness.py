"""Plans that change only when that is worth a change. Pure: times are arguments.

Going down is never delayed. Going up: a planner is shown, for each variant better than the one that a client has, the
least room that there was for it in the last seconds, and devices as slow as they were lately, and so does not choose
what has fitted for a moment only. At first that is next to no time. A client that was put up and down again soon after,
though little has become worse for it, has to wait twice as long the next time, and less again when it has stayed.

A device that runs several variants in turn for the sake of some clients loses more by that than plans know where it has
many: full batches, and time between them. Where its clients soon after have no more than before, sharing has to gain
twice as much there the next time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from jellyfish.control.capacity import broken_devices
from jellyfish.control.importance import weights
from jellyfish.control.problem import SHARING, DeviceOption, Plan, Problem
from jellyfish.core import Variant

HOLD_S, MOST_HOLD_S = 0.5, 32.0
"""How long a better variant must have fitted, at first and at most."""
SOON = 8.0
"""A client that goes down within so many times its hold of having gone up was put up too early."""
LITTLE = 0.95
"""Unless it has less than this share of the budget that it went up with: then its link has fallen, and may rise."""
CALM_S = 30.0
"""After so long without that, the hold is halved."""
PARTS = 4
"""The time that is looked back on is forgotten in so many parts."""
TOLERANCE = 1.2
"""A running plan stays that budgets so many times as long would allow. Plans use what there is to the last; batches
vary by as much from second to second, and the dispatcher narrows frames that are short of time."""
SLOWEST_S, MOST_SLOWER = 4.0, 1.2
"""Planners are shown a device as slow as it was at the slowest for so long, at most so many times as slow as it is."""
WORTH, WORTH_AT_ONCE, SETTLED_S = 0.002, 0.04, 20.0
"""Accuracy that a change must gain, for each client whose variant changes: the first, where it went up so long ago; the
second, just after it; in between what lies between. Who has had to go down is not kept there."""
SHARED_SOON_S, MOST_SHARING = 3.0, 0.16
"""Sharing is taken back soon by then; and the most that it has to gain for it."""
SAME = 1e-9
Floats = NDArray[np.float64]


class _Before(NamedTuple):
    """What a device's clients had before it began to run several variants in turn, which gave them more."""

    until_s: float
    """By then it is taken back soon."""
    accuracy: dict[str, float]


class Steadiness:
    """What is remembered of the clients' rooms, and of how they fared. One row of each array for a client."""

    def __init__(self) -> None:
        self._sharing: dict[str, float] = {}
        """Device -> what sharing has to gain there; of others `SHARING`."""
        self._taken_back_s: dict[str, float] = {}
        """When that was last changed."""
        self._before: dict[str, _Before] = {}
        self._slowness: dict[str, deque[tuple[float, float]]] = {}
        """Device -> when it took how long for the first entry of its table, those that no later one exceeds."""
        self._row: dict[str, int] = {}
        self._free: list[int] = []
        self._least = np.empty((0, PARTS, 0))
        """[row, part, variant]: least room, budget over the time of a batch of one, seen in a part of the hold."""
        self._part_s = np.empty(0)
        """When the newest part began."""
        self._hold_s = np.empty(0)
        self._rose_s = np.empty(0)
        self._rose_budget_s = np.empty(0)
        self._calm_s = np.empty(0)
        """When the client last went up, and with which budget; since when its hold is what it is."""

    def shown(self, now: float, problem: Problem, running: Plan | None) -> Problem:
        """`problem` as planners are to see it: budgets of better variants as they have been for a while."""
        self._forget_devices({option.device for option in problem.devices})
        if not problem.clients or not problem.devices:
            return problem
        devices = tuple(self._as_slow_as_lately(now, option) for option in problem.devices)
        problem = msgspec.structs.replace(problem, devices=devices)
        rows = self._rows(now, problem)
        single_s = np.array([[row[0] for row in option.latency_s] for option in problem.devices]).min(axis=0)
        budget_s = np.array([demand.budget_s for demand in problem.clients])
        self._forget(now, rows)
        self._least[rows, 0] = np.minimum(self._least[rows, 0], budget_s / single_s)
        held_s = np.minimum(self._least[rows].min(axis=1) * single_s, budget_s)
        shown_s = np.where(self._better(problem, running), held_s, budget_s)
        clients = tuple(
            demand if same else msgspec.structs.replace(demand, budget_s=tuple(row))
            for demand, row, same in zip(
                problem.clients, shown_s.tolist(), (shown_s == budget_s).all(axis=1).tolist(), strict=True
            )
        )
        return msgspec.structs.replace(problem, clients=clients)

    def _forget_devices(self, here: Collection[str]) -> None:
        """What is known of devices that are gone: another one may come under the name."""
        remembered: tuple[dict[str, Any], ...] = self._sharing, self._taken_back_s, self._before, self._slowness
        for of_device in remembered:
            for device in of_device.keys() - here:
                del of_device[device]

    def _as_slow_as_lately(self, now: float, option: DeviceOption) -> DeviceOption:
        """A device's whole table moves with what slows it down, so one entry tells of all."""
        is_s = option.latency_s[0][0]
        lately = self._slowness.setdefault(option.device, deque())
        while lately and lately[0][0] < now - SLOWEST_S:
            lately.popleft()
        while lately and lately[-1][1] <= is_s:
            lately.pop()
        lately.append((now, is_s))
        slower = min(lately[0][1] / is_s, MOST_SLOWER)
        option = self._with_price(now, option)
        if slower == 1.0:
            return option
        table = tuple(tuple(slower * seconds for seconds in row) for row in option.latency_s)
        keeps = tuple(tuple(slower * seconds for seconds in row) for row in option.occupancy_s)
        return msgspec.structs.replace(option, latency_s=table, occupancy_s=keeps)

    def _with_price(self, now: float, option: DeviceOption) -> DeviceOption:
        """With what sharing has to gain there; half as much when it has not been taken back for a while."""
        device = option.device
        if device not in self._sharing:
            return option
        if now - self._taken_back_s[device] >= CALM_S:
            self._sharing[device], self._taken_back_s[device] = self._sharing[device] / 2.0, now
            if self._sharing[device] <= SHARING:
                del self._sharing[device]
                return option
        return msgspec.structs.replace(option, sharing=self._sharing[device])

    def worth_a_change(self, now: float, problem: Problem, running: Plan, found: Plan) -> bool:
        """Whether `found`, which fits the problem, is so much better than `running` that clients should change for it.

        It is where that does not even nearly fit any more, or the planner wants other frame rates; else if it serves
        clients that count more together, or gains accuracy enough for each one whose variant changes. To be on a device
        that does not run several variants in turn is worth something, too.
        """
        if found.fps != running.fps or broken_devices(problem, running, TOLERANCE):
            return True
        weight = weights(problem.clients)
        more = sum(
            each * ((demand.client in found.clients) - (demand.client in running.clients))
            for demand, each in zip(problem.clients, weight, strict=True)
        )
        if more != 0:
            return more > 0
        accuracy = dict(zip(problem.variants, problem.accuracy, strict=True))
        sharing = {option.device: option.sharing for option in problem.devices}
        gain = price = 0.0
        for demand, each in zip(problem.clients, weight, strict=True):
            stake = demand.fps * each
            old, new = running.variant_of(demand.client), found.variant_of(demand.client)
            gain += stake * (_price(sharing, running, demand.client) - _price(sharing, found, demand.client))
            if old != new:
                gain += stake * (_of(accuracy, new) - _of(accuracy, old))
                price += stake * self._worth(now, demand.client)
        return gain > price

    def _worth(self, now: float, client: str) -> float:
        row = self._row.get(client)
        settled = 1.0 if row is None else min((now - self._rose_s[row]) / SETTLED_S, 1.0)
        return WORTH_AT_ONCE + settled * (WORTH - WORTH_AT_ONCE)

    def changed(self, now: float, problem: Problem, before: Plan | None, after: Plan) -> None:
        """`after` takes the place of `before`: remember who went up, and who comes down too soon."""
        if before is None:
            return
        self._judge_sharing(now, problem, before, after)
        numbers = {variant: number for number, variant in enumerate(problem.variants)}
        for demand in problem.clients:
            had, has = before.variant_of(demand.client), after.variant_of(demand.client)
            old, new = (None if variant is None else numbers.get(variant) for variant in (had, has))
            row = self._row.get(demand.client)
            if row is None or old is None or old == new:
                continue
            if new is not None and problem.accuracy[new] > problem.accuracy[old]:
                self._rose_s[row], self._rose_budget_s[row] = now, demand.budget_s[new]
            elif self._too_early(row, now, demand.budget_s[old]):
                self._hold_s[row] = min(2.0 * self._hold_s[row], MOST_HOLD_S)
                self._calm_s[row] = now

    def _judge_sharing(self, now: float, problem: Problem, before: Plan, after: Plan) -> None:
        """Remember where sharing begins for a gain, and where that is gone soon after."""
        worth = dict(zip(problem.variants, problem.accuracy, strict=True))
        for device, chosen in after.devices.items():
            shared = device in before.devices and len(before.devices[device].shares) > 1
            if shared and device in self._before:
                self._judge(now, device, {demand.client for demand in problem.clients}, after, worth)
            elif not shared:
                self._before.pop(device, None)
                if len(chosen.shares) > 1:
                    self._shared_from(now, device, before, after, worth)

    def _shared_from(self, now: float, device: str, before: Plan, after: Plan, worth: dict[Variant, float]) -> None:
        here = [name for name, at in after.clients.items() if at == device and name in before.clients]
        had = {name: _of(worth, before.variant_of(name)) for name in here}
        if sum(_of(worth, after.variant_of(name)) - each for name, each in had.items()) > SAME:
            self._before[device] = _Before(now + SHARED_SOON_S, had)

    def _judge(self, now: float, device: str, there: Collection[str], after: Plan, worth: dict[Variant, float]) -> None:
        until_s, had = self._before[device]
        vain = sum(_of(worth, after.variant_of(name)) - each for name, each in had.items() if name in there) <= SAME
        if now > until_s or vain:
            del self._before[device]
        if vain and now <= until_s:
            self._sharing[device] = min(2.0 * self._sharing.get(device, SHARING), MOST_SHARING)
            self._taken_back_s[device] = now

    def _too_early(self, row: int, now: float, budget_s: float) -> bool:
        """Whether a client that goes down, with `budget_s` for what it had, should not have gone up."""
        soon = now - self._rose_s[row] < SOON * self._hold_s[row]
        return bool(soon and budget_s >= LITTLE * self._rose_budget_s[row])

    def _better(self, problem: Problem, running: Plan | None) -> NDArray[np.bool_]:
        """[client, variant]: whether it would be better than what the client has. The smallest size never is: doubts
        must not keep a client from being served."""
        accuracy = np.array(problem.accuracy)
        known = dict(zip(problem.variants, problem.accuracy, strict=True))
        planned = [running.variant_of(demand.client) if running else None for demand in problem.clients]
        has = np.array([-1.0 if variant is None else known.get(variant, -1.0) for variant in planned])
        resolutions = np.array([variant.resolution for variant in problem.variants])
        better: NDArray[np.bool_] = (accuracy > has[:, None] + SAME) & (resolutions > resolutions.min())
        return better

    def _rows(self, now: float, problem: Problem) -> NDArray[np.int64]:
        """Each client's row; those of clients that are gone are free again."""
        names = [demand.client for demand in problem.clients]
        for name in self._row.keys() - set(names):
            self._free.append(self._row.pop(name))
        new = [name for name in names if name not in self._row]
        self._grow(len(new) - len(self._free), len(problem.variants))
        for name in new:
            row = self._row[name] = self._free.pop()
            self._least[row], self._part_s[row] = np.inf, now
            self._hold_s[row], self._rose_s[row], self._rose_budget_s[row] = HOLD_S, -np.inf, 0.0
            self._calm_s[row] = now
        return np.array([self._row[name] for name in names])

    def _grow(self, more: int, variants: int) -> None:
        """Room for `more` clients."""
        if more <= 0:
            return
        old, more = len(self._part_s), max(more, len(self._part_s))
        self._least = np.concatenate([self._least.reshape(old, PARTS, variants), np.empty((more, PARTS, variants))])
        extended = (np.append(each, np.empty(more)) for each in self._times())
        self._part_s, self._hold_s, self._rose_s, self._rose_budget_s, self._calm_s = extended
        self._free += range(old, old + more)

    def _times(self) -> Iterable[Floats]:
        return self._part_s, self._hold_s, self._rose_s, self._rose_budget_s, self._calm_s

    def _forget(self, now: float, rows: NDArray[np.int64]) -> None:
        """Begin new parts where the newest has lasted its time, and shorten holds where all was calm."""
        for _ in range(PARTS):
            due = rows[now - self._part_s[rows] >= self._hold_s[rows] / PARTS]
            self._least[due, 1:] = self._least[due, :-1]
            self._least[due, 0] = np.inf
            self._part_s[due] += self._hold_s[due] / PARTS
        self._part_s[rows] = np.maximum(self._part_s[rows], now - self._hold_s[rows] / PARTS)
        calm = rows[(now - self._calm_s[rows] >= CALM_S) & (self._hold_s[rows] > HOLD_S)]
        self._hold_s[calm] /= 2.0
        self._calm_s[calm] = now


def _of(accuracy: dict[Variant, float], variant: Variant | None) -> float:
    return 0.0 if variant is None else accuracy.get(variant, 0.0)


def _price(sharing: dict[str, float], plan: Plan, client: str) -> float:
    """What `client` must gain by the plan for sharing its device."""
    return sharing.get(plan.clients[client], SHARING) if plan.shares_time(client) else 0.0
