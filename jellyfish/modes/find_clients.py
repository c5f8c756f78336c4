"""`jellyfish bench --find-clients`: the most cameras that are served as promised, by doubling and halving."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from jellyfish.config import BenchConfig, CameraConfig
from jellyfish.errors import RunError
from jellyfish.installed import is_installed
from jellyfish.program.stopping import Stop
from jellyfish.results.summary import Summary
from jellyfish.results.table import NOTHING, percent, what_is_left
from jellyfish.results.writer import default_folder, require_empty

LABEL_OCTAVES = 0.25
"""Least distance of two labels on the plot's axis, on which numbers double."""

FleetOf = Callable[[int], tuple[CameraConfig, ...]]
"""How many -> these cameras."""


Run = Callable[[BenchConfig, Path, Console, Stop], Awaitable[tuple[Summary, list[str]]]]
"""Makes one run, written to a folder."""


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the search."""

    clients: int
    slo_attainment: float
    meets_target: bool
    e2e_p99_ms: float | None
    f1_offered: float | None
    """Of a detector; null of a classifier, and where nothing was labelled."""
    top1_offered: float | None
    """Of a classifier; null likewise."""
    cameras_were_bottleneck: bool
    folder: str

    @property
    def accuracy(self) -> float | None:
        """Over all captured frames, in terms of the model's task."""
        return self.f1_offered if self.top1_offered is None else self.top1_offered


class FoundClients(msgspec.Struct, frozen=True, kw_only=True):
    """`clients.json`: what the search found, and every run of it in their order."""

    target: float
    clients: int
    """The largest number that met the target; 0 if not even one camera did."""
    at_least: bool
    """Whether the search ended at the most that it was to try, so that more might do."""
    trials: list[Trial]


class ClientSearch:
    """Which number of clients to try next: doubling until one fails, then halving what is between. Pure."""

    def __init__(self, first: int, most: int) -> None:
        self._next, self._most = min(first, most), most
        self.good = 0
        """The largest that was served."""
        self.bad: int | None = None
        """The smallest that was not."""

    @property
    def next(self) -> int | None:
        """How many to try; None when the search is over."""
        if self.bad is None:
            return None if self.good == self._most else self._next
        return None if self.bad - self.good <= 1 else (self.good + self.bad + (self.good == 0)) // 2

    def tried(self, clients: int, served: bool) -> None:
        """What came of it."""
        if served:
            self.good = max(self.good, clients)
            self._next = min(2 * clients, self._most)
        else:
            self.bad = clients if self.bad is None else min(self.bad, clients)


async def find_clients(
    config: BenchConfig,
    fleet: FleetOf,
    first: int,
    most: int,
    target: float,
    console: Console,
    stop: Stop,
    run: Run,
) -> None:
    """Search, write `clients.json` and, if it can be drawn, `clients.png` beside the runs, print the table.

    Raises what `run` raises, and Stopped when it was told to stop: the runs until then are there, but nothing was
    found.
    """
    root = config.results or default_folder("clients", datetime.now().astimezone())
    require_empty(root)
    search, trials = ClientSearch(first, most), list[Trial]()
    while (count := search.next) is not None:
        console.print(f"[bold]{count} camera{'s' * (count > 1)}[/] ...")
        folder = root / f"clients-{count}"
        summary, _ = await run(replace(config, cameras=fleet(count), results=folder), folder, console, stop)
        stop.leave(f"{what_is_left(summary, folder)}; the search has not ended")
        trials.append(_trial(count, summary, target, folder))
        search.tried(count, trials[-1].meets_target)
    found = FoundClients(target=target, clients=search.good, at_least=search.bad is None, trials=trials)
    path, drawn = root / "clients.json", is_installed("matplotlib")
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
        if drawn:
            _plot(found, root / "clients.png")
    except OSError as error:
        raise RunError(f"{root}: cannot be written ({error.strerror or error})") from error
    console.print(_table(found))
    console.print(in_words(found), soft_wrap=True)
    figure = "clients.png" if drawn else "no clients.png (for want of matplotlib)"
    console.print(f"Each run, clients.json and {figure} are in [bold]{root}[/]", soft_wrap=True)


