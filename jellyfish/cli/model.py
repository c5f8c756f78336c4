"""Commands about models that users bring: a look into ONNX files, and at what they find."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jellyfish.cli.bounds import PROCESSORS
from jellyfish.cli.checking import CheckedCommand
from jellyfish.cli.running import console, guard

model_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Bring an ONNX model of your own (docs/onnx.md).",
)


@model_app.command("inspect", cls=CheckedCommand)
def model_inspect(
    files: Annotated[
        list[Path], typer.Argument(help="An ONNX file; several are sizes of one model, e.g. `nano.onnx small.onnx`.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            help="Folder to make of them, with copies of the files; by default `model.toml` goes beside them."
        ),
    ] = None,
) -> None:
    """Look into ONNX files and draft a model.toml.

    That file makes them a model: it says what they take and what comes out. This command guesses what it can, runs
    each graph once on noise, and says how sure it is of what. Read the file, then `model check`.
    """
    from jellyfish.modes.model_inspect import inspect

    guard(lambda: inspect(files, output, console()))


@model_app.command("check", cls=CheckedCommand)
def model_check(
    package: Annotated[Path, typer.Argument(help="A folder with model.toml, a .zip of one, or an .onnx beside it.")],
    image: Annotated[Path, typer.Argument(help="A picture of what it is to find.")],
    output: Annotated[
        Path, typer.Option(help="Picture to write, with what the largest size found drawn on it.")
    ] = Path("checked.jpg"),
    device: Annotated[str, typer.Option(help="Where the model runs: `cpu` or `cuda:0`.")] = "cpu",
    threads: Annotated[
        int, typer.Option(min=1, max=PROCESSORS, help="Processor threads of the model, on `cpu`.")
    ] = PROCESSORS,
) -> None:
    """Show what a model finds in a picture.

    It says how long each size takes, and what looks wrong: nothing found, boxes beside the picture and scores beyond 0
    to 1 speak for a wrong guess in model.toml.
    """
    from jellyfish.modes.model_check import check

    guard(lambda: check(package, image, output, device, threads, console()))
