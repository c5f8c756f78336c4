"""Plans beside proved optima and bounds, and the time they take; the published algorithm beside them.

    OMP_NUM_THREADS=1 python benchmarks/planners.py [--sizes 4x1 8x2] [--count 20] [--instances FILE]

One run, one core. Instances are drawn at random: fps of {10, 15, 25}, SLO of {75, 100, 150} ms, bandwidth uniform in
7.5..50 Mbit/s, 16 models of 128..608 px. `comfortable`: there is plenty of room, the question is which larger models;
`loaded`: latencies scaled so that the load is 60-95 % of the smallest model's capacity; `narrow`: a quarter of the
bandwidth; `overload`: 110-200 % of that capacity. Scaled latencies leave many clients that no device could serve.

Up to 32 clients optima are proved where that ends within a time limit; else plans are compared with a proved bound,
which no plan may reach, so that ratios are too low, if anything, and `fewer clients` too many. Times and budgets are
CPU times of the process. With --instances, plans are compared with the optima in a file that `jellyfish plan` reads.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from jellyfish.control.capacity import violations
from jellyfish.control.planners import make_planner
from jellyfish.control.planners.best import BestPlanner
from jellyfish.control.planners.exact import ExactPlanner
from jellyfish.control.problem import Plan, Problem
from jellyfish.lab.studies.bound import plan_bound
from jellyfish.lab.studies.what_if import Instance, InstanceClient, InstanceModels, answer, load_instances, problem_of

FAMILIES = ("comfortable", "loaded", "narrow", "overload")
SIZES = {"4x1": 0.3, "8x2": 0.3, "16x4": 0.3, "32x8": 0.1, "64x8": 0.3, "128x16": 0.3, "256x32": 0.45, "1000x64": 0.45}
"""Clients x devices -> time budget in seconds."""
FEW = {"32x8": 15, "64x8": 10, "128x16": 6, "256x32": 4, "1000x64": 2}
"""Instances per family where one takes long."""
SAME = 1e-6
"""Accuracies this close are equal."""
PROVING_LIMIT, ANNEALING_LIMIT = 32, 128
"""Most clients."""
BOUND_S = 6.0
EXACT_S = 8.0


class Reference(NamedTuple):
    """What plans are compared with: the optimum, or bounds."""

    most: int
    """No plan maps more clients."""
    mapped: int
    """No plan that maps as many is more accurate than `accuracy`."""
    accuracy: float
    proved: bool


def models(scale: float) -> InstanceModels:
    """16 models of 128..608 px, their latencies times `scale`."""
    pixels = range(128, 609, 32)
    return InstanceModels(
        accuracy=tuple(0.95 * (1.0 - 2.0 ** (-(side - 96) / 140)) for side in pixels),
        latency_ms=tuple(
            tuple(scale * 23.0 * (side / 608) ** 1.95 * (0.75 + 0.25 * extra) for extra in range(8)) for side in pixels
        ),
        frame_kbits=tuple(80.0 * (side / 128) ** 1.66 for side in pixels),
    )


def instance(family: str, clients: int, devices: int, chance: random.Random) -> Instance:
    """One instance of a family."""
    share = 0.25 if family == "narrow" else 1.0
    cameras = tuple(
        InstanceClient(chance.choice((10, 15, 25)), chance.choice((75, 100, 150)), share * chance.uniform(7500, 50_000))
        for _ in range(clients)
    )
    load = sum(camera.fps for camera in cameras) / devices / (8000.0 / models(1.0).latency_ms[0][7])
    wanted = {"loaded": chance.uniform(0.6, 0.95), "overload": chance.uniform(1.1, 2.0)}.get(family, load)
    return Instance(devices, cameras, models(wanted / load))


def reference(problem: Problem, plan: Plan, proved: bool) -> Reference:
    """The optimum where it can be proved, else bounds; `plan` is the default planner's."""
    if not proved and len(problem.clients) <= PROVING_LIMIT:
        few = len(problem.clients) <= 16
        planner = ExactPlanner(1, time_limit_s=EXACT_S) if few else BestPlanner(1, time_budget_s=EXACT_S)
        plan = max(planner.plan(problem, plan), plan, key=worth)
        proved = planner.proved
    if proved:
        return Reference(len(plan.clients), len(plan.clients), plan.accuracy, True)
    bound = plan_bound(problem, plan, BOUND_S)
    reached = bound.mapped == len(plan.clients) and plan.accuracy >= bound.accuracy - SAME
    return Reference(bound.mapped, len(plan.clients), bound.accuracy, reached)


