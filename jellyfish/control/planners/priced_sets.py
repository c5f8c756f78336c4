"""The provably best plan for up to about 16 clients on any number of devices: sets of clients priced by a linear programme.

Every set of clients is valued for every kind of device. A linear programme that chooses sets ("each client once, as many
sets as devices"), solved by adding the sets of highest reduced cost until none is left, gives an upper bound and prices.
A plan falls short of the bound by exactly the reduced costs of its sets, the prices of clients without a place and those
of idle devices; so the plan of least shortfall is looked for among sets of small shortfall, by depth-first search. What
is found is the optimum when its shortfall is no more than that of any set left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import linprog

from jellyfish.control.capacity import Capacities
from jellyfish.control.planners.layout import Group
from jellyfish.control.planners.pricing import Floats, Ints
from jellyfish.control.planners.subsets import least_over_sets, servable_sets, sums_over_sets
from jellyfish.control.problem import Problem

COLUMNS_PER_ROUND = 40
SET_COUNTS = (300, 1_200, 5_000)
"""Numbers of sets that the search is tried with, one after the other."""
MAX_NODES = 4_000
"""Of the depth-first search, per number of sets."""
TINY = 1e-9
"""Values this close, as a share of the value of one client, count as equal."""


class Master(NamedTuple):
    """The linear programme's answer: an upper bound, and what each client and each kind of device is worth to it."""

    bound: float
    client_prices: Floats
    device_prices: Floats


