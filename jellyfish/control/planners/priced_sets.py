"""The proved optimum for up to about 16 clients on any number of devices: sets of clients, priced by a programme.

Every set of clients is valued for every kind of device. A linear programme that chooses sets ("each client once, as
many sets as devices") is solved by adding the sets worth most beyond their prices until none is left; it gives an upper
bound and prices. A plan falls short of the bound by exactly what its sets are worth less than their prices, plus the
prices of clients without a place and of idle devices; so the plan of least shortfall is looked for among the sets of
small shortfall, depth first. It is the optimum when its shortfall is no more than that of any set left out.
"""

from __future__ import annotations

import numpy as np

from jellyfish.control.planners.layout import Group
from jellyfish.control.planners.linear import linear_programme
from jellyfish.control.planners.set_search import Prices, Search
from jellyfish.control.planners.subsets import least_over_sets, servable_sets, sums_over_sets
from jellyfish.control.planners.task import Floats, Ints, Task

COLUMNS_PER_ROUND = 40
SETS = 300
"""Sets of least shortfall that are searched where no plan is known yet; nearly always enough."""
MAX_SETS = 5_000
TINY = 1e-9
"""Values this close, as a share of the value of one client, count as equal."""


class PricedSets:
    """One problem. Sets are bits of an index: bit i is the i-th of `clients`."""

    def __init__(self, task: Task) -> None:
        self._clients, self._kinds, self._accuracy = task.clients, task.kinds, task.accuracy
        self._rate = sums_over_sets(task.fps)
        self._mapped = task.mapping
        self._tiny = TINY * task.mapping
        tightest_s = least_over_sets(task.budgets_s.T)
        counted = sums_over_sets(np.full(len(task.clients), task.mapping))
        self._servable = [servable_sets(table, self._rate, tightest_s) for table in task.tables]
        self._values = [counted + self._best_accuracy(servable) * self._rate for servable in self._servable]
        for values in self._values:
            values[0] = -np.inf
        self._prices: Prices | None = None
        self._loss: Floats | None = None
        self._bound = np.inf
        self.proved = False
        """Whether the last search went through to the end."""

    def _best_accuracy(self, servable: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Floats:
        best = np.full(servable.shape[1], -np.inf)
        for accuracy, allowed in zip(self._accuracy, servable, strict=True):
            np.maximum(best, accuracy, out=best, where=allowed)
        return best

    def search(self, max_nodes: int, beat: tuple[int, float] | None = None) -> list[Group] | None:
        """The groups of the best plan; None when none beats `beat` or the search was cut off, see `proved`.

        `beat`: how many clients a known plan maps, and its accuracy; only better plans are looked for.
        """
        if self._loss is None:
            self._price()
        assert self._loss is not None and self._prices is not None
        best_loss, count = np.inf, SETS
        if beat is not None:
            best_loss = self._bound - beat[0] * self._mapped - beat[1] * float(self._rate[-1])
            count = max(SETS, min(MAX_SETS, int((self._loss < best_loss).sum())))
        places, left_out = _least(self._loss, np.tile(-self._rate, len(self._values)), count)
        kinds, sets = np.divmod(places, len(self._rate))
        devices = [self._kinds.count(kind) for kind in range(len(self._values))]
        search = Search(sets, kinds, self._loss[places], self._prices, devices, self._tiny, max_nodes, best_loss)
        search.run()
        self.proved = search.nodes <= max_nodes and search.best_loss <= left_out + self._tiny
        if not search.best or not (self.proved or beat):
            return None
        return [self._group(int(sets[i]), int(kinds[i])) for i in search.best]

    def _price(self) -> None:
        self._bound, self._prices = self._solve_programme()
        dearest = sums_over_sets(self._prices.clients + self._prices.place)
        loss = [dearest + price - value for value, price in zip(self._values, self._prices.devices, strict=True)]
        self._loss = np.maximum(np.concatenate(loss), 0.0)

    def _group(self, members: int, kind: int) -> Group:
        variant = int(np.where(self._servable[kind][:, members], self._accuracy, -np.inf).argmax())
        return Group(kind, variant, tuple(client for bit, client in enumerate(self._clients) if members >> bit & 1))

    def _solve_programme(self) -> tuple[float, Prices]:
        """Over all sets. Where it maps a fraction of a client, it is told that none can be."""
        columns = [(kind, 1 << bit) for kind in range(len(self._values)) for bit in range(len(self._clients))]
        columns = [column for column in columns if np.isfinite(self._values[column[0]][column[1]])]
        bound, prices = self._generate(columns, float(len(self._clients)))
        whole = float(np.floor(bound / self._mapped + TINY))
        if bound > whole * self._mapped + self._rate[-1]:
            bound, prices = self._generate(columns, whole)
        return bound, prices

    def _generate(self, columns: list[tuple[int, int]], places: float) -> tuple[float, Prices]:
        """Column generation: adds the sets worth most beyond their prices to `columns` until none is worth more."""
        count, kinds = len(self._clients), len(self._values)
        limits = np.array([1.0] * count + [float(self._kinds.count(kind)) for kind in range(kinds)] + [places])
        programme, known = linear_programme(limits), set(columns)
        while True:
            for kind, members in columns:
                inside = np.flatnonzero(members >> np.arange(count) & 1)
                rows = np.array([*inside, count + kind, count + kinds])
                entries = np.array([1.0] * (len(inside) + 1) + [float(len(inside))])
                programme.add(float(self._values[kind][members]), rows, entries)
            solved = programme.solve()
            assert solved is not None, "no sets at all are a solution"
            dual = solved.prices
            prices = Prices(dual[:count], dual[count:-1], float(dual[-1]), places)
            dearest = sums_over_sets(prices.clients + prices.place)
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
