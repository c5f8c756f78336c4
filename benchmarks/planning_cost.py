"""What planning costs: how late the event loop's timers come while a solve runs, and how much of a core is spent.

    PYTHONPATH=. python benchmarks/planning_cost.py [--sizes 4x1 16x4 64x16 256x32] [--only lag share repair search]

`lag`: timers every millisecond; their lateness at the 99th percentile while nothing else happens, while solves follow
each other in a thread, in one that hands over the interpreter every millisecond, and in a process as `serve` has it;
alternated, medians of the rounds. `share`: a server's first minute, of windows in which budgets and latencies change
(a walk of the links, noise on the devices, a client that goes and one that comes every 5 s), processor time measured,
the start of the planner's process included; beside it the way it was before, 0.3 s of search in every window; and how
many clients had no place, from the fifth second on.
`repair`: the longest of 20 calls after each event. `search`: processor time of a search to its end beside its model.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import random
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import msgspec
import uvloop

from jellyfish.control.adaptation import Adapting
from jellyfish.control.allowance import search_s
from jellyfish.control.capacity import broken_devices
from jellyfish.control.planners import make_planner
from jellyfish.control.problem import ClientDemand, DeviceOption, Plan, Problem
from jellyfish.control.repair import TOLERANCE, repair
from jellyfish.core import Variant
from jellyfish.modes.solver_process import solver_process

SIZES = ("4x1", "16x4", "64x16", "256x32")
VARIANTS, BATCHES = 24, 8
ROUNDS, ROUND_S, WINDOW_S = 3, 3.0, 0.5
SEARCH_S = 0.3


class Figures(NamedTuple):
    """Of a minute."""

    share: float
    solves: int
    unserved: float
    accuracy: float


def problem_of(clients: int, devices: int, chance: random.Random) -> Problem:
    """Cameras over links of very different room, on devices that differ by a tenth."""
    variants = tuple(Variant(128 + 64 * (each // 4), f"w{25 * (each % 4 + 1):03d}e1") for each in range(VARIANTS))
    base_s = [0.002 * (1 + 0.35 * each) for each in range(VARIANTS)]
    speeds = [chance.uniform(0.9, 1.1) for _ in range(devices)]
    tables = [
        tuple(tuple(speed * each * (0.6 + 0.4 * batch) for batch in range(1, BATCHES + 1)) for each in base_s)
        for speed in speeds
    ]
    return Problem(
        tuple(client_of(f"c{number}", chance) for number in range(clients)),
        tuple(DeviceOption(f"cuda:{number}", table) for number, table in enumerate(tables)),
        variants,
        tuple(0.2 + 0.7 * each / VARIANTS for each in range(VARIANTS)),
    )


def client_of(name: str, chance: random.Random) -> ClientDemand:
    """A camera whose larger frames leave less time."""
    budget_s, network_s = chance.uniform(0.05, 0.12), chance.uniform(0.001, 0.004)
    return ClientDemand(
        name,
        float(chance.choice((10, 15, 25))),
        tuple(max(0.0, budget_s - network_s * each) for each in range(VARIANTS)),
    )


def minute(clients: int, devices: int, seed: int) -> Iterator[tuple[float, Problem]]:
    """(time, problem) of the windows of a minute."""
    chance = random.Random(seed)
    base = problem_of(clients, devices, chance)
    links = {demand.client: 1.0 for demand in base.clients}
    for window in range(int(60.0 / WINDOW_S)):
        if window and window % 10 == 0:
            base = msgspec.structs.replace(base, clients=(*base.clients[1:], client_of(f"n{window}", chance)))
        links = {
            each.client: min(1.2, max(0.5, links.get(each.client, 1.0) * chance.lognormvariate(0, 0.05)))
            for each in base.clients
        }
        yield WINDOW_S * window, varied(base, links, chance)


def varied(base: Problem, links: dict[str, float], chance: random.Random) -> Problem:
    """`base` with budgets times what the links have, and devices a little slower or faster."""
    clients = tuple(
        msgspec.structs.replace(each, budget_s=tuple(links[each.client] * seconds for seconds in each.budget_s))
        for each in base.clients
    )
    devices = []
    for option in base.devices:
        factor = chance.lognormvariate(0, 0.01)
        devices.append(DeviceOption(option.device, tuple(tuple(factor * s for s in row) for row in option.latency_s)))
    return msgspec.structs.replace(base, clients=clients, devices=tuple(devices))


# --- how late timers come --------------------------------------------------------------------------------


async def lateness_ms(seconds: float) -> float:
    """99th percentile of how late a timer of one millisecond comes."""
    late, ends_s = [], time.monotonic() + seconds
    while (began_s := time.monotonic()) < ends_s:
        await asyncio.sleep(0.001)
        late.append(1000.0 * (time.monotonic() - began_s - 0.001))
    return statistics.quantiles(late, n=100)[98]


async def beside(solves: Callable[[], Awaitable[object]] | None) -> float:
    """`lateness_ms` while solves follow each other."""

    async def go_on() -> None:
        while solves is not None:
            await solves()

    task = asyncio.create_task(go_on())
    found = await lateness_ms(ROUND_S)
    task.cancel()
    await asyncio.wait({task})
    return found


async def lags(clients: int, devices: int) -> list[float]:
    """Medians: alone, with a thread, with one that gives way sooner, with a process."""
    question = problem_of(clients, devices, random.Random(1))
    planner, pool = make_planner("shared", 0, time_budget_s=SEARCH_S), ThreadPoolExecutor(1)
    loop = asyncio.get_running_loop()
    found: list[list[float]] = [[], [], [], []]
    async with solver_process("shared", 0) as solver:
        await solver.solve(question, None, SEARCH_S)
        thread = partial(loop.run_in_executor, pool, planner.plan, question, None)
        usual_s = sys.getswitchinterval()
        ways = [
            (None, usual_s),
            (thread, usual_s),
            (thread, 0.001),
            (partial(solver.solve, question, None, SEARCH_S), usual_s),
        ]
        for _ in range(ROUNDS):
            for figures, (way, switch_s) in zip(found, ways, strict=True):
                sys.setswitchinterval(switch_s)
                figures.append(await beside(way))
                await asyncio.sleep(0.5)
    pool.shutdown()
    return [statistics.median(figures) for figures in found]


# --- how much is spent -----------------------------------------------------------------------------------


async def process_start_s() -> float:
    """Processor time of the planner's process until it is ready."""
    async with solver_process("shared", 0) as solver:
        return (await solver.solve(problem_of(1, 1, random.Random(1)), None, SEARCH_S)).loading_s


