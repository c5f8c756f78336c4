"""Depth-first search for the sets of clients, each client in one at most, that fall least short of a bound. Pure.

The last device needs no search: what it loses with whatever clients are left is looked up. With two devices left, all
sets for the one are looked at together with what they leave to the other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from jellyfish.control.planners.task import Bools, Floats, Ints


class SetPrices(NamedTuple):
    """The linear programme's answer: what a client, a device of each kind, and a place for weight 1 is worth."""

    clients: Floats
    devices: Floats
    place: float
    places: float
    """Most weight that clients with a place can have together."""
    weight: Floats
    """What each client counts."""

    @property
    def skipping(self) -> Floats:
        """Per client, its price and that of its place."""
        skipping: Floats = self.clients + self.place * self.weight
        return skipping


class LastDevice:
    """What one device of each kind loses at least with any set of clients that are left, or a part of it."""

    def __init__(self, loss: Floats, prices: SetPrices) -> None:
        """`loss` (kinds, 2^n) of the sets, the empty one's being the price of an idle device."""
        self._loss = loss
        self._skipping = prices.skipping
        self.least = loss.copy()
        """(kinds, 2^n)"""
        for client, price in enumerate(self._skipping.tolist()):
            pairs = self.least.reshape(len(loss), -1, 2, 1 << client)
            np.minimum(pairs[:, :, 1], pairs[:, :, 0] + price, out=pairs[:, :, 1])

    def served(self, kind: int, left: int) -> int:
        """The part of `left` that a device of `kind` serves then."""
        for client in reversed(range(len(self._skipping))):
            rest = left & ~(1 << client)
            if rest != left and self.least[kind, left] < self._loss[kind, left]:
                skipped = self.least[kind, rest] + self._skipping[client]
                left = rest if skipped <= self.least[kind, left] else left
        return left


class Search:
    """Depth first: the client of fewest sets that is not yet decided gets one, or no place; least loss first."""

    def __init__(
        self, sets: Ints, kinds: Ints, loss: Floats, prices: SetPrices, last: LastDevice, devices: list[int],
        tiny: float, best_loss: float, gives_up: Callable[[int], bool],
    ) -> None:  # fmt: skip
        """`sets`, `kinds`, `loss`: the candidates in rising order of loss; `best_loss`: only less is looked for;
        `gives_up`: whether to end after so many nodes.
        """
        self._sets, self._kinds, self._loss = sets, kinds, loss
        self._prices, self._last = prices, last
        count = len(prices.clients)
        self._order: list[int] = np.argsort([(sets >> client & 1).sum() for client in range(count)]).tolist()
        self._devices = devices
        self._tiny, self._gives_up = tiny, gives_up
        self._spare = float(prices.weight.sum()) - prices.places
        """Weight of clients that cannot have a place anyway."""
        self._seen: dict[tuple[int, ...], float] = {}
        self._chosen: list[tuple[int, int]] = []
        self.best: list[tuple[int, int]] = []
        """(kind, set) of the best plan found."""
        self.best_loss = best_loss
        self._nodes = 0
        self.complete = True
        """Whether the search went through to the end."""

    def run(self) -> None:
        """Find the sets of least loss."""
        everyone = (1 << len(self._order)) - 1
        if sum(self._devices) == 1:
            self._finish(self._devices.index(1), everyone, 0.0, 0.0)
        else:
            self._go(np.arange(len(self._sets)), everyone, 0.0, 0.0)

    def _go(self, candidates: Ints, left: int, loss: float, skipped: float) -> None:
        """`left`: clients not yet decided; `skipped`: what those count that were left without a place."""
        self._nodes += 1
        self.complete = self.complete and not self._gives_up(self._nodes)
        bound = loss + self._prices.place * max(0.0, skipped - self._spare)
        if not self.complete or bound >= self.best_loss - self._tiny or self._known(left, loss, skipped):
            return
        client = next((client for client in self._order if left >> client & 1), None)
        if client is None:
            self._end(loss, skipped)
            return
        inside = self._sets[candidates] >> client & 1 == 1
        if sum(self._devices) == 2:
            self._try_pairs(candidates[inside], left, loss, skipped)
        else:
            self._try_sets(candidates, inside, left, loss, skipped)
        without, weight = left & ~(1 << client), float(self._prices.weight[client])
        self._go(candidates[~inside], without, loss + float(self._prices.clients[client]), skipped + weight)

    def _known(self, left: int, loss: float, skipped: float) -> bool:
        """Whether as much was decided before, in another way, for no more loss."""
        key, loss = (left, *self._devices), loss + self._prices.place * skipped
        known = self._seen.get(key, np.inf) <= loss
        if not known:
            self._seen[key] = loss
        return known

    def _try_sets(self, candidates: Ints, inside: Bools, left: int, loss: float, skipped: float) -> None:
        for index in candidates[inside].tolist():
            kind, members = int(self._kinds[index]), int(self._sets[index])
            total = loss + float(self._loss[index])
            if total >= self.best_loss - self._tiny or not self.complete:
                break
            if self._devices[kind]:
                self._devices[kind] -= 1
                self._chosen.append((kind, members))
                rest = candidates[self._sets[candidates] & members == 0]
                self._go(rest, left & ~members, total, skipped)
                self._chosen.pop()
                self._devices[kind] += 1

    def _try_pairs(self, candidates: Ints, left: int, loss: float, skipped: float) -> None:
        """Two devices are left: the first gets one of `candidates`, the second what is best of the rest."""
        for kind in {kind for kind, count in enumerate(self._devices) if count}:
            self._devices[kind] -= 1
            other = next(kind for kind, count in enumerate(self._devices) if count)
            sets = candidates[self._kinds[candidates] == kind]
            if len(sets):
                rest = left & ~self._sets[sets]
                both = self._loss[sets] + self._last.least[other, rest]
                first = int(both.argmin())
                self._chosen.append((kind, int(self._sets[sets[first]])))
                self._finish(other, int(rest[first]), loss + float(self._loss[sets[first]]), skipped)
                self._chosen.pop()
            self._devices[kind] += 1

    def _finish(self, kind: int, left: int, loss: float, skipped: float) -> None:
        """Give the last device, of `kind`, what is best of `left`."""
        place = self._prices.place * (skipped - self._spare)
        loss += float(self._last.least[kind, left]) + place
        if loss < self.best_loss - self._tiny:
            self.best, self.best_loss = [*self._chosen, (kind, self._last.served(kind, left))], loss

    def _end(self, loss: float, skipped: float) -> None:
        """All clients are decided, and devices are left idle."""
        loss += sum(price * left for price, left in zip(self._prices.devices.tolist(), self._devices, strict=True))
        loss += self._prices.place * (skipped - self._spare)
        if loss < self.best_loss - self._tiny:
            self.best, self.best_loss = self._chosen.copy(), loss
