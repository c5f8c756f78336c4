"""Time-sharing plans and per-batch actuation, carried out in virtual time: the same numbers every run.

    python -m benchmarks.time_sharing [bound] [served] [actuation] [overload] [planners] [--seconds 60]

* `bound`: what plans promise a client at worst, one cycle and its batch, beside what its frames took to wait and run,
  on devices that keep to their profile. Frames come evenly spaced, as in the planner's model, or from cameras whose
  phases are their own and may coincide.
* `served`: the same with the whole server: cameras on shaped links, devices with the spread of their profile, a plan
  every half second, made with the 99th percentiles.
* `actuation`: misses and expected accuracy over all captured frames, with one variant per device (best) or time-sharing
  (shared), and with batches that may run on another variant than the planned one.
* `overload`: three variants in turn and more frames than the device can run, with and without other variants.
* `planners`: mapped clients and accuracy of `shared` beside `best`, on the instances of benchmarks/planners.py.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import random
import statistics
import tempfile
import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.planners import FAMILIES, FEW, SIZES, instance
from jellyfish.control.capacity import violations, worst_cases_s
from jellyfish.control.planners import make_planner
from jellyfish.control.problem import ClientDemand, Plan, Planner, Problem
from jellyfish.core import Variant
from jellyfish.dispatch.batcher import Batcher
from jellyfish.dispatch.lanes import Candidate, Lane
from jellyfish.dispatch.request import Answered, Dropped, Request
from jellyfish.lab.simulation.frames import NO_PICTURE
from jellyfish.lab.simulation.scenario import Clients, DeviceSlow, Host, Scenario, SimulatedDevice
from jellyfish.lab.simulation.simulate import run_scenario
from jellyfish.lab.studies.what_if import problem_of
from jellyfish.modes.run import START_PAUSE_S
from jellyfish.results.records import FrameRecord
from jellyfish.results.summary import Summary

NO_HOST = Host(encode_ms=0.0, decode_ms=0.0)


def scenarios(seconds: float) -> list[Scenario]:
    """Clients that differ, on one or two devices."""

    def made(
        title: str, devices: Sequence[SimulatedDevice], clients: Sequence[Clients], *faults: DeviceSlow
    ) -> Scenario:
        return Scenario(title, seconds, tuple(devices), tuple(clients), host=NO_HOST, faults=faults)

    gpu, cpu = SimulatedDevice("gpu-0"), SimulatedDevice("cpu-0", "cpu")
    slow = [DeviceSlow(at_s, "cpu-0", 0.5, 4.0) for at_s in np.arange(5.0, seconds - 2.0, 10.0).tolist()]
    mixed = [
        Clients("tight", 2, 15.0, 75.0, "20mbps"),
        Clients("usual", 2, 15.0, 100.0, "40mbps"),
        Clients("loose", 2, 10.0, 200.0, "10mbps"),
    ]
    wireless = [
        Clients("walk", 3, 15.0, 100.0, "wifi"),
        Clients("bus", 3, 10.0, 150.0, "lte"),
        Clients("mast", 2, 25.0, 150.0, "40mbps"),
    ]
    lte = [Clients("bus", 8, 15.0, 100.0, "lte")]
    return [
        made("mixed SLOs, 1 GPU", [gpu], mixed),
        made("wireless, 1 GPU", [gpu], wireless),
        made(
            "wireless, 2 GPUs",
            [gpu, SimulatedDevice("gpu-1")],
            [msgspec.structs.replace(w, count=2 * w.count) for w in wireless],
        ),
        made("mixed SLOs, 1 CPU", [cpu], mixed),
        made("wireless, 1 CPU", [cpu], wireless),
        made("wireless, 1 CPU, 4 x slower now and then", [cpu], wireless, *slow),
        made("LTE, 100 ms, 1 CPU", [cpu], lte),
    ]


class Frame(NamedTuple):
    """One frame of a simulated device: its lane, when it comes, how long it may take and how long that was planned."""

    arrival_s: float
    lane: int
    budget_s: float
    promised_s: float = 1.0


def drive(lanes: Sequence[Lane], frames: Sequence[Frame]) -> list[tuple[Frame, float, Candidate]]:
    """(frame, seconds until it was answered, what it ran with) of the frames that were not given up."""
    candidates = {
        candidate.variant: candidate for lane in lanes for candidate in (lane.planned, *lane.quicker, *lane.better)
    }
    pending: asyncio.Future[Answered | Dropped] = asyncio.Future(loop=asyncio.new_event_loop())
    pending.get_loop().close()
    waiting = [
        Request("", number, frame.arrival_s + frame.budget_s, frame.arrival_s, NO_PICTURE, pending)
        for number, frame in enumerate(frames)
    ]
    batcher, now, following, answered = Batcher(), 0.0, 0, []
    while following < len(waiting) or len(batcher):
        if not len(batcher):
            now = max(now, waiting[following].queued_s)
        while following < len(waiting) and waiting[following].queued_s <= now:
            batcher.push(waiting[following], waiting[following].queued_s)
            following += 1
        decision = batcher.take(now, lanes, lambda request: frames[request.frame].lane)
        if decision.run:
            now += candidates[decision.variants[0]].latency_s[len(decision.run) - 1]
            answered += [
                (frames[each.frame], now - each.queued_s, candidates[decision.variants[0]]) for each in decision.run
            ]
    return answered


def periodic(rate_fps: float, seconds: float, chance: random.Random) -> list[float]:
    """Evenly spaced times that begin anywhere."""
    phase = chance.random()
    return [(phase + number) / rate_fps for number in range(int(seconds * rate_fps))]


def planned_devices(
    problem: Problem, plan: Plan
) -> Iterator[tuple[list[Lane], list[list[tuple[ClientDemand, float]]]]]:
    """Per device with clients: its lanes, and per lane the clients with the budget that each has there."""
    for option in problem.devices:
        lanes, members = [], []
        for share in plan.devices[option.device].shares:
            index = problem.variants.index(share.variant)
            on_it = [
                (client, client.budget_s[index])
                for client in problem.clients
                if plan.clients.get(client.client) == option.device and plan.variant_of(client.client) == share.variant
            ]
            row = option.latency_s[index][: max(share.batch, len(on_it))]
            lanes.append(Lane(Candidate(share.variant, problem.accuracy[index], row, row), share.batch))
            members.append(on_it)
        if any(members):
            yield lanes, members


def device_shares(problem: Problem, plan: Plan, seconds: float, spaced: bool, seed: int) -> tuple[list[float], int]:
    """(seconds taken over seconds promised of each answered frame, frames sent) on all devices of a plan."""
    chance, shares, sent = random.Random(seed), [], 0
    for lanes, members in planned_devices(problem, plan):
        cycle_s, frames = sum(lane.allotted_s for lane in lanes), []
        for number, (lane, on_it) in enumerate(zip(lanes, members, strict=True)):
            promised_s = cycle_s + lane.allotted_s
            together = [(sum(client.fps for client, _ in on_it), min(budget_s for _, budget_s in on_it))]
            for fps, budget_s in together if spaced else [(client.fps, budget_s) for client, budget_s in on_it]:
                frames += [Frame(at, number, budget_s, promised_s) for at in periodic(fps, seconds, chance)]
        shares += [taken_s / frame.promised_s for frame, taken_s, _ in drive(lanes, sorted(frames))]
        sent += len(frames)
    return shares, sent


def device_table(seconds: float, count: int) -> Table:
    """One row per family and kind of arrivals."""
    table = headed("waiting and running on the device, as a share of the planned worst case", "instances", "arrivals",
                   "variants in turn", "frames", "p50", "p99", "p99.9", "max", "above it", "given up")  # fmt: skip
    for clients, devices in ((8, 2), (32, 8)):
        for family in FAMILIES:
            chance = random.Random(f"{clients}x{devices} {family}")
            problems = [problem_of(instance(family, clients, devices, chance)) for _ in range(count)]
            plans = [make_planner("shared", 0, time_budget_s=math.inf).plan(problem, None) for problem in problems]
            turns = statistics.mean(
                len(lanes) for each in zip(problems, plans, strict=True) for lanes, _ in planned_devices(*each)
            )
            for spaced in (True, False):
                shares: list[float] = []
                sent = 0
                for number, (problem, plan) in enumerate(zip(problems, plans, strict=True)):
                    more, frames = device_shares(problem, plan, seconds, spaced, number)
                    shares, sent = shares + more, sent + frames
                table.add_row(
                    f"{clients}x{devices} {family}", "evenly spaced" if spaced else "cameras", f"{turns:.1f}",
                    str(sent),
                    *quantiles(shares), f"{1 - len(shares) / sent:.3%}",
                )  # fmt: skip
    return table


def quantiles(shares: Sequence[float]) -> list[str]:
    """p50, p99, p99.9, max and how many are above one."""
    values = np.array(shares)
    return [f"{np.quantile(values, q):.1%}" for q in (0.5, 0.99, 0.999, 1.0)] + [f"{np.mean(values > 1 + 1e-9):.3%}"]


def overload_table(seconds: float, seeds: Sequence[int]) -> Table:
    """One row per load; the device runs three variants in turn, in batches of four."""
    table = headed("three variants in turn, of all frames", "load", "other variants", "on time", "of each variant",
                   "accuracy, 0 if not on time")  # fmt: skip
    sizes = [(accuracy, [0.004 * slower * (0.75 + 0.25 * batch) for batch in range(1, 7)])
             for accuracy, slower in ((0.4, 1), (0.6, 2), (0.8, 4))]  # fmt: skip
    names = ("narrow", "middle", "wide")
    candidates = [Candidate(Variant(448, name), each, row, row) for name, (each, row) in zip(names, sizes, strict=True)]
    for load in (0.9, 1.2, 2.0, 3.0):
        for others in (False, True):
            lanes = [
                Lane(candidate, 4, tuple(reversed(candidates[:number])) if others else ())
                for number, candidate in enumerate(candidates)
            ]
            cycle_s = sum(lane.allotted_s for lane in lanes)
            frames: list[Frame] = []
            answered: list[tuple[Frame, float, Candidate]] = []
            for seed in seeds:
                chance = random.Random(seed)
                sent = sorted(
                    Frame(at, number, cycle_s + lane.allotted_s + chance.uniform(0.0, 0.5 * cycle_s))
                    for number, lane in enumerate(lanes)
                    for _ in range(round(load * 4 / cycle_s / 15))
                    for at in periodic(15.0, seconds, chance)
                )
                frames += sent
                answered += drive(lanes, sent)
            on_time = [each for each in answered if each[1] <= each[0].budget_s + 1e-9]
            shares = [
                sum(each[0].lane == lane for each in on_time) / sum(frame.lane == lane for frame in frames)
                for lane in range(3)
            ]
            table.add_row(
                f"{load:g}", "yes" if others else "no", f"{len(on_time) / len(frames):.1%}",
                " ".join(f"{share:.0%}" for share in shares),
                f"{sum(candidate.accuracy for *_, candidate in on_time) / len(frames):.3f}",
            )  # fmt: skip
    return table


class Watched:
    """A planner, and what its plans promise each client from when on."""

    def __init__(self, planner: Planner) -> None:
        self._planner = planner
        self.since_s: list[float] = []
        self.worst_s: list[dict[str, float]] = []
        self.cycles: list[int] = []

    def plan(self, problem: Problem, running: Plan | None) -> Plan:
        """See `Planner.plan`."""
        plan = self._planner.plan(problem, running)
        self.since_s.append(asyncio.get_running_loop().time() - START_PAUSE_S)
        self.worst_s.append(worst_cases_s(problem, plan))
        self.cycles += [len(device.shares) for device in plan.devices.values()]
        return plan

    def promised_s(self, client: str, captured_s: float, answered_s: float) -> float | None:
        """The longest worst case of the plans in force from capture to answer; None if the client had no place."""
        first = max(0, bisect_right(self.since_s, captured_s) - 1)
        plans = self.worst_s[first : bisect_right(self.since_s, answered_s)]
        promised = [plan.get(client) for plan in plans]
        return None if None in promised or not promised else max(each for each in promised if each is not None)


def run(scenario: Scenario, planner: Planner | None = None) -> tuple[Summary, list[FrameRecord]]:
    """Simulate and read what was written."""
    with tempfile.TemporaryDirectory() as folder:
        summary, _ = run_scenario(scenario, Path(folder) / "run", planner=planner)
        lines = (Path(folder) / "run" / "frames.jsonl").read_bytes().splitlines()
    return summary, [msgspec.json.decode(line, type=FrameRecord) for line in lines]


def measured(scenario: Scenario) -> tuple[list[float], list[float], float]:
    """(milliseconds promised, milliseconds taken) of each answered frame, and the mean number of variants in turn."""
    watched = Watched(make_planner("shared", 0, time_budget_s=math.inf))
    _, frames = run(scenario, watched)
    promised, taken = [], []
    for frame in frames:
        if frame.queue_ms is None or frame.execute_ms is None or frame.e2e_ms is None:
            continue
        worst_s = watched.promised_s(frame.client, frame.captured_s, frame.captured_s + frame.e2e_ms / 1000)
        if worst_s is not None:
            promised.append(1000 * worst_s)
            taken.append(frame.queue_ms + frame.execute_ms)
    return promised, taken, statistics.mean(watched.cycles)


def served_table(seconds: float) -> Table:
    """One row per scenario and actuation."""
    table = headed("on the server, as a share of the planned worst case", "scenario", "actuation", "variants in turn",
                   "frames", "planned ms", "p50", "p99", "p99.9", "max", "above it")  # fmt: skip
    for scenario in scenarios(seconds)[:5]:
        for actuation in (False, True):
            promised, taken, variants = measured(msgspec.structs.replace(scenario, actuation=actuation))
            shares = np.array(taken) / np.array(promised)
            table.add_row(
                scenario.title, "yes" if actuation else "no", f"{variants:.1f}", str(len(shares)),
                f"{np.mean(promised):.1f}", *quantiles(shares.tolist()),
            )  # fmt: skip
    return table


def actuation_table(seconds: float, seeds: Sequence[int]) -> Table:
    """One row per scenario and way to serve it."""
    table = headed("of all captured frames", "scenario", "served by", "missed", "goodput fps", "expected F1",
                   "F1 on time", "e2e p99 ms")  # fmt: skip
    ways = {
        "best": {"planner": "best", "actuation": False},
        "best + actuation": {"planner": "best", "actuation": True},
        "shared": {"planner": "shared", "actuation": False},
        "shared + actuation": {"planner": "shared", "actuation": True},
    }
    for scenario in scenarios(seconds):
        for name, changes in ways.items():
            figures: defaultdict[str, list[float]] = defaultdict(list)
            for seed in seeds:
                summary, _ = run(msgspec.structs.replace(scenario, seed=seed, **changes))
                figures["missed"].append(summary.miss_rate or 0.0)
                figures["goodput"].append(summary.goodput_fps)
                figures["offered"].append(summary.accuracy.expected_offered or 0.0)
                figures["on time"].append(summary.accuracy.expected_on_time or 0.0)
                figures["e2e"].append(summary.e2e_ms.p99 if summary.e2e_ms else 0.0)
            means = {key: statistics.mean(values) for key, values in figures.items()}
            table.add_row(
                scenario.title, name, f"{means['missed']:.2%}", f"{means['goodput']:.1f}", f"{means['offered']:.4f}",
                f"{means['on time']:.4f}", f"{means['e2e']:.0f}",
            )  # fmt: skip
    return table


def planner_rows(sizes: Sequence[str], count: int) -> Iterator[list[str]]:
    """One row per size and family. Times are CPU times, which are also what the planners' budgets are measured in."""
    for size in sizes:
        clients, devices = map(int, size.split("x"))
        for family in FAMILIES:
            chance = random.Random(f"{clients}x{devices} {family}")
            gains, more, times, accuracies = [], 0, [], []
            for _ in range(min(count, FEW.get(size, count))):
                problem = problem_of(instance(family, clients, devices, chance))
                best = make_planner("best", 0, time.process_time, SIZES[size]).plan(problem, None)
                began_s = time.process_time()
                shared = make_planner("shared", 0, time.process_time, SIZES[size]).plan(problem, None)
                times.append(1000 * (time.process_time() - began_s))
                assert not violations(problem, shared)
                gains.append(shared.accuracy - best.accuracy)
                accuracies.append(best.accuracy)
                more += len(shared.clients) - len(best.clients)
            yield [
                size, family, f"{statistics.mean(accuracies):.4f}", f"{statistics.mean(gains):+.4f}",
                f"{min(gains):+.4f} .. {max(gains):+.4f}", f"{more:+d}", f"{statistics.median(times):.0f}",
            ]  # fmt: skip