def afforded(clients: int, devices: int, seed: int, share: float) -> Figures:
    """With repair, an allowance and steady plans, as in service, from its start on."""
    adapting, running, count = Adapting(share, sharing=True), Plan({}, {}), 0
    spent_s = start_s = uvloop.run(process_start_s())
    unserved, accuracy = [], []
    for now, observed in minute(clients, devices, seed):
        shown = adapting.shown(now, observed, running)
        mended = _mended(shown, running)
        verdict = adapting.decide(now, shown, mended)
        if verdict.why == "solved":
            began_s = time.process_time()
            found = make_planner("shared", count, time.process_time, verdict.budget_s).plan(shown, mended)
            took_s = time.process_time() - began_s
            adapting.spent(now, shown, verdict.budget_s, took_s, 0.0 if count else start_s)
            spent_s, count = spent_s + took_s, count + 1
            mended = found if adapting.adopts(now, shown, mended, found) else mended
        adapting.changed(now, shown, running, mended)
        running = mended
        assert not broken_devices(shown, running, TOLERANCE)
        if now >= 5.0:
            unserved.append(len(observed.clients) - len(running.clients))
            accuracy.append(_worth(observed, running))
    return Figures(spent_s / 60.0, count, statistics.mean(unserved), statistics.mean(accuracy))


def _mended(problem: Problem, running: Plan) -> Plan:
    """What repair comes to within a window."""
    done = repair(problem, running)
    for _ in range(9):
        if not done.rest:
            break
        done = repair(problem, done.plan, vain=done.vain)
    return done.plan


