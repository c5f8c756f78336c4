"""Goodput of the batcher in overload, beside plain EDF and the ideal; simulated time, the same numbers every run.

Run it from the repository's root: `python -m benchmarks.overload_batcher`.

Clients send 15 frames per second, each with its own phase, jittered by up to 30 % of the interval; a frame's budget
(time left on arrival) is its client's: 4 to 10 times l(1), evenly spread. Two limits on the batch:
* planned: the largest b with 2 l(b) <= 4 l(1), what the planner allows for the tightest client;
* 12: whatever the batcher makes of it.
The ideal is the largest b / l(b) within the limit, of batches that fit the longest budget: a bound, not a promise. A
batch of 12 on a GPU takes 3.75 l(1), so a frame with a budget of 4 can join it only if it hardly has to wait.
Load is offered / ideal, goodput is given as a share of min(offered, ideal).
"""

from __future__ import annotations

import asyncio
import random
import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from jellyfish.core import Variant
from jellyfish.dispatch.batcher import Batcher
from jellyfish.dispatch.lanes import Candidate, Lane
from jellyfish.dispatch.queue import Decision
from jellyfish.dispatch.request import Answered, Dropped, Request

FPS, JITTER, LARGEST_BATCH = 15.0, 0.3, 12
VARIANT = Variant(448, "w100")
TIGHTEST, LONGEST = 4, 10
"""Budgets in units of l(1)."""
Take = Callable[[Batcher, float, Sequence[float], int], Decision]


@dataclass(frozen=True)
class Device:
    """A shape of l(b) and the time of a batch of one."""

    name: str
    single_s: float
    fixed: float
    """Share of l(1) that does not grow with the batch."""

    def latency_s(self, max_batch: int) -> list[float]:
        """l(1) to l(max_batch)."""
        return [self.single_s * (self.fixed + (1 - self.fixed) * batch) for batch in range(1, max_batch + 1)]

    def planned_batch(self) -> int:
        """Largest batch of which two fit the tightest budget."""
        return sum(1 for latency in self.latency_s(LARGEST_BATCH) if 2 * latency <= TIGHTEST * self.single_s)

    def ideal_fps(self, max_batch: int, longest_budget_s: float) -> float:
        """Largest b / l(b) of a batch that can be on time at all."""
        latency_s = self.latency_s(max_batch)
        return max(b / latency for b, latency in enumerate(latency_s, start=1) if latency <= longest_budget_s)


GPU = Device("GPU-like, l(b) = 0.75 + 0.25 b", 0.010, 0.75)
CPU = Device("CPU-like, l(b) = 0.1 + 0.9 b", 0.005, 0.1)


@dataclass(frozen=True)
class Result:
    """One run: frames per second offered and on time, mean batch, and each client's share of its frames on time."""

    offered_fps: float
    goodput_fps: float
    mean_batch: float
    shares: list[float]


def lane(latency_s: Sequence[float]) -> Lane:
    """The lane of a device that runs nothing else."""
    return Lane(Candidate(VARIANT, 1.0, latency_s, latency_s), len(latency_s))


def lookahead(batcher: Batcher, now: float, latency_s: Sequence[float], max_batch: int) -> Decision:
    """The batcher as it is."""
    return batcher.take(now, [lane(latency_s[:max_batch])], lambda request: 0)


def plain_edf(batcher: Batcher, now: float, latency_s: Sequence[float], max_batch: int) -> Decision:
    """Drops what is hopeless, then takes as many as the most urgent frame has time for."""
    waiting = batcher.clear()
    first = bisect_left(waiting, now + latency_s[0], key=lambda request: request.deadline_s)
    size = sum(
        1 for latency in latency_s[:max_batch] if first < len(waiting) and now + latency <= waiting[first].deadline_s
    )
    for request in waiting[first + size :]:
        batcher.push(request, now)
    return Decision(waiting[first : first + size], [], [VARIANT] * size)


def arrivals(clients: int, budgets: Callable[[random.Random], float], seconds: float, seed: int) -> list[Request]:
    """Every frame of every client, in order of arrival."""
    rng = random.Random(seed)
    pending: asyncio.Future[Answered | Dropped] = asyncio.Future(loop=asyncio.new_event_loop())
    image = np.zeros((1, 1, 3), dtype=np.uint8)
    requests = []
    for client in range(clients):
        phase, budget = rng.random() / FPS, budgets(rng)
        for frame in range(int(seconds * FPS)):
            arrival = phase + (frame + JITTER * rng.random()) / FPS
            requests.append(Request(str(client), frame, arrival + budget, arrival, image, pending))
    pending.get_loop().close()
    return sorted(requests, key=lambda request: request.queued_s)


