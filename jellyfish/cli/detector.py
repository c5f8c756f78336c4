"""Commands about the detector itself: its sizes, how long they take, training, how much they find, a look at a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from jellyfish.cli.bounds import MOST_PROCESSES, MOST_SCENES, MOST_SEED, MOST_STEPS
from jellyfish.cli.options import MaxBatch, ModelName, OnDevice, Threads, Weights
from jellyfish.cli.parsing import device_names
from jellyfish.cli.running import console, guard
from jellyfish.config import DEFAULT_MODEL
from jellyfish.core import Task


def variants(model: ModelName = DEFAULT_MODEL, weights: Weights = None) -> None:
    """List a model's sizes and how much each finds.

    `w075e2-320`, for example, is 75 % of the channels (w075) up to the second exit (e2) on frames of 320 pixels.
    """
    from jellyfish.modes.variants import variants as variants_mode

    guard(lambda: variants_mode(model, weights, console()))


def profile(
    device: OnDevice = "cpu",
    model: ModelName = DEFAULT_MODEL,
    weights: Weights = None,
    max_batch: MaxBatch = 8,
    threads: Threads = None,
    quick: Annotated[bool, typer.Option("--quick", help="A short measurement, as a first `serve` makes.")] = False,
) -> None:
    """Measure how long this machine takes for each variant.

    For every variant and batch on the device, and for what the server does beside them. `serve` and `bench` find what
    it saves (docs/operating.md says where).
    """
    from jellyfish.modes.profile import profile as profile_mode

    names = device_names(device)
    guard(lambda: profile_mode(names, model, weights, max_batch, threads, quick, console()))


def train(
    task: Annotated[
        Task, typer.Option(help="What is learned: to find objects, or what an object is that was cut out.")
    ] = Task.DETECTION,
    output: Annotated[
        Path | None,
        typer.Option(
            help="Weights file to write; its card goes beside it. By default weights/street.safetensors, or "
            "weights/street-classes.safetensors."
        ),
    ] = None,
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
        float,
        typer.Option(min=0, max=1, help="Share of the photographs among what is learned from; the rest is generated."),
    ] = 0.65,
    backbone: Annotated[
        Path | None,
        typer.Option(
            help="State file of EfficientNet-Lite0 to begin with; by default random weights. With --task "
            "classification: weights of a classifier to go on with; by default the detector that ships."
        ),
    ] = None,
    scenes: Annotated[int, typer.Option(min=1, max=MOST_SCENES, help="Generated street scenes to learn from.")] = 1200,
    steps: Annotated[int, typer.Option(min=1, max=MOST_STEPS, help="Optimiser steps.")] = 7500,
    seed: Annotated[int, typer.Option(min=0, max=MOST_SEED, help="Seed of scenes, first weights and order.")] = 0,
    device: Annotated[str, typer.Option(help="Where it learns: `cpu` or `cuda:N`.")] = "cpu",
    workers: Annotated[int, typer.Option(min=0, max=MOST_PROCESSES, help="Processes that prepare batches.")] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the folder's last checkpoint.")] = False,
) -> None:
    """Train a network; write its weights and their card.

    It learns from photographs and generated street scenes; every variant is measured at the end. A run that was stopped
    goes on with --resume as if it had not been.
    """
    from jellyfish.lab.classification.train import train_classifier
    from jellyfish.lab.training.config import TrainingConfig
    from jellyfish.lab.training.train import train as train_detector

    train_mode, name, batch_size = {
        Task.DETECTION: (train_detector, "street", 8),
        Task.CLASSIFICATION: (train_classifier, "street-classes", 16),
    }[task]
    guard(
        lambda: train_mode(
            TrainingConfig(
                output=output or Path(f"weights/{name}.safetensors"), batch_size=batch_size, folder=folder, coco=coco,
                validation=validation, images=images, coco_share=coco_share, backbone=backbone,
                scenes=scenes, steps=steps, seed=seed, device=device, workers=workers, resume=resume,
                command=" ".join(["jellyfish", *sys.argv[1:]]),
            ),
            console(),
        )
    )  # fmt: skip


def export(
    output: Annotated[Path, typer.Argument(help="The folder to write: a graph for each size, and `model.toml`.")],
    variant: Annotated[
        list[str] | None,
        typer.Option(
            help="A variant, e.g. `w100e2-448`; give it several times for more. By default six, one of each resolution."
        ),
    ] = None,
    weights: Weights = None,
) -> None:
    """Write the detector as ONNX graphs, to run elsewhere.

    A graph takes pictures (RGB, 0 to 255) in batches of any size and gives boxes and scores in the layout of YOLOv8.
    The folder is a package that `serve --model` takes, too (docs/onnx.md).
    """
    from jellyfish.modes.export import export as export_mode

    guard(lambda: export_mode(output, variant, weights, console()))


def evaluate(
    coco: Annotated[Path, typer.Option(help="Labels of a set of images: a JSON file in COCO format.")],
    images: Annotated[
        Path | None, typer.Option(help="The folder its file names are relative to; by default its own.")
    ] = None,
    model: ModelName = DEFAULT_MODEL,
    weights: Weights = None,
    variant: Annotated[
        list[str] | None, typer.Option(help="Only this variant, e.g. `w100e2-448`; give it several times for more.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many images, spread evenly over the set.")
    ] = None,
    device: Annotated[str, typer.Option(help="Where the network runs: `cpu` or `cuda:0`.")] = "cpu",
    output: Annotated[Path | None, typer.Option(help="Also write the figures as JSON.")] = None,
) -> None:
    """Measure how much each variant finds in labelled images.

    AP50, AP50:95, and F1 at the score threshold that serves; of a classifier how often it tells the class of an image's
    largest object.
    """
    from jellyfish.lab.training.evaluate_coco import evaluate as evaluate_mode

    guard(lambda: evaluate_mode(coco, images or coco.parent, model, weights, variant, limit, device, output, console()))


def detect(
    file: Annotated[Path, typer.Argument(help="A video or an image.")],
    variant: Annotated[
        str | None,
        typer.Option(help="The variant that looks, by default the most accurate; `jellyfish variants` lists them."),
    ] = None,
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
        float | None,
        typer.Option(min=0, max=1, help="Least score of a detection; by default what `serve` takes for this variant."),
    ] = None,
    model: ModelName = DEFAULT_MODEL,
    weights: Weights = None,
    device: Annotated[str, typer.Option(help="Where the network runs: `cpu` or `cuda:0`.")] = "cpu",
) -> None:
    """Find the objects in a video or an image.

    One variant looks at every frame; what it finds is written down and, with --draw, drawn.
    """
    from jellyfish.modes.detect import detect as detect_mode

    guard(lambda: detect_mode(file, variant, output, draw, score, model, weights, device, console()))
