"""Whether the workers of a device work, fail or hang, and when one that does not work is tried again. Pure.

All of it is decided here. A batch that fails makes its worker's health doubtful: the worker is tested at once, and
nothing else happens if that goes well. When the test fails too, or when a batch hangs, the worker is out: it gets no
frames until a test of it has succeeded in time. A device whose workers are all out is failing, or hanging, and takes
no frames. One that has come back and fails again soon is on probation when it comes back the next time: it takes
frames, but plans do without it where there is another. A worker that has lost its device (`jellyfish.models.lost`) is
out for good.

A worker that has more than one batch runs them one after the other: the time of each counts from the end of the one
before, and what comes of the next one after a failure is the test of it.
"""

from __future__ import annotations

import enum
import math
from typing import NamedTuple

HANGING, HANGING_S = 20.0, 0.8
"""A batch hangs that has taken so many times its profiled time, and so long at least."""
GIVEN_UP, GIVEN_UP_S = 40.0, 2.0
"""After so many times its profiled time, and so long at least, it is ended by force, where there is a way to."""
STARTING_S = 15.0
"""A test of a worker that is out has so long until then: it may have to begin with starting a process."""
OUT = 2
"""Batches that fail one after the other before a worker is out."""
FIRST_TEST_S, LONGER, LAST_TEST_S = 0.05, 1.5, 5.0
"""A worker that is out is tested so long after that, and so many times later each time the test fails, to this most:
after a failure of T seconds it is back in service within half as long, at most five."""

SOON_S, FIRST_PROBATION_S, LAST_PROBATION_S = 10.0, 1.0, 16.0
"""Soon is within so long of coming back. Probation lasts so long at first, twice as long each time, to the last."""


class DeviceState(enum.StrEnum):
    """How a device is, in one word."""

    WORKING = "working"
    IMPAIRED = "impaired"
    """Some of its workers are out."""
    FAILING = "failing"
    HANGING = "hanging"


class RunningBatch(NamedTuple):
    """A batch on a worker."""

    started_s: float
    """When it was given to it, or the one before it ended."""
    profiled_s: float
    expected_s: float
    """What it should take at most where all is well: more than the profiled time on a device that others use, too."""
    patience_s: float
    """For how long it may run before it is ended by force."""

    @property
    def given_up_s(self) -> float:
        """When it is ended by force."""
        return self.started_s + self.patience_s

    @property
    def hangs_s(self) -> float:
        """From when on it hangs."""
        return self.started_s + max(HANGING * self.expected_s, HANGING_S)


