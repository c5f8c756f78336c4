"""Commands that study without running in real time: simulated runs, a published evaluation, plans, reports of runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jellyfish.cli.bounds import (
    MOST_DELAY_MS,
    MOST_PLANNED,
    MOST_PROCESSES,
    MOST_SEED,
    MOST_SEEDS,
    MOST_SOLVE_MS,
    MOST_VIRTUAL_S,
)
from jellyfish.cli.options import MaxBatch, ModelName, Weights
from jellyfish.cli.parsing import check_used, positive_numbers, whole_numbers
from jellyfish.cli.running import console, guard
from jellyfish.config import (
    DEFAULT_MODEL,
    DEFAULT_PLANNER,
    DEFAULT_TARGET,
    LEAST_TARGET,
    MOST_CARE,
    MOST_TARGET,
)


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
    file: Annotated[
        Path | None,
        typer.Argument(
            help="Instead of --clients: groups of cameras, in TOML (docs/plan.md). Or in JSON cameras and devices to "
            "plan for once, one instance or a list of them (docs/planning.md)."
        ),
    ] = None,
    clients: Annotated[int | None, typer.Option(min=1, max=MOST_PLANNED, help="How many cameras there are.")] = None,
    fps: Annotated[
        str, typer.Option(help="Frames per second; of several, e.g. `15,25`, the cameras take turns.")
    ] = "15",
    slo_ms: Annotated[
        str,
        typer.Option(
            help="Milliseconds from capture to answer; of several, e.g. `75,100,150`, the cameras take turns."
        ),
    ] = "150",
    trace: Annotated[
        str,
        typer.Option(
            help="Their uplinks: `wifi`, `lte`, `outage`, `steps`, a rate such as `10mbps`, `none`, or a file "
            "(docs/traces.md); of several, e.g. `wifi,lte`, the cameras take turns."
        ),
    ] = "wifi",
    delay_ms: Annotated[
        float, typer.Option(min=0, max=MOST_DELAY_MS, help="Milliseconds that a link takes one way.")
    ] = 5.0,
    target: Annotated[
        float,
        typer.Option(min=LEAST_TARGET, max=MOST_TARGET, help="Percent of the frames that are to be answered in time."),
    ] = DEFAULT_TARGET,
    least_accuracy: Annotated[
        float,
        typer.Option(min=0, max=1, help="Expected accuracy that is wanted over all frames: F1 of a detector, 0 to 1."),
    ] = 0.0,
    device: Annotated[
        str, typer.Option(help="The kind of device: the one of this machine whose saved profile is taken.")
    ] = "cpu",
    profile: Annotated[
        Path | None,
        typer.Option(
            help="The kind of device: a file that `jellyfish profile` wrote, here or elsewhere; or `gpu`, `cpu` or a "
            "file as scenarios have them (docs/scenarios.md)."
        ),
    ] = None,
    model: ModelName = DEFAULT_MODEL,
    weights: Weights = None,
    times_as_fast: Annotated[
        float,
        typer.Option(
            min=0.01, max=1000, help="A device that would be so many times as fast, where there is none to measure."
        ),
    ] = 1.0,
    max_batch: MaxBatch = 8,
    most_devices: Annotated[
        int, typer.Option(min=1, max=MOST_PLANNED, help="More are not tried, for each front.")
    ] = 256,
    seed: Annotated[
        int, typer.Option(min=0, max=MOST_SEED, help="Everything that is drawn at random comes from it.")
    ] = 0,
    plot: Annotated[
        Path | None, typer.Option(help="Also draw what so many devices give, as a PNG or SVG file.")
    ] = None,
    planner: Annotated[
        str | None,
        typer.Option(
            help="`best`, `exact` or `annealing` (the published algorithm): one variant per device; `shared`: several "
            "in turn. By default `shared`, as a server's, and `best` for a file in JSON."
        ),
    ] = None,
    time_budget_ms: Annotated[
        float,
        typer.Option(
            min=1,
            max=MOST_SOLVE_MS,
            help="For a file in JSON: the planner improves its plan for at most this long.",
        ),
    ] = 300,
    json: Annotated[bool, typer.Option("--json", help="JSON instead of a table.")] = False,
) -> None:
    """How many devices do these cameras need?

    The fewest that answer the target's share of frames in time, with the wished accuracy; what one fewer and one more
    would give; how many fronts. Planned for as a server does, then simulated in virtual time (docs/plan.md).
    """
    if file is not None and file.suffix != ".toml":
        from jellyfish.lab.studies.what_if import plan as plan_mode

        guard(lambda: plan_mode(file, planner or "best", time_budget_ms / 1000, json, console()))
        return
    if file is None and clients is None:
        raise typer.BadParameter(
            "say how many cameras there are, or give a file with groups of them", param_hint="--clients"
        )
    rates, slos = positive_numbers("--fps", fps, 240), positive_numbers("--slo-ms", slo_ms, 60_000)
    traces = trace.split(",")
    if file is None and clients is not None:
        check_used({"--fps": rates, "--slo-ms": slos, "--trace": traces}, clients)

    def run() -> None:
        from jellyfish.lab.sizing.ask import ask
        from jellyfish.lab.sizing.cameras import alike_but_for, load_cameras
        from jellyfish.lab.sizing.kind import kind_of
        from jellyfish.lab.sizing.needed import Wish

        groups = alike_but_for(clients or 0, rates, slos, traces, delay_ms) if file is None else load_cameras(file)
        kind = kind_of(profile, device, model, weights, max_batch, times_as_fast)
        wish = Wish(
            groups=groups, target=target, least_accuracy=least_accuracy, most_devices=most_devices,
            max_batch=max_batch, planner=planner or DEFAULT_PLANNER, seed=seed,
        )  # fmt: skip
        ask(kind, wish, json, plot, console())

    guard(run)
