"""Commands about the detector itself: how long it takes, training, how well it finds objects, a look at one file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from jellyfish.cli.options import MaxBatch, OnDevice, Threads, Weights, Zoo, ZooWeights
from jellyfish.cli.parsing import device_names
from jellyfish.cli.running import console, guard


def profile(
    device: OnDevice = "cpu",
    weights: Weights = None,
    max_batch: MaxBatch = 8,
    threads: Threads = None,
    quick: Annotated[
        bool,
        typer.Option(
            help="What a first `serve` does: few batches, nothing of the host; slow or busy machines take longer."
        ),
    ] = False,
    zoo: Zoo = None,
    zoo_weights: ZooWeights = None,
) -> None:
    """Measure how long a device takes for every variant and batch; saved for `serve` and `bench`."""
    from jellyfish.modes.profile import profile as profile_mode

    names = device_names(device)
    guard(lambda: profile_mode(names, weights, zoo, zoo_weights, max_batch, threads, quick, console()))


def train(
    output: Annotated[Path, typer.Option(help="Weights file to write; its card goes beside it.")] = Path(
        "weights/street.safetensors"
    ),
    folder: Annotated[Path, typer.Option(help="Where rendered frames and checkpoints are kept.")] = Path("training"),
    coco: Annotated[
        Path | None,
        typer.Option(help="Labelled photographs to learn from too, in COCO format; `iscrowd` is masked out."),
    ] = None,
    validation: Annotated[
        Path | None, typer.Option(help="Photographs held out, to measure on, in COCO format.")
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="The folder these files' names are relative to; by default each file's own.")
    ] = None,
    coco_share: Annotated[
        float, typer.Option(help="Share of the photographs among what is learned from; the rest is generated.")
    ] = 0.65,
    backbone: Annotated[
        Path | None, typer.Option(help="State file of EfficientNet-Lite0 to begin with; by default from scratch.")
    ] = None,
    scenes: Annotated[int, typer.Option(min=1, help="Generated street scenes to learn from.")] = 1200,
    steps: Annotated[int, typer.Option(min=1, help="Optimiser steps.")] = 7500,
    seed: Annotated[int, typer.Option(min=0, help="Seed of scenes, first weights and order.")] = 0,
    device: Annotated[str, typer.Option(help="`cpu` or `cuda:N`.")] = "cpu",
    workers: Annotated[int, typer.Option(min=0, help="Processes that prepare batches.")] = 1,
    resume: Annotated[bool, typer.Option(help="Go on from the folder's last checkpoint.")] = False,
) -> None:
    """Train the slimmable detector on photographs and generated street scenes, measure every variant, and write weights
    and card. A run that was stopped goes on with `--resume` as if it had not been.
    """
    from jellyfish.lab.training.config import TrainingConfig
    from jellyfish.lab.training.train import train as train_mode

    guard(
        lambda: train_mode(
            TrainingConfig(
                output=output, folder=folder, coco=coco, validation=validation, images=images, coco_share=coco_share,
                backbone=backbone, scenes=scenes, steps=steps, seed=seed, device=device, workers=workers,
                resume=resume, command=" ".join(["jellyfish", *sys.argv[1:]]),
            ),
            console(),
        )
    )  # fmt: skip


def evaluate(
    coco: Annotated[Path, typer.Option(help="Labels of a set of images, in COCO format.")],
    images: Annotated[
        Path | None, typer.Option(help="The folder its file names are relative to; by default its own.")
    ] = None,
    weights: Weights = None,
    variant: Annotated[
        list[str] | None, typer.Option(help="Only this variant, e.g. `w100e2-448`; repeat for several.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many images, spread evenly over the set.")
    ] = None,
    device: Annotated[str, typer.Option(help="Where the network runs: `cpu` or `cuda:0`.")] = "cpu",
    output: Annotated[Path | None, typer.Option(help="Also write the figures as JSON.")] = None,
) -> None:
    """Measure what each variant finds in labelled images: AP50, AP50:95, and F1 at the score threshold that serves."""
    from jellyfish.lab.training.evaluate_coco import evaluate as evaluate_mode

    guard(lambda: evaluate_mode(coco, images or coco.parent, weights, variant, limit, device, output, console()))


def detect(
    file: Annotated[Path, typer.Argument(help="A video or an image.")],
    variant: Annotated[str, typer.Option(help="The variant that looks.")] = "w100e2-448",
    output: Annotated[
        Path,
        typer.Option(
            help="COCO results (JSON). `image_id` is the frame's number from 1 on, as in the label files of "
            "`jellyfish video make`; an image's is 1. `bbox` is in pixels of the file."
        ),
    ] = Path("detections.json"),
    draw: Annotated[
        Path | None, typer.Option(help="Also write the video (.mp4) or image with the detections drawn on it.")
    ] = None,
    score: Annotated[
        float | None, typer.Option(min=0, max=1, help="Least score of a detection; by default the one that serves.")
    ] = None,
    weights: Weights = None,
    device: Annotated[str, typer.Option(help="Where the network runs: `cpu` or `cuda:0`.")] = "cpu",
) -> None:
    """Find the objects in a video or an image with one variant, and write them down or draw them."""
    from jellyfish.modes.detect import detect as detect_mode

    guard(lambda: detect_mode(file, variant, output, draw, score, weights, device, console()))
