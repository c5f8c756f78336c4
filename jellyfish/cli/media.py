"""Commands that make videos of street scenes and bandwidth traces, and tell what a trace is like."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jellyfish.cli.bounds import MOST_MBPS, MOST_SEED, MOST_TRACE_S, MOST_VIDEO_S
from jellyfish.cli.checking import CheckedCommand
from jellyfish.cli.options import SHIPPED_VIDEOS
from jellyfish.cli.parsing import video_files
from jellyfish.cli.running import console, guard

video_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Make labelled videos of generated street scenes."
)
trace_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Bandwidth traces: list, look at and make them."
)


@video_app.command("make", cls=CheckedCommand)
def video_make(
    folder: Annotated[Path, typer.Argument(help="Folder to write to.")] = Path("videos"),
    name: Annotated[
        str | None, typer.Option(help="Only this one of the clips that ship, e.g. `street-avenue`.")
    ] = None,
    layout: Annotated[
        str | None, typer.Option(help="Street of a clip of your own: `avenue`, `junction`, `roadside` or `town`.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, max=MOST_SEED, help="Seed of a clip of your own.")] = None,
    duration: Annotated[float, typer.Option(min=0.5, max=MOST_VIDEO_S, help="Seconds of a clip of your own.")] = 20.0,
) -> None:
    """Render street videos with exact labels beside them.

    Without options: the clips that ship, the same again. Your own: --layout and --seed.
    """
    from jellyfish.lab.street.make import make

    guard(lambda: make(folder, name, layout, seed, duration, console()))


@video_app.command("objects", cls=CheckedCommand)
def video_objects(
    file: Annotated[Path, typer.Argument(help="Video file (.mp4) to write; its labels go beside it.")],
    video: Annotated[
        list[Path] | None,
        typer.Option(help="A labelled video or a folder of them; by default the street clips that ship."),
    ] = None,
) -> None:
    """Cut labelled objects out of videos, for classifiers.

    The clip shows one object after the other from close by; its labels say where it is.
    """
    from jellyfish.lab.classification.clip import make_objects_clip

    videos = video_files(video or [SHIPPED_VIDEOS])
    guard(lambda: make_objects_clip(file, videos, console()))


@trace_app.command("list", cls=CheckedCommand)
def trace_list() -> None:
    """List the traces that have names."""
    from jellyfish.lab.studies.traces import show_known

    guard(lambda: show_known(console()))


@trace_app.command("show", cls=CheckedCommand)
def trace_show(
    trace: Annotated[str, typer.Argument(help="A name of `trace list`, or a file.")],
    seed: Annotated[int, typer.Option(min=0, max=MOST_SEED, help="Seed of a trace by name.")] = 0,
    plot: Annotated[Path | None, typer.Option(help="Also draw it: a PNG file to write.")] = None,
) -> None:
    """Say what a trace is like.

    Duration, mean, percentiles, seconds of little bandwidth, outages.
    """
    from jellyfish.lab.studies.traces import show

    guard(lambda: show(trace, seed, plot, console()))


@trace_app.command("make", cls=CheckedCommand)
def trace_make(
    kind: Annotated[str, typer.Argument(help="`wifi`, `lte` or `outage`.")],
    file: Annotated[Path, typer.Argument(help="CSV file to write.")],
    seed: Annotated[int, typer.Option(min=0, max=MOST_SEED, help="Another seed, another trace.")] = 0,
    duration: Annotated[float, typer.Option(min=1, max=MOST_TRACE_S, help="Seconds of the trace.")] = 600.0,
    mean_mbps: Annotated[float | None, typer.Option(max=MOST_MBPS, help="Its mean, in Mbit/s.")] = None,
    variation: Annotated[
        float | None, typer.Option(help="Its coefficient of variation: standard deviation over mean.")
    ] = None,
    autocorrelation: Annotated[
        float | None, typer.Option(help="Its autocorrelation: of one second with the next, 0 to 1.")
    ] = None,
    outage_s: Annotated[float | None, typer.Option(help="Mean length of an outage, in seconds.")] = None,
    outage_every_s: Annotated[
        float | None, typer.Option(help="Mean time from one outage to the next, in seconds.")
    ] = None,
) -> None:
    """Make a trace like those measured on real links.

    Or, with the last five options, with other statistics than theirs.
    """
    from jellyfish.lab.studies.traces import make
    from jellyfish.link.wanted import Wanted

    wanted = Wanted(mean_mbps, variation, autocorrelation, outage_s, outage_every_s)
    guard(lambda: make(kind, file, seed, duration, wanted, console()))