def _trial(count: int, summary: Summary, target: float, folder: Path) -> Trial:
    attainment = summary.slo_attainment or 0.0
    return Trial(
        clients=count,
        slo_attainment=attainment,
        meets_target=attainment >= target,
        e2e_p99_ms=None if summary.e2e_ms is None else summary.e2e_ms.p99,
        f1_offered=summary.accuracy.f1_offered,
        top1_offered=summary.accuracy.top1_offered,
        cameras_were_bottleneck=summary.emulation is not None and summary.emulation.bottleneck,
        folder=folder.name,
    )


def in_words(found: FoundClients) -> str:
    """The result in a sentence or two."""
    percentage = f"{100 * found.target:g} %"
    if not found.clients:
        words = f"Not even one camera had {percentage} of its frames answered on time."
    else:
        words = f"{found.clients} camera{'s' * (found.clients > 1)} met {percentage} on time"
        words += ", and more were not tried." if found.at_least else "."
    failed = [trial for trial in found.trials if not trial.meets_target]
    if failed and min(failed, key=lambda trial: trial.clients).cameras_were_bottleneck:
        words += (
            " Beyond that the cameras themselves were a bottleneck on this machine, so the server may do more: run "
            "them on another one with --connect."
        )
    return words


def _table(found: FoundClients) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 1), pad_edge=False)
    measure = f"{_measure(found.trials)} of\nall"
    for heading in ("cameras", "on time\n%", "e2e ms\np99", measure, "target", "cameras were\na bottleneck"):
        table.add_column(heading, justify="right")
    for trial in sorted(found.trials, key=lambda trial: trial.clients):
        table.add_row(
            str(trial.clients),
            percent(trial.slo_attainment),
            NOTHING if trial.e2e_p99_ms is None else f"{trial.e2e_p99_ms:.0f}",
            NOTHING if trial.accuracy is None else f"{trial.accuracy:.3f}",
            "met" if trial.meets_target else "missed",
            "yes" if trial.cameras_were_bottleneck else "no",
        )
    return table


def _measure(trials: Iterable[Trial]) -> str:
    """What their accuracy is called."""
    return "top-1" if any(trial.top1_offered is not None for trial in trials) else "F1"


def _ticks(counts: list[int], found: int) -> tuple[list[int], list[str]]:
    """Where the axis is labelled: at what was found, and wherever else there is room."""
    labelled: list[int] = []
    for count in sorted(counts, key=lambda count: (count != found, count)):
        if all(abs(math.log2(count / other)) > LABEL_OCTAVES for other in labelled):
            labelled.append(count)
    return labelled, [str(count) for count in labelled]


def _plot(found: FoundClients, path: Path) -> None:
    """Attainment and accuracy over the number of cameras."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    trials = sorted(found.trials, key=lambda trial: trial.clients)
    counts = [trial.clients for trial in trials]
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(counts, [100 * trial.slo_attainment for trial in trials], "o-", color="#0072b2", label="on time, %")
    axes.axhline(100 * found.target, color="#d55e00", linestyle="--", label=f"target {100 * found.target:g} %")
    known = [(trial.clients, 100 * trial.accuracy) for trial in trials if trial.accuracy is not None]
    if known:
        axes.plot(*zip(*known, strict=True), "s:", color="#009e73", label=f"{_measure(trials)} over all frames, %")
    axes.set(xlabel="cameras", ylim=(0, 103), title=f"{found.clients} cameras meet the target")
    axes.set_xscale("log", base=2)
    axes.set_xticks(*_ticks(counts, found.clients))
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend()
    FigureCanvasAgg(figure).print_figure(path, dpi=150)
