"""Processor cores that jobs share: who gets how much of them, and when each is done. Pure: `now` is an argument.

A job runs on at most `most` cores at once (a thread: one). Where all want more than there is, each gets in proportion
to its weight, as a fair scheduler's threads do, and what one cannot use goes to the others. Time slices have no length
here, so what a real scheduler delays by a slice is not seen.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence


class Job:
    """So many core-seconds of work; `finished` is called when they are done."""

    __slots__ = ("ends_s", "finished", "left_s", "most", "rate", "weight")

    def __init__(
        self,
        seconds: float,
        finished: Callable[[], None],
        weight: float = 1.0,
        most: float = 1.0,
    ) -> None:
        self.left_s, self.finished, self.weight, self.most = seconds, finished, weight, most
        self.rate = 0.0
        """Cores that it has now."""
        self.ends_s = math.inf
        """When it is done if nothing changes."""


class Cores:
    """`count` cores and the jobs on them."""

    def __init__(self, count: float) -> None:
        self.count = count
        self.now = 0.0
        self._jobs: list[Job] = []
        self._next_end_s = math.inf
        self.ended_s = -math.inf
        """When a job was last done."""
        self.spare = count
        """Cores that no job wants; below 0 where there are too few."""

    @property
    def next_end_s(self) -> float:
        """When the next job is done, if none comes or goes before; infinite without jobs that end."""
        return self._next_end_s

    @property
    def idle(self) -> bool:
        """Whether there are no jobs."""
        return not self._jobs

    @property
    def load(self) -> float:
        """Weights of all jobs for each core."""
        return sum(job.weight for job in self._jobs) / self.count

    def begin(self, job: Job) -> None:
        """Run `job` from `now` on, the time of the last `settle`."""
        self._jobs.append(job)
        self._share_out([job])

    def end(self, job: Job) -> None:
        """Take `job` away, done or not; nothing happens where it is not here."""
        if job in self._jobs:
            self._jobs.remove(job)
            self._share_out([])

    def settle(self, now: float) -> None:
        """Let the time pass until `now`. Jobs that are done meanwhile are told in turn, and may begin others."""
        while self._next_end_s <= now:
            self._pass(self._next_end_s)
            done = [job for job in self._jobs if job.ends_s <= self.now]
            self._jobs = [job for job in self._jobs if job.ends_s > self.now]
            self.ended_s = self.now
            self._share_out([])
            for job in done:
                job.left_s = 0.0
                job.finished()
        self._pass(now)

    def _pass(self, until_s: float) -> None:
        if until_s > self.now:
            for job in self._jobs:
                job.left_s = max(0.0, job.left_s - job.rate * (until_s - self.now))
            self.now = until_s

    def _share_out(self, fresh: list[Job]) -> None:
        """Give every job its rate; only those that have come (`fresh`) need one where nobody was nor is short."""
        was_spare, self.spare = self.spare, self.count - sum(job.most for job in self._jobs)
        changed = self._jobs if min(was_spare, self.spare) < 0 else fresh
        if self.spare < 0:
            shares(self._jobs, self.count)
        else:
            for job in changed:
                job.rate = job.most
        for job in changed:
            job.ends_s = self.now + job.left_s / job.rate if job.rate else math.inf
        self._next_end_s = min((job.ends_s for job in self._jobs), default=math.inf)


def shares(jobs: Sequence[Job], cores: float) -> None:
    """Set every job's rate: in proportion to the weights, none above its most."""
    left, weights = cores, sum(job.weight for job in jobs)
    for job in sorted(jobs, key=lambda job: job.most / job.weight):  # who needs the least of its share is served first
        job.rate = min(job.most, left * job.weight / weights)
        left, weights = left - job.rate, weights - job.weight


class Pool:
    """`threads` workers on some cores; jobs wait in order for a free one, as in a thread pool."""

    def __init__(self, begin: Callable[[Job], None], threads: int) -> None:
        """`begin`: puts a job on some cores."""
        self._begin, self._free = begin, threads
        self._waiting: deque[Job] = deque()

    def begin(self, job: Job) -> None:
        """Run `job` as soon as a worker is free."""
        finished = job.finished

        def next_one() -> None:
            self._free += 1
            self._start()
            finished()

        job.finished = next_one
        self._waiting.append(job)
        self._start()

    def _start(self) -> None:
        if self._free and self._waiting:
            self._free -= 1
            self._begin(self._waiting.popleft())
