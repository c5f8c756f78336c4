"""`jellyfish report`: runs as one page and figures, from their result files alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from jellyfish.errors import InputError, RunError
from jellyfish.modes.progress import ProgressReport
from jellyfish.report.compare import CONFIDENCE, difference_rows, grouped, not_comparable, shown, told_f1
from jellyfish.report.comparing import comparing
from jellyfish.report.detail import detail
from jellyfish.report.estimates import RunGroup, differences, estimates, metrics_of
from jellyfish.report.page import Detail, page
from jellyfish.report.reading import Run, read_run
from jellyfish.report.recordings import recording
from jellyfish.report.slices import PartWanted
from jellyfish.report.style import MOST_GROUPS, Picture
from jellyfish.report.why import why
from jellyfish.results.writer import PICTURES, default_folder, require_empty

PAGE = "report.html"
JPEG_START = b"\xff\xd8\xff"
MOST_STRIP_BYTES = 8_000_000
ALL = PartWanted()
Tell = Callable[[Sequence[RunGroup], Console], None]


def report(runs: Sequence[Path], folder: Path | None, console: Console, wanted: PartWanted = ALL) -> None:
    """Read `runs`, or the `wanted` part of each, write the page and its figures as PNG into `folder`, and say the most
    important.

    Raises InputError for what is no run or cannot be shown, RunError when the folder cannot be written.
    """
    folder = folder or default_folder("report", datetime.now().astimezone())
    _written(runs, folder, console, wanted, say)
    console.print(Text.assemble("The report is ", (str(folder / PAGE), "bold")), soft_wrap=True)


def write_report(runs: Sequence[Path], folder: Path, console: Console) -> Path:
    """The same for a caller that has told the most important itself; the page."""
    _written(runs, folder, console, ALL, lambda groups, console: None)
    return folder / PAGE


def _written(runs: Sequence[Path], folder: Path, console: Console, wanted: PartWanted, tell: Tell) -> None:
    """`tell` is called before anything is drawn, for that takes longest."""
    require_empty(folder)
    names = _names(runs)
    with ProgressReport(console) as progress:
        groups = grouped(_read(runs, names, progress, wanted))
    if len(groups) > MOST_GROUPS:
        raise InputError(f"{len(groups)} different runs: a report shows at most {MOST_GROUPS} side by side")
    tell(groups, console)
    with ProgressReport(console) as progress:
        pictures, details = _draw(groups, dict(zip(names, runs, strict=True)), progress)
    _write(folder, page(groups, pictures, details), pictures, details)


def _read(paths: Sequence[Path], names: Sequence[str], progress: ProgressReport, wanted: PartWanted) -> list[Run]:
    total = sum(recording(path).bytes for path in paths)
    done = 0

    def advance(more: int) -> None:
        nonlocal done
        done += more
        progress("Reading result files", min(done, total), total)

    return [read_run(path, name, advance, wanted) for path, name in zip(paths, names, strict=True)]


def _names(paths: Sequence[Path]) -> list[str]:
    """The folders' names, with as many parents as it takes to tell them apart."""
    whole = [path.resolve() for path in paths]
    if len(set(whole)) < len(whole):
        raise InputError("the same run is named twice; name each once")
    for parts in range(1, max(len(path.parts) for path in whole)):
        names = ["/".join(path.parts[-parts:]) for path in whole]
        if len(set(names)) == len(names):
            return names
    return [str(path) for path in whole]


def _draw(
    groups: Sequence[RunGroup], folders: Mapping[str, Path], progress: ProgressReport
) -> tuple[list[Picture], list[Detail]]:
    steps = len(groups) + 1
    progress("Drawing", 0, steps)
    pictures = comparing(groups)
    details = []
    for number, group in enumerate(groups):
        progress("Drawing", number + 1, steps)
        run = group.median_run
        details.append(Detail(group, run, tuple(detail(run)), strip_in(folders[run.name])))
    progress("Drawing", steps, steps)
    return pictures, details


def strip_in(folder: Path) -> bytes | None:
    """The picture that the run left; None where there is none, or something else."""
    path = folder / PICTURES
    try:
        data = path.read_bytes() if path.stat().st_size <= MOST_STRIP_BYTES else b""
    except OSError:
        return None
    return data if data.startswith(JPEG_START) else None


def _write(folder: Path, html: str, pictures: Sequence[Picture], details: Sequence[Detail]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / PAGE).write_text(html, "utf-8")
        for picture in pictures:
            (folder / f"{picture.name}.png").write_bytes(picture.png)
        for number, shown_run in enumerate(details, 1):
            prefix = f"run-{number}-" if len(details) > 1 else ""
            for picture in shown_run.pictures:
                (folder / f"{prefix}{picture.name}.png").write_bytes(picture.png)
    except OSError as error:
        raise RunError(f"{folder}: the report cannot be written ({error.strerror or error})") from error


def _difference_table(base: RunGroup, other: RunGroup) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0), pad_edge=False)
    for heading in ("", Text(f"{other.label} minus {base.label}"), CONFIDENCE, ""):
        table.add_column(heading, justify="left" if heading == "" else "right")
    for row in difference_rows(differences(base, other)):
        table.add_row(*row)
    return table


def say(groups: Sequence[RunGroup], console: Console) -> None:
    """The headline, the differences, and what must be known of the files."""
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("")
    for group in groups:
        table.add_column(Text(group.label), justify="right")
    found = [estimates(group) for group in groups]
    for key, metric in metrics_of(found).items():
        name = f"{metric.name} ({metric.unit})" if metric.unit else metric.name
        values = zip(groups, found, strict=True)
        table.add_row(name, *(shown(metric, one[key].value) + told_f1(group, key) for group, one in values))
    console.print(table)
    for group in groups[1:]:
        console.print(_difference_table(groups[0], group))
        if words := not_comparable(groups[0], group):
            console.print(words, markup=False)
    for run in (run for group in groups for run in group.runs):
        if run.part is not None:
            _say_why(run, console)
        for note in run.notes:
            console.print(Text.assemble((f"{run.name}: ", "bold yellow"), note), soft_wrap=True)


def _say_why(run: Run, console: Console) -> None:
    """Of a part of a recording: what its cameras missed, and why."""
    assert run.part is not None
    console.print(Text.assemble((f"{run.name}: ", "bold"), run.part.words), soft_wrap=True)
    for line in why(run):
        console.print(Text(line), soft_wrap=True)