class Health:
    """Of all workers of a device. Told of each batch when it begins and when it ends."""

    def __init__(self, workers: int) -> None:
        self._failures = [0] * workers
        self._hanging: set[int] = set()
        self._given_up: set[int] = set()
        self.running: dict[int, list[RunningBatch]] = {}
        """Worker -> its batches: the one that runs, and those that wait for it."""
        self.out: frozenset[int] = frozenset()
        """Workers that get no frames."""
        self.lost: frozenset[int] = frozenset()
        """Those of them that are not tried again."""
        self._back_s, self._probation_s = -math.inf, 0.0

    @property
    def all_out(self) -> bool:
        """Whether the device takes no frames."""
        return len(self.out) == len(self._failures)

    @property
    def state(self) -> DeviceState:
        """Of the device."""
        if not self.all_out:
            return DeviceState.IMPAIRED if self.out else DeviceState.WORKING
        return DeviceState.HANGING if self._hanging else DeviceState.FAILING

    def doubtful(self, worker: int) -> bool:
        """Whether its last batch failed or the one that runs hangs: it is to be tested before it gets frames."""
        return self._failures[worker] > 0 or worker in self._hanging

    def failures(self, worker: int) -> int:
        """How many batches have failed on it, one after the other."""
        return self._failures[worker]

    def pause_s(self, worker: int) -> float:
        """How long to wait before a worker whose health is doubtful is tested."""
        failed = self._failures[worker] - OUT
        return 0.0 if failed < 0 else min(FIRST_TEST_S * LONGER ** min(failed, 99), LAST_TEST_S)

    def overdue(self, worker: int, now: float) -> float:
        """Time that its batch has taken so far, over that which is expected; 0 where none runs."""
        batch = self._running(worker)
        return 0.0 if batch is None else (now - batch.started_s) / batch.expected_s

    def hangs(self, worker: int, now: float) -> bool:
        """Whether its batch has taken so long that it is taken to hang."""
        batch = self._running(worker)
        return batch is not None and batch.hangs_s <= now

    def _running(self, worker: int) -> RunningBatch | None:
        return self.running[worker][0] if worker in self.running else None

    def free_s(self, worker: int, factor: float) -> float | None:
        """When its batches will have ended if each takes `factor` times its profiled time; None where it has none."""
        ends_s = None
        for batch in self.running.get(worker, ()):
            ends_s = (batch.started_s if ends_s is None else ends_s) + factor * batch.profiled_s
        return ends_s

    def began(self, worker: int, now: float, profiled_s: float, expected_s: float = 0.0) -> None:
        """A batch of frames or a test begins, or waits for the one before it. `expected_s`: where that is more."""
        expected_s = max(expected_s, profiled_s)
        patience_s = max(GIVEN_UP * expected_s, STARTING_S if worker in self.out else GIVEN_UP_S)
        self.running.setdefault(worker, []).append(RunningBatch(now, profiled_s, expected_s, patience_s))

    def on_probation(self, now: float) -> bool:
        """Whether the device has come back but lately, after having come back and failed before."""
        return now < self._back_s + self._probation_s

    def ended(self, worker: int, now: float, failed: bool) -> None:
        """Its batch is over. One that was taken to hang and has succeeded says nothing of the worker as it is now: that
        is out until a test that is in time."""
        self._next(worker, now)
        hung = worker in self._hanging
        self._hanging.discard(worker)
        self._given_up.discard(worker)
        if failed or hung:
            self._failures[worker] = max(self._failures[worker] + failed, OUT if hung else 0)
        else:
            self._failures[worker] = 0
        self._enter(worker, self._failures[worker] >= OUT or worker in self.lost, now)

    def gone(self, now: float) -> None:
        """The device is not there, which is known without a batch of it: all workers are out until a test goes well."""
        self._failures = [max(each, OUT) for each in self._failures]
        for worker in range(len(self._failures)):
            self._enter(worker, is_out=True, now=now)

    def lost_for_good(self, worker: int, now: float) -> None:
        """Its batch is over, and it will never run another one."""
        self.ended(worker, now, failed=True)
        self.lost |= {worker}
        self._enter(worker, is_out=True, now=now)

    def cancelled(self, worker: int, now: float) -> None:
        """Nobody waits for its batch any more; nothing is learnt from it."""
        if worker in self.running:
            self._next(worker, now)

    def _next(self, worker: int, now: float) -> None:
        """The batch that runs is over: the next one, if there is one, runs from now on."""
        _, *waiting = self.running.pop(worker)
        if waiting:
            self.running[worker] = [waiting[0]._replace(started_s=now), *waiting[1:]]

    def next_look_s(self) -> float:
        """When `look` will find something if nothing ends before; infinite where nothing runs."""
        hang = (first.hangs_s for worker, (first, *_) in self.running.items() if worker not in self._hanging)
        give_up = (first.given_up_s for worker, (first, *_) in self.running.items() if worker not in self._given_up)
        return min(*hang, *give_up, math.inf, math.inf)

    def look(self, now: float) -> tuple[list[int], list[int]]:
        """Workers that are found to hang, and those whose batch is to be ended by force; each once."""
        running = {worker: batches[0] for worker, batches in self.running.items()}
        hanging = [each for each, batch in running.items() if batch.hangs_s <= now and each not in self._hanging]
        given_up = [each for each, batch in running.items() if batch.given_up_s <= now and each not in self._given_up]
        self._hanging.update(hanging)
        self._given_up.update(given_up)
        for worker in hanging:
            self._enter(worker, is_out=True, now=now)
        return hanging, given_up

    def _enter(self, worker: int, is_out: bool, now: float) -> None:
        if is_out == (worker in self.out):
            return
        was_out = self.all_out
        self.out = self.out | {worker} if is_out else self.out - {worker}
        if was_out:
            self._back_s = now
        elif self.all_out:
            soon = now < self._back_s + max(SOON_S, 2.0 * self._probation_s)
            longer_s = min(max(2.0 * self._probation_s, FIRST_PROBATION_S), LAST_PROBATION_S)
            self._probation_s = longer_s if soon else 0.0