def always(clients: int, devices: int, seed: int) -> Figures:
    """0.3 s of search in every window."""
    planner, running = make_planner("shared", 0, time.process_time, SEARCH_S), None
    spent_s, unserved, accuracy = 0.0, [], []
    for now, observed in minute(clients, devices, seed):
        began_s = time.process_time()
        running = planner.plan(observed, running)
        spent_s += time.process_time() - began_s
        if now >= 5.0:
            unserved.append(len(observed.clients) - len(running.clients))
            accuracy.append(_worth(observed, running))
    return Figures(spent_s / 60.0, int(60.0 / WINDOW_S), statistics.mean(unserved), statistics.mean(accuracy))


def _worth(problem: Problem, plan: Plan) -> float:
    """Rate-weighted accuracy over all clients."""
    known = dict(zip(problem.variants, problem.accuracy, strict=True))
    planned = [(demand.fps, plan.variant_of(demand.client)) for demand in problem.clients]
    return sum(fps * known[variant] for fps, variant in planned if variant) / sum(fps for fps, _ in planned)


# --- what repair takes -----------------------------------------------------------------------------------


def repairs_ms(clients: int, devices: int) -> dict[str, float]:
    """The longest of 20 first calls after each event, in processor time."""
    chance = random.Random(1)
    before = problem_of(clients, devices, chance)
    running = make_planner("shared", 0, time.process_time, 2.0 * SEARCH_S).plan(before, None)
    first, *others = before.clients
    fallen = msgspec.structs.replace(first, budget_s=tuple(0.4 * each for each in first.budget_s))
    halved = (msgspec.structs.replace(each, budget_s=tuple(0.5 * b for b in each.budget_s)) for each in before.clients)
    events = {
        "noise": varied(before, {each.client: chance.gauss(1.0, 0.03) for each in before.clients}, chance),
        "a client joins": msgspec.structs.replace(before, clients=(*before.clients, client_of("new", chance))),
        "a link falls": msgspec.structs.replace(before, clients=(fallen, *others)),
        "all links fall": msgspec.structs.replace(before, clients=tuple(halved)),
    }
    if devices > 1:
        events["a device is lost"] = msgspec.structs.replace(before, devices=before.devices[1:])
    return {name: max(_taken_ms(partial(repair, after, running)) for _ in range(20)) for name, after in events.items()}


def _taken_ms(work: Callable[[], object]) -> float:
    began_s = time.process_time()
    work()
    return 1000.0 * (time.process_time() - began_s)


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=list(SIZES))
    parser.add_argument("--only", nargs="+", default=["lag", "share", "repair", "search"])
    parser.add_argument("--share", type=float, default=5.0, help="per cent of a core")
    options = parser.parse_args(words)
    for size in options.sizes:
        clients, devices = map(int, size.split("x"))
        if "lag" in options.only:
            alone, thread, process = uvloop.run(lags(clients, devices))
            print(
                f"{size}: lateness p99, ms: alone {alone:.2f}, thread {thread:.2f}, process {process:.2f}", flush=True
            )
        if "share" in options.only:
            for name, figures in (
                ("afforded", afforded(clients, devices, 1, options.share / 100)),
                ("always", always(clients, devices, 1)),
            ):
                told = f"{100 * figures.share:.1f} % of a core, {figures.solves} solves"
                print(
                    f"{size}: {name}: {told}, {figures.unserved:.2f} without a place, {figures.accuracy:.4f}",
                    flush=True,
                )
        if "repair" in options.only:
            told = ", ".join(f"{name} {taken:.1f}" for name, taken in repairs_ms(clients, devices).items())
            print(f"{size}: a repair takes at most, ms: {told}", flush=True)
        if "search" in options.only:
            question = problem_of(clients, devices, random.Random(1))
            taken = _taken_ms(partial(make_planner("shared", 0, time_budget_s=math.inf).plan, question, None))
            print(
                f"{size}: a search to its end takes {taken:.0f} ms, model {1000 * search_s(question):.0f}", flush=True
            )


if __name__ == "__main__":
    main()
