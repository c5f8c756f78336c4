"""Commands that study without running in real time: simulated runs, a published evaluation, plans, reports of runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jellyfish.cli.bounds import MOST_PROCESSES, MOST_SEED, MOST_SEEDS, MOST_SOLVE_MS, MOST_VIRTUAL_S
from jellyfish.cli.parsing import positive_numbers, whole_numbers
from jellyfish.cli.running import console, guard
from jellyfish.config import MOST_CARE


def simulate(
    scenario: Annotated[
        Path | None, typer.Argument(help="A scenario file, e.g. scenarios/rush-hour.toml (docs/scenarios.md).")
    ] = None,
    chaos: Annotated[
        int | None,
        typer.Option(
            min=0, max=MOST_SEED, help="Instead of a file: this seed's random faults, and what must hold after."
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, max=MOST_SEED, help="Seed, instead of the scenario's own.")] = None,
    care: Annotated[
        float | None, typer.Option(min=0, max=MOST_CARE, help="Care (docs/planning.md), instead of the scenario's own.")
    ] = None,
    results: Annotated[
        Path | None, typer.Option(help="Folder for the result files; by default results/simulate-DATE.")
    ] = None,
) -> None:
    """Run a scenario in virtual time: minutes in seconds.

    The same server and cameras; devices, links and faults are simulated.
    """
    from jellyfish.lab.simulation import simulate as mode

    if scenario is not None and chaos is None:
        guard(lambda: mode.simulate(scenario, results, seed, care, console()))
    elif chaos is not None and scenario is None:
        guard(lambda: mode.simulate_chaos(chaos, results, console()))
    else:
        raise typer.BadParameter("give either a scenario file or --chaos SEED", param_hint="SCENARIO")


def reproduce(
    evaluation: Annotated[str, typer.Argument(help="Which one: `rtss22`, the Jellyfish paper's.")] = "rtss22",
    traces: Annotated[
        Path | None, typer.Option(help="Folder of recorded traces (CSV); by default made ones like them.")
    ] = None,
    clients: Annotated[str, typer.Option(help="Numbers of cameras.")] = "1,2,4,8",
    slo_ms: Annotated[str, typer.Option(help="Deadlines, in milliseconds.")] = "75,100,150",
    fps: Annotated[str, typer.Option(help="Frames per second.")] = "15,25",
    policies: Annotated[
        str | None,
        typer.Option(
            help="Only some of jellyfish, bold, published, annealing, client, split, fixed, oracle, with commas "
            "between."
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, max=MOST_SEEDS, help="Make each run with so many seeds.")] = 1,
    duration: Annotated[float, typer.Option(min=5, max=MOST_VIRTUAL_S, help="Virtual seconds of each run.")] = 140,
    workers: Annotated[
        int | None,
        typer.Option(min=1, max=MOST_PROCESSES, help="Runs at once; by default one per processor core."),
    ] = None,
    results: Annotated[Path, typer.Option(help="Folder; a call that was stopped goes on there.")] = Path(
        "results/rtss22"
    ),
) -> None:
    """Run a published evaluation again, in virtual time.

    Under the published policy, weaker ones, ours and with foresight, with figures of them (docs/reproduction.md).
    """
    from jellyfish.lab.reproduction.reproduce import published_matrix
    from jellyfish.lab.reproduction.reproduce import reproduce as reproduce_mode

    counts = whole_numbers("--clients", clients, 128)
    slos_ms, rates = positive_numbers("--slo-ms", slo_ms, 60_000), positive_numbers("--fps", fps, 240)

    def run() -> None:
        matrix = published_matrix(evaluation, traces, counts, slos_ms, rates, policies, seeds, duration)
        reproduce_mode(matrix, results, workers, console())

    guard(run)


def report(
    runs: Annotated[
        list[Path],
        typer.Argument(help="Results folders of runs, or of `serve --results`; several are compared with the first."),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for the page; by default results/report-DATE.")
    ] = None,
    begin: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="Only from this moment on: 14:05 (the last one that was recorded), 2026-11-30T14:05, -10min (before "
            "the end) or +90s (after the beginning).",
        ),
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="Only up to this moment, said likewise.")] = None,
    camera: Annotated[
        list[str] | None, typer.Option(help="Only frames of this camera; give it again for another one.")
    ] = None,
) -> None:
    """Show runs as a page of figures and words.

    From their result files alone; several runs side by side (docs/report.md). Of a part of them it says why cameras
    missed frames.
    """
    from jellyfish.report.recordings import recording
    from jellyfish.report.slices import PartWanted, moment

    def run() -> None:
        first, last = (None if each is None else moment(each) for each in (begin, end))
        wanted = PartWanted(first, last, tuple(camera or ()))
        for folder in runs:
            recording(folder)
        from jellyfish.modes.report import report as report_mode  # drawing takes a second to load

        report_mode(runs, output, console(), wanted)

    guard(run)


def plan(
    file: Annotated[Path, typer.Argument(help="One instance or a list of them, in JSON (docs/planning.md).")],
    planner: Annotated[
        str,
        typer.Option(
            help="`best`, `exact` or `annealing` (the published algorithm): one variant per device; `shared`: several "
            "in turn."
        ),
    ] = "best",
    time_budget_ms: Annotated[
        float,
        typer.Option(min=1, max=MOST_SOLVE_MS, help="The planner improves its plan for at most this long."),
    ] = 300,
    json: Annotated[bool, typer.Option("--json", help="A JSON list instead of a table.")] = False,
) -> None:
    """Plan for given cameras and devices, running nothing.

    For "what if there were more of them?" (docs/planning.md).
    """
    from jellyfish.lab.studies.what_if import plan as plan_mode

    guard(lambda: plan_mode(file, planner, time_budget_ms / 1000, json, console()))