def worth(plan: Plan) -> tuple[int, float]:
    return len(plan.clients), plan.accuracy


def row(size: str, family: str, name: str, problems: Sequence[Problem], references: dict[int, Reference]) -> list[str]:
    """One line of the table; fills `references` when the default planner is asked."""
    times, equal, fewer, ratios = [], 0, 0, []
    for number, problem in enumerate(problems):
        planner = make_planner(name, 0, time.process_time, SIZES[size])
        began_s = time.process_time()
        plan = planner.plan(problem, None)
        times.append(1000.0 * (time.process_time() - began_s))
        assert not violations(problem, plan)
        if number not in references:
            references[number] = reference(problem, plan, bool(getattr(planner, "proved", False)))
        best = references[number]
        fewer += len(plan.clients) < best.most
        same = len(plan.clients) == best.mapped
        equal += same and plan.accuracy >= best.accuracy - SAME
        if same and best.accuracy:
            ratios.append(plan.accuracy / best.accuracy)
    proved = sum(each.proved for each in references.values())
    mean = f"{statistics.mean(ratios):.4f}" if ratios else "-"
    least = f"{min(ratios):.4f}" if ratios else "-"
    share = f"{equal}/{len(problems)}"
    return [
        size,
        family,
        name,
        str(proved),
        share,
        str(fewer),
        mean,
        least,
        f"{statistics.median(times):.1f}",
        f"{max(times):.1f}",
    ]


def rows(sizes: Sequence[str], count: int) -> Iterator[list[str]]:
    for size in sizes:
        clients, devices = map(int, size.split("x"))
        for family in FAMILIES:
            chance = random.Random(f"{size} {family}")
            problems = [
                problem_of(instance(family, clients, devices, chance)) for _ in range(min(count, FEW.get(size, count)))
            ]
            references: dict[int, Reference] = {}
            yield row(size, family, "best", problems, references)
            if clients <= ANNEALING_LIMIT:
                yield row(size, family, "annealing", problems, references)


def compare_with_file(path: Path, console: Console) -> None:
    """How many of the file's proved optima the default planner finds."""
    optima = [each["optimum"] for each in json.loads(path.read_text())]
    answers = [answer(each, "best", 0.3) for each in load_instances(path)]
    same = sum(
        each.mapped == best["mapped"] and abs(each.accuracy - best["accuracy"]) < 1e-6
        for each, best in zip(answers, optima, strict=True)
    )
    times = [each.solve_ms for each in answers]
    console.print(f"{same}/{len(optima)} equal; median {statistics.median(times):.1f} ms, max {max(times):.1f} ms")


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=list(SIZES), choices=list(SIZES))
    parser.add_argument("--count", type=int, default=50, help="instances per size and family, fewer of the large ones")
    parser.add_argument("--instances", type=Path, help="a file with instances and their `optimum`")
    options = parser.parse_args(words)
    console = Console(width=130)
    if options.instances:
        compare_with_file(options.instances, console)
        return
    headings = [
        "size",
        "family",
        "planner",
        "proved",
        "equal",
        "fewer clients",
        "mean ratio",
        "least",
        "median ms",
        "max ms",
    ]
    console.print("| " + " | ".join(headings) + " |\n|" + "---|" * len(headings))
    for line in rows(options.sizes, options.count):
        console.print("| " + " | ".join(line) + " |")


if __name__ == "__main__":
    main()
