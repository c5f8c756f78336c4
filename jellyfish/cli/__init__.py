"""The command line: parse, make a configuration, call one mode. Exit codes: 0 done, 2 bad input, 1 a failed run,
130 ended by Ctrl-C, 143 by SIGTERM.

A wrong option need not wait for torch: commands import their mode when they run.
"""

from __future__ import annotations

import logging
from typing import Annotated

import typer

from jellyfish import __version__
from jellyfish.cli import cameras, detector, live, media, model, serving, studying, working
from jellyfish.cli.checking import CheckedCommand

app = typer.Typer(
    name="jellyfish",
    no_args_is_help=True,
    rich_markup_mode=None,  # plain text: in 80 columns rich's tables cut words off
    pretty_exceptions_enable=False,
    help="Inference for live video that answers in time, end to end, over networks that change every second.\n\n"
    "Try `jellyfish bench` first: it starts a server and four emulated cameras, and shows what came of every frame.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"jellyfish {__version__}")
        raise typer.Exit


@app.callback()
def about(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """The commands say the rest."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")


app.command(cls=serving.ServeCommand)(serving.serve)
for command in (
    *(serving.doctor, working.worker, cameras.bench, live.camera, cameras.device),
    *(studying.simulate, studying.reproduce, studying.report, studying.plan),
    *(detector.variants, detector.profile, detector.train, detector.export, detector.evaluate, detector.detect),
):
    app.command(cls=CheckedCommand)(command)
app.add_typer(model.model_app, name="model")
app.add_typer(media.video_app, name="video")
app.add_typer(media.trace_app, name="trace")
