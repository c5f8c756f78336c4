"""The proved optimum for up to about 16 clients on any number of devices: sets of clients, priced by a programme.

Every set of clients is valued for every kind of device. A linear programme that chooses sets ("each client once, as
many sets as devices") is solved by adding the sets worth most beyond their prices until none is left; it gives an upper
bound and prices. A plan falls short of the bound by exactly what its sets are worth less than their prices, plus the
prices of clients without a place and of idle devices; so the plan of least shortfall is looked for among the sets of
small shortfall, depth first. It is the optimum when its shortfall is no more than that of any set left out.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from jellyfish.control.planners.layout import DeviceGroup
from jellyfish.control.planners.linear import linear_programme
from jellyfish.control.planners.set_search import LastDevice, Search, SetPrices
from jellyfish.control.planners.subsets import least_over_sets, servable_sets, sums_over_sets
from jellyfish.control.planners.task import Floats, Ints, PlanningTask

COLUMNS_PER_ROUND = 40
SETS = 300
"""Sets of least shortfall that are searched first; often enough."""
MAX_SETS = 20_000
"""That are searched then."""
TINY = 1e-9
"""Values this close, as a share of the value of one client, count as equal."""


class PricedSets:
    """One problem. Sets are bits of an index: bit i is the i-th of `clients`."""

    def __init__(self, task: PlanningTask) -> None:
        self._clients, self._kinds, self._accuracy = task.clients, task.kinds, task.accuracy
        self._weight = task.weight
        self._stake = sums_over_sets(task.stake)
        self._mapped = task.mapping
        self._tiny = TINY * task.mapping
        tightest_s = least_over_sets(task.budgets_s.T)
        counted = sums_over_sets(task.mapping * task.weight)
        rate = sums_over_sets(task.fps)
        self._servable = [servable_sets(table, rate, tightest_s) for table in task.tables]
        self._values = [counted + self._best_accuracy(servable) * self._stake for servable in self._servable]
        for values in self._values:
            values[0] = -np.inf
        self.proved = False
        """Whether the search went through to the end."""

    def _best_accuracy(self, servable: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Floats:
        best = np.full(servable.shape[1], -np.inf)
        for accuracy, allowed in zip(self._accuracy, servable, strict=True):
            np.maximum(best, accuracy, out=best, where=allowed)
        return best

    def search(self, gives_up: Callable[[int], bool]) -> list[DeviceGroup]:
        """The groups of the best plan found, see `proved`; a part of the search may end early, see `Search`.

        First among few sets; then, where others might do better, among all that might.
        """
        prices = self._solve_programme()
        dearest = sums_over_sets(prices.skipping)
        losses = [dearest + price - value for value, price in zip(self._values, prices.devices, strict=True)]
        loss = np.maximum(np.array(losses), 0.0)
        loss[:, 0] = prices.devices
        last = LastDevice(loss, prices)
        devices = [self._kinds.count(kind) for kind in range(len(self._values))]
        best: list[tuple[int, int]] = []
        count, last_time, best_loss = SETS, False, np.inf
        while True:
            kinds, sets, left_out = self._least(loss, count)
            search = Search(sets, kinds, loss[kinds, sets], prices, last, devices, self._tiny, best_loss, gives_up)
            search.run()
            best, best_loss = search.best or best, search.best_loss
            self.proved = search.complete and best_loss <= left_out + self._tiny
            if self.proved or last_time:
                return [self._group(members, kind) for kind, members in best if members]
            count, last_time = min(MAX_SETS, int((loss < best_loss).sum())), True

    def _least(self, loss: Floats, count: int) -> tuple[Ints, Ints, float]:
        """Kinds and sets of the `count` least losses in rising order, larger ones first of equals; and the least loss
        of those left out.
        """
        full = np.flatnonzero(np.isfinite(loss[:, 1:]))
        flat = loss[:, 1:].ravel()[full]
        bound = np.partition(flat, count)[count] if len(flat) > count else np.inf
        near = np.flatnonzero(flat <= bound)
        kinds, sets = np.divmod(full[near], loss.shape[1] - 1)
        sets += 1
        order = np.lexsort((-self._stake[sets], flat[near]))[:count]
        return kinds[order], sets[order], float(bound)

    def _group(self, members: int, kind: int) -> DeviceGroup:
        variant = int(np.where(self._servable[kind][:, members], self._accuracy, -np.inf).argmax())
        return DeviceGroup(
            kind, variant, tuple(client for bit, client in enumerate(self._clients) if members >> bit & 1)
        )

    def _solve_programme(self) -> SetPrices:
        """Over all sets. Where it maps a fraction of a client, it is told that none can be."""
        columns = [(kind, 1 << bit) for kind in range(len(self._values)) for bit in range(len(self._clients))]
        columns = [column for column in columns if np.isfinite(self._values[column[0]][column[1]])]
        bound, prices = self._generate(columns, float(self._weight.sum()))
        whole = float(np.floor(bound / self._mapped + TINY))
        return self._generate(columns, whole)[1] if bound > whole * self._mapped + self._stake[-1] else prices

    def _generate(self, columns: list[tuple[int, int]], places: float) -> tuple[float, SetPrices]:
        """Column generation: adds the sets worth most beyond their prices to `columns` until none is worth more."""
        count, kinds = len(self._clients), len(self._values)
        limits = np.array([1.0] * count + [float(self._kinds.count(kind)) for kind in range(kinds)] + [places])
        programme, known = linear_programme(limits), set(columns)
        while True:
            for kind, members in columns:
                inside = np.flatnonzero(members >> np.arange(count) & 1)
                rows = np.array([*inside, count + kind, count + kinds])
                entries = np.array([1.0] * (len(inside) + 1) + [float(self._weight[inside].sum())])
                programme.add(float(self._values[kind][members]), rows, entries)
            solved = programme.solve()
            assert solved is not None, "no sets at all are a solution"
            dual = solved.prices
            prices = SetPrices(dual[:count], dual[count:-1], float(dual[-1]), places, self._weight)
            dearest = sums_over_sets(prices.skipping)
            gains = [value - dearest - price for value, price in zip(self._values, prices.devices, strict=True)]
            added = {(kind, members) for kind, gain in enumerate(gains) for members in _most(gain, self._tiny)}
            columns = sorted(added - known)
            known |= added
            if not columns:
                return float(dual @ limits), prices


def _most(gain: Floats, least: float) -> list[int]:
    """Indices of the highest gains, as far as they are above `least`."""
    some = (
        np.argpartition(gain, -COLUMNS_PER_ROUND)[-COLUMNS_PER_ROUND:]
        if len(gain) > COLUMNS_PER_ROUND
        else np.arange(len(gain))
    )
    most: list[int] = some[gain[some] > least].tolist()
    return most
