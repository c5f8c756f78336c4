"""Depth-first search for the sets of clients, each client in one at most, that fall least short of a bound. Pure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from jellyfish.control.planners.task import Floats, Ints


class Prices(NamedTuple):
    """The linear programme's answer: what a client, a device of each kind, and one more place for a client is worth."""

    clients: Floats
    devices: Floats
    place: float
    places: float
    """Most places that all devices together can have; infinite where that does not bind."""


class Search:
    """Depth first: the lowest client not yet decided gets a set, or no place. Sets come in rising order of loss."""

    def __init__(
        self, sets: Ints, kinds: Ints, loss: Floats, prices: Prices, devices: list[int],
        tiny: float, max_nodes: int, best_loss: float,
    ) -> None:  # fmt: skip
        """`best_loss`: only less is looked for; `max_nodes`: after so many the search gives up."""
        self._sets = sets
        self._members: list[int] = sets.tolist()
        self._of_kind: list[int] = kinds.tolist()
        self._losses: list[float] = loss.tolist()
        self._prices = prices
        self._client_prices: list[float] = prices.clients.tolist()
        self._devices = devices
        self._tiny, self._max_nodes = tiny, max_nodes
        self._chosen: list[int] = []
        self.best: list[int] = []
        self.best_loss = best_loss
        self.nodes = 0

    def run(self) -> None:
        """Find the sets of least loss."""
        self._go(np.arange(len(self._sets)), 0, 0, 0.0)

    def _go(self, candidates: Ints, client: int, done: int, loss: float) -> None:
        while client < len(self._client_prices) and done >> client & 1:
            client += 1
        self.nodes += 1
        if self.nodes > self._max_nodes or loss >= self.best_loss - self._tiny:
            return
        if client == len(self._client_prices) or not any(self._devices):
            self._end(client, done, loss)
            return
        inside = self._sets[candidates] >> client & 1 == 1
        for index in candidates[inside].tolist():
            kind, total = self._of_kind[index], loss + self._losses[index]
            if total >= self.best_loss - self._tiny:
                break
            if self._devices[kind]:
                self._devices[kind] -= 1
                self._chosen.append(index)
                rest = candidates[self._sets[candidates] & self._sets[index] == 0]
                self._go(rest, client + 1, done | self._members[index], total)
                self._chosen.pop()
                self._devices[kind] += 1
        self._go(candidates[~inside], client + 1, done | 1 << client, loss + self._client_prices[client])

    def _end(self, client: int, done: int, loss: float) -> None:
        """Add what idle devices, clients without a place and places that nobody has cost."""
        loss += sum(price * left for price, left in zip(self._prices.devices.tolist(), self._devices, strict=True))
        loss += sum(
            price for other, price in enumerate(self._client_prices) if other >= client and not done >> other & 1
        )
        if self._prices.place:
            mapped = sum(self._members[index].bit_count() for index in self._chosen)
            loss += self._prices.place * (self._prices.places - mapped)
        if loss < self.best_loss - self._tiny:
            self.best, self.best_loss = self._chosen.copy(), loss