class PricedSets:
    """One problem. Sets are bits of an index: bit i is the i-th of `clients`."""

    def __init__(
        self, problem: Problem, tables: Sequence[Capacities], kinds: Sequence[int], clients: Sequence[int]
    ) -> None:
        self._clients, self._kinds = clients, kinds
        self._accuracy = np.array(problem.accuracy)
        rates = np.array([problem.clients[client].fps for client in clients])
        self._rate = sums_over_sets(rates)
        self._tightest_s = least_over_sets(np.array([problem.clients[client].budget_s for client in clients]).T)
        mapped = 1.0 + float(rates.sum())
        self._tiny = TINY * mapped
        self._table_of = dict(zip(kinds, tables, strict=True))
        counted = sums_over_sets(np.full(len(clients), mapped))
        self._servable = [servable_sets(table, self._rate, self._tightest_s) for table in self._table_of.values()]
        self._values = [counted + self._best_accuracy(servable) * self._rate for servable in self._servable]
        for values in self._values:
            values[0] = -np.inf

    def _best_accuracy(self, servable: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Floats:
        best = np.full(servable.shape[1], -np.inf)
        for accuracy, allowed in zip(self._accuracy, servable, strict=True):
            np.maximum(best, accuracy, out=best, where=allowed)
        return best

    def solve(self) -> list[Group] | None:
        """The groups of an optimal plan; None when the search was cut off before it was proved."""
        master = self._master()
        losses = [
            sums_over_sets(master.client_prices) + price - values
            for values, price in zip(self._values, master.device_prices, strict=True)
        ]
        kind_of = np.concatenate([np.full(len(loss), kind) for kind, loss in enumerate(losses)])
        sets = np.tile(np.arange(len(self._rate)), len(losses))
        loss = np.maximum(np.concatenate(losses), 0.0)
        for count in SET_COUNTS:
            kept, left_out = _least(loss, -self._rate[sets], count)
            search = _Search(
                sets[kept], kind_of[kept], loss[kept], master.client_prices, master.device_prices,
                [self._kinds.count(kind) for kind in range(len(losses))], self._tiny,
            )  # fmt: skip
            search.run()
            if search.nodes > MAX_NODES:
                return None
            if search.best_loss <= left_out + self._tiny:
                return [self._group(int(sets[kept[i]]), int(kind_of[kept[i]])) for i in search.best]
        return None

    def _group(self, members: int, kind: int) -> Group:
        variant = int(np.where(self._servable[kind][:, members], self._accuracy, -np.inf).argmax())
        return Group(kind, variant, tuple(client for bit, client in enumerate(self._clients) if members >> bit & 1))

    def _master(self) -> Master:
        """The linear programme over all sets, by column generation."""
        count, kinds = len(self._clients), len(self._values)
        columns = [(kind, 1 << bit) for kind in range(kinds) for bit in range(count)]
        columns = [column for column in columns if np.isfinite(self._values[column[0]][column[1]])]
        limits = np.array([1.0] * count + [float(self._kinds.count(kind)) for kind in range(kinds)])
        while True:
            sets = np.array([members for _, members in columns])
            of_kind = np.array([kind for kind, _ in columns])
            rows = np.concatenate([sets >> np.arange(count)[:, None] & 1, of_kind == np.arange(kinds)[:, None]])
            value = [self._values[kind][members] for kind, members in columns]
            answer = linprog(-np.array(value), A_ub=rows.astype(float), b_ub=limits, method="highs-ds")
            prices = np.maximum(-np.asarray(answer.ineqlin.marginals), 0.0)
            client_prices, device_prices = prices[:count], prices[count:]
            priced = sums_over_sets(client_prices)
            added: list[tuple[int, int]] = []
            for kind, values in enumerate(self._values):
                gain = values - priced - device_prices[kind]
                most = np.argpartition(gain, -COLUMNS_PER_ROUND)[-COLUMNS_PER_ROUND:] if len(gain) > COLUMNS_PER_ROUND else np.arange(len(gain))
                added += [(kind, int(members)) for members in most if gain[members] > self._tiny]
            fresh = set(added) - set(columns)
            if not fresh:
                return Master(float(client_prices.sum() + device_prices @ limits[count:]), client_prices, device_prices)
            columns += sorted(fresh)


def _least(loss: Floats, tie: Floats, count: int) -> tuple[Ints, float]:
    """Indices of the `count` least losses in rising order, ties by `tie`; and the least loss of those left out."""
    if len(loss) > count:
        bound = np.partition(loss, count)[count]
        near = np.flatnonzero(loss <= bound)
    else:
        near = np.flatnonzero(np.isfinite(loss))
    order = near[np.lexsort((tie[near], loss[near]))]
    left_out = float(loss[order[count]]) if len(order) > count else np.inf
    return order[:count], left_out


class _Search:
    """Depth first: the lowest client not yet decided gets a set, or no place."""

    def __init__(
        self, sets: Ints, kinds: Ints, loss: Floats, client_prices: Floats, device_prices: Floats, devices: list[int], tiny: float
    ) -> None:
        self._sets, self._of_kind, self._loss = sets, kinds, loss
        self._client_prices = client_prices.tolist()
        self._device_prices = device_prices.tolist()
        self._devices = devices
        self._tiny = tiny
        self._chosen: list[int] = []
        self.best: list[int] = []
        self.best_loss = np.inf
        self.nodes = 0

    def run(self) -> None:
        """Find the sets of least loss."""
        self._go(np.arange(len(self._sets)), 0, 0, 0.0)

    def _go(self, candidates: Ints, client: int, done: int, loss: float) -> None:
        while client < len(self._client_prices) and done >> client & 1:
            client += 1
        self.nodes += 1
        if self.nodes > MAX_NODES or loss >= self.best_loss - self._tiny:
            return
        if client == len(self._client_prices):
            loss += sum(price * left for price, left in zip(self._device_prices, self._devices, strict=True))
            if loss < self.best_loss - self._tiny:
                self.best, self.best_loss = self._chosen.copy(), loss
            return
        for index in candidates[self._sets[candidates] >> client & 1 == 1].tolist():
            kind, total = int(self._of_kind[index]), loss + float(self._loss[index])
            if total >= self.best_loss - self._tiny:
                break
            if self._devices[kind]:
                self._devices[kind] -= 1
                self._chosen.append(index)
                rest = candidates[self._sets[candidates] & self._sets[index] == 0]
                self._go(rest, client + 1, done | int(self._sets[index]), total)
                self._chosen.pop()
                self._devices[kind] += 1
        self._go(candidates[self._sets[candidates] >> client & 1 == 0], client + 1, done | 1 << client, loss + self._client_prices[client])