def simulate(take: Take, latency_s: Sequence[float], requests: list[Request]) -> Result:
    """One device that is never idle while a frame waits."""
    batcher, now, following, batches = Batcher(), 0.0, 0, 0
    served: list[Request] = []
    while following < len(requests) or len(batcher):
        if not len(batcher):
            now = max(now, requests[following].queued_s)
        while following < len(requests) and requests[following].queued_s <= now:
            batcher.push(requests[following], requests[following].queued_s)
            following += 1
        run = take(batcher, now, latency_s, len(latency_s)).run
        if run:
            now += latency_s[len(run) - 1]
            batches += 1
            served += [request for request in run if now <= request.deadline_s]
    return _result(requests, served, batches, now - requests[0].queued_s)


def _result(requests: list[Request], served: list[Request], batches: int, seconds: float) -> Result:
    clients = sorted({request.client for request in requests})
    offered = dict.fromkeys(clients, 0)
    on_time = dict.fromkeys(clients, 0)
    for request in requests:
        offered[request.client] += 1
    for request in served:
        on_time[request.client] += 1
    shares = [on_time[client] / offered[client] for client in clients]
    return Result(len(requests) / seconds, len(served) / seconds, len(served) / max(1, batches), shares)


def share_of_ideal(
    take: Take, device: Device, max_batch: int, load: float, seconds: float, seed: int
) -> tuple[float, float]:
    """(goodput as a share of min(offered, ideal), mean batch) with budgets of 4 to 10 l(1)."""
    ideal = device.ideal_fps(max_batch, LONGEST * device.single_s)
    clients = round(load * ideal / FPS)
    requests = arrivals(clients, lambda rng: device.single_s * rng.uniform(TIGHTEST, LONGEST), seconds, seed)
    result = simulate(take, device.latency_s(max_batch), requests)
    return result.goodput_fps / min(result.offered_fps, ideal), result.mean_batch


def equal_shares(device: Device, max_batch: int, load: float, seconds: float, seed: int) -> list[float]:
    """Each client's share of its frames on time when all have the same budget of 7 l(1)."""
    clients = round(load * device.ideal_fps(max_batch, 7 * device.single_s) / FPS)
    requests = arrivals(clients, lambda _: 7 * device.single_s, seconds, seed)
    return simulate(lookahead, device.latency_s(max_batch), requests).shares


def take_cost_ms(repetitions: int = 200) -> list[float]:
    """Milliseconds of wall-clock time of `take` with a full queue of 64 frames in overload, sorted."""
    costs = []
    for seed in range(repetitions):
        batcher = Batcher(64)
        for request in arrivals(64, lambda rng: GPU.single_s * rng.uniform(TIGHTEST, LONGEST), 1 / FPS, seed):
            request.deadline_s += 1.0 - request.queued_s
            batcher.push(request, 1.0)
        start = time.perf_counter()
        lookahead(batcher, 1.0, GPU.latency_s(LARGEST_BATCH), LARGEST_BATCH)
        costs.append(1e3 * (time.perf_counter() - start))
    return sorted(costs)


def print_table(device: Device, max_batch: int, seconds: float, seeds: Sequence[int]) -> None:
    """One row per load."""
    ideal = device.ideal_fps(max_batch, LONGEST * device.single_s)
    print(f"\n{device.name}; batches up to {max_batch}; ideal {ideal:.0f} frames/s")
    print(f"{'load':>5} {'plain EDF':>20} {'Jellyfish':>20} {'equal SLO, share min .. max':>30}")
    for load in (0.8, 0.9, 1.0, 1.2, 2.0, 4.0):
        cells = []
        for take in (plain_edf, lookahead):
            runs = np.array([share_of_ideal(take, device, max_batch, load, seconds, seed) for seed in seeds])
            share, batch = runs.mean(axis=0)
            cells.append(f"{share:8.1%} (batch {batch:4.1f})")
        shares = equal_shares(device, max_batch, load, seconds, seeds[0])
        print(f"{load:5.1f} {cells[0]:>20} {cells[1]:>20} {min(shares):>22.3f} .. {max(shares):.3f}")


def main(seconds: float = 20.0, seeds: Sequence[int] = (0, 1, 2, 3)) -> None:
    for device in (GPU, CPU):
        for max_batch in (device.planned_batch(), LARGEST_BATCH):
            print_table(device, max_batch, seconds, seeds)
    costs = take_cost_ms()
    median, high = costs[len(costs) // 2], costs[len(costs) * 95 // 100]
    print(f"\ntake() with 64 frames waiting: median {median:.3f} ms, 95th percentile {high:.3f} ms")


if __name__ == "__main__":
    main()