def headed(title: str, *headings: str) -> Table:
    table = Table(title=title, box=None, header_style="bold", title_justify="left")
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="left" if number < 2 else "right")
    return table


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = ("bound", "served", "actuation", "overload", "planners")
    parser.add_argument("parts", nargs="*", choices=[*parts, []], default=list(parts))
    parser.add_argument("--seconds", type=float, default=60, help="of each simulated run")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--sizes", nargs="+", default=[s for s in SIZES if s != "1000x64"], choices=list(SIZES))
    parser.add_argument("--count", type=int, default=10, help="instances per size and family, fewer of the large ones")
    options = parser.parse_args(words)
    console = Console(width=150)
    if "bound" in options.parts:
        console.print(device_table(options.seconds, options.count))
    if "served" in options.parts:
        console.print(served_table(options.seconds))
    if "actuation" in options.parts:
        console.print(actuation_table(options.seconds, options.seeds))
    if "overload" in options.parts:
        console.print(overload_table(options.seconds, options.seeds))
    if "planners" in options.parts:
        table = headed("shared beside best", "size", "family", "best", "gain", "least .. most", "clients", "median ms")
        for line in planner_rows(options.sizes, options.count):
            table.add_row(*line)
        console.print(table)


if __name__ == "__main__":
    main()
