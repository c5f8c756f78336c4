"""Clients on devices that run several variants in turn: what fits where, for all devices and variants at once. Pure.

Source of the model: `jellyfish.control.capacity`. A device's batches are the least that take all frames of a cycle: T
is the least solution of T = sum of l_v(floor(F_v T / W) + 1) over the variants v in use, with F_v the sum of the rates
on v and W workers. It is found from below: batches only grow, so that ends at the least solution, or above the largest
batch of the profile, which has no end. How many frames a cycle brings is counted with what batches usually keep a
worker, whether it is within all budgets with what they take at the worst.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jellyfish.control.capacity import LONE_BUSY, lone, longest_wait_s
from jellyfish.control.problem import Problem

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
SAME = 1e-9
NEVER_S = 1e9
"""Time of a batch that is larger than any in the profile: over all budgets, and finite, for it is multiplied."""


def _lone(fps: ArrayLike, budget_s: Floats, usual_s: Floats, single_s: Floats, spare: ArrayLike) -> NDArray[np.bool_]:
    """`jellyfish.control.capacity.lone` for many at once, and within the budget."""
    most_busy = LONE_BUSY * (1.0 + np.asarray(spare))
    fits: NDArray[np.bool_] = (np.asarray(fps) * usual_s <= most_busy) & (single_s <= budget_s)
    return fits


class Cycles:
    """Who is where, so kept that a place for one more client is found quickly. Clients, devices, variants by index."""

    def __init__(self, problem: Problem) -> None:
        tables = [option.latency_s for option in problem.devices]
        self._largest = max((len(row) for table in tables for row in table), default=0)
        self._seconds = self._table(tables)
        self._rows: list[list[list[float]]] = self._seconds.tolist()
        self._workers = [option.workers for option in problem.devices]
        self._each_workers = np.array(self._workers, dtype=np.int64)
        self._spare = [option.spare for option in problem.devices]
        self._each_spare = np.array(self._spare)
        self._keeps = self._table([option.keeps_s for option in problem.devices])
        self._keeps_rows: list[list[list[float]]] = self._keeps.tolist()
        self._fps = [client.fps for client in problem.clients]
        self._budget_s = [client.budget_s for client in problem.clients]
        shape = len(tables), len(problem.variants)
        self._rates = np.zeros(shape)
        self._tightest_s = np.full(shape, np.inf)
        self._batches: Integers = np.zeros(shape, dtype=np.int64)
        self._at = (np.arange(shape[0] * shape[1]) * (self._largest + 2)).reshape(shape)
        """Where each row of `_seconds` begins in it."""
        self._cycle_s = np.zeros(len(tables))
        self._free_workers = self._each_workers.copy()
        """Per device, workers that no client has for itself: 0 where clients share."""
        self.members: list[dict[int, set[int]]] = [{} for _ in tables]
        """Per device: variant -> clients on it."""
        self.place: dict[int, tuple[int, int]] = {}
        """Client -> (device, variant)."""

    def _table(self, tables: Sequence[Sequence[Sequence[float]]]) -> Floats:
        """[device, variant, batch]. A batch counts with the longest time of all batches up to it, for a cycle may bring
        fewer frames."""
        variants = len(tables[0]) if tables else 0
        seconds = np.full((len(tables), variants, self._largest + 2), NEVER_S)
        seconds[:, :, 0] = 0.0
        for device, table in enumerate(tables):
            for variant, row in enumerate(table):
                seconds[device, variant, 1 : len(row) + 1] = np.maximum.accumulate(row)
        return seconds

    def alone(self) -> NDArray[np.bool_]:
        """[client, variant]: whether some device could serve the client with the variant, had it no other client."""
        fps, budget_s = np.array(self._fps), np.array(self._budget_s).reshape(len(self._fps), self._rates.shape[1])
        possible = np.zeros(budget_s.shape, dtype=bool)
        counts = np.arange(1, self._largest + 1)
        each = zip(self._seconds, self._keeps, self._workers, self._spare, strict=True)
        kinds = {
            (table.tobytes(), keeps.tobytes(), workers, spare): (table, keeps) for table, keeps, workers, spare in each
        }
        for (_, _, workers, spare), (table, keeps) in kinds.items():
            seconds = table[:, 1:-1]
            keeps_up = fps[:, None, None] * keeps[:, 1:-1] < workers * counts
            possible |= (keeps_up & (2.0 * seconds <= budget_s[:, :, None])).any(axis=2)
            possible |= _lone(fps[:, None], budget_s, keeps[:, 1], seconds[:, 0], spare)
        return possible

    def options(self, client: int, wanted: NDArray[np.bool_]) -> tuple[Integers, Integers, Floats]:
        """(devices, variants, longer cycle in seconds) of the places that fit `client`, among the variants `wanted`."""
        fps, budget_s = self._fps[client], np.array(self._budget_s[client])
        running_s = self._seconds.ravel()[self._at + self._batches]
        first_s = np.where(self._batches > 0, running_s, self._seconds[:, :, 1])
        longest_s = np.maximum(running_s.max(axis=1, keepdims=True), first_s)
        least_s = self._waits_s(self._cycle_s[:, None] + first_s - running_s, longest_s, self._each_workers[:, None])
        slack_s = (self._tightest_s - running_s).min(axis=1)
        possible = wanted & (least_s + first_s <= budget_s) & (least_s <= slack_s[:, None])
        own = _lone(fps, budget_s, self._keeps[:, :, 1], self._seconds[:, :, 1], self._each_spare[:, None])
        alone = wanted & (self._free_workers > 0)[:, None] & own
        devices, variants = np.nonzero(possible | alone)
        if not len(devices):
            return devices, variants, np.empty(0)
        rows = np.arange(len(devices))
        rates, tightest_s, batches = self._rates[devices], self._tightest_s[devices], self._batches[devices]
        rates[rows, variants] += fps
        tightest_s[rows, variants] = np.minimum(tightest_s[rows, variants], budget_s[variants])
        batches[rows, variants] = np.maximum(batches[rows, variants], 1)
        used = np.flatnonzero(batches.any(axis=0))
        seconds, keeps = self._seconds[devices[:, None], used], self._keeps[devices[:, None], used]
        workers = self._each_workers[devices]
        cycle_s, fits = self._solve(seconds, keeps, rates[:, used], tightest_s[:, used], batches[:, used], workers)
        fits |= alone[devices, variants]
        return devices[fits], variants[fits], (cycle_s - self._cycle_s[devices])[fits]

    @staticmethod
    def _waits_s(cycle_s: Floats, longest_s: Floats, workers: Integers) -> Floats:
        """`longest_wait_s` for many at once."""
        waits_s: Floats = (cycle_s + (workers - 1) * longest_s) / workers
        return waits_s

    def _solve(
        self,
        seconds: Floats,
        keeps: Floats,
        rates: Floats,
        tightest_s: Floats,
        batches: Integers,
        workers: Integers,
    ) -> tuple[Floats, NDArray[np.bool_]]:
        """(cycle, whether it is within all budgets) per row, from `batches` upwards, which are not too large."""
        flat_s, in_use = seconds.ravel(), rates > 0.0
        at = (np.arange(batches.size) * seconds.shape[2]).reshape(batches.shape)
        while True:
            own_s = flat_s[at + batches]
            cycle_s = own_s.sum(axis=1)
            wait_s = self._waits_s(cycle_s, own_s.max(axis=1), workers)
            possible = (wait_s[:, None] + own_s <= tightest_s).all(axis=1)
            usual_s = keeps.ravel()[at + batches].sum(axis=1)
            frames = rates * (possible * usual_s / workers)[:, None] + SAME
            needed = np.maximum(np.minimum(frames, self._largest).astype(np.int64) + in_use, batches)
            if (needed == batches).all():
                return cycle_s, possible
            batches = needed

    def put(self, client: int, device: int, variant: int) -> bool:
        """Give `client` this place; False, and nothing has changed, if it does not fit."""
        members = self.members[device].setdefault(variant, set())
        members.add(client)
        start = {
            each: int(self._batches[device, each]) or 1 for each, clients in self.members[device].items() if clients
        }
        found = self._settled(device, start)
        if found is None:
            members.remove(client)
            return False
        self.place[client] = device, variant
        self._rates[device, variant] += self._fps[client]
        self._tightest_s[device, variant] = min(self._tightest_s[device, variant], self._budget_s[client][variant])
        self._enter(device, found)
        return True

    def fill(self, device: int, places: Mapping[int, int]) -> bool:
        """Give clients (client -> variant) places on `device`, which is empty; False, and nothing has changed, if not
        all of them fit together."""
        members: dict[int, set[int]] = {}
        for client, variant in places.items():
            members.setdefault(variant, set()).add(client)
        self.members[device] = members
        found = self._settled(device, dict.fromkeys(members, 1)) if members else {}
        if found is None:
            self.members[device] = {}
            return False
        for variant, on_it in members.items():
            self._rates[device, variant] = sum(self._fps[each] for each in on_it)
            self._tightest_s[device, variant] = min(self._budget_s[each][variant] for each in on_it)
        self.place.update((client, (device, variant)) for client, variant in places.items())
        self._enter(device, found)
        return True

    def take(self, client: int) -> tuple[int, int] | None:
        """Take `client` away from its place, which is returned. The others on the device only gain by it."""
        place = self.place.pop(client, None)
        if place is None:
            return None
        device, variant = place
        left = self.members[device][variant]
        left.remove(client)
        self._rates[place] = sum(self._fps[each] for each in left)
        self._tightest_s[place] = min((self._budget_s[each][variant] for each in left), default=math.inf)
        found = self._settled(device, {each: 1 for each, clients in self.members[device].items() if clients})
        assert found is not None
        self._enter(device, found)
        return place

    def grown(self, device: int) -> tuple[float, dict[int, int]]:
        """(longest cycle, batches) of `device`, with larger batches where its clients' budgets have room for them.

        Up to one frame of each client: cameras are not spaced evenly, their frames may come together.
        """
        batches = {each: int(self._batches[device, each]) for each, on_it in self.members[device].items() if on_it}
        for variant in batches:
            while batches[variant] < min(len(self.members[device][variant]), self._largest):
                larger = self._settled(device, {**batches, variant: batches[variant] + 1})
                if larger is None:
                    break
                batches = larger
        return sum(self._rows[device][variant][batch] for variant, batch in batches.items()), batches

    def _settled(self, device: int, batches: dict[int, int]) -> dict[int, int] | None:
        """The least batches from `batches` upwards that serve the device's clients; None if none do."""
        rows, keeps = self._rows[device], self._keeps_rows[device]
        workers = self._workers[device]
        rates = {variant: sum(self._fps[each] for each in self.members[device][variant]) for variant in batches}
        if self._worker_for_each(device, batches):
            return batches
        while True:
            own_s = {variant: rows[variant][batch] for variant, batch in batches.items()}
            wait_s = longest_wait_s(own_s.values(), workers)
            for variant in batches:
                worst_s = wait_s + own_s[variant]
                if any(worst_s > self._budget_s[each][variant] for each in self.members[device][variant]):
                    return None
            turn_s = sum(keeps[variant][batch] for variant, batch in batches.items()) / workers
            needed = {
                variant: max(batch, min(int(rates[variant] * turn_s + SAME), self._largest) + 1)
                for variant, batch in batches.items()
            }
            if needed == batches:
                return batches
            batches = needed

    def _worker_for_each(self, device: int, batches: dict[int, int]) -> bool:
        """Whether the device has a worker for each of its clients, which finds it free with each frame."""
        clients = [(client, variant) for variant, on_it in self.members[device].items() for client in on_it]
        if len(clients) > self._workers[device] or any(batch != 1 for batch in batches.values()):
            return False
        rows, keeps, spare = self._rows[device], self._keeps_rows[device], self._spare[device]
        return all(
            rows[variant][1] <= self._budget_s[client][variant] and lone(self._fps[client], keeps[variant][1], spare)
            for client, variant in clients
        )

    def _enter(self, device: int, batches: dict[int, int]) -> None:
        count = sum(len(clients) for clients in self.members[device].values())
        own = self._worker_for_each(device, batches)
        self._free_workers[device] = self._workers[device] - count if own else 0
        self._batches[device] = 0
        for variant, batch in batches.items():
            self._batches[device, variant] = batch
        self._cycle_s[device] = sum(self._rows[device][variant][batch] for variant, batch in batches.items())
