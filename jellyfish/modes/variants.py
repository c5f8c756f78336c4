"""`jellyfish variants`: what sizes the detector has, what they are called, and how much each finds."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from jellyfish.core import Variant
from jellyfish.models.slimmable.card import SHIPPED, CardedVariants, Evaluation, card_path, read_weights
from jellyfish.models.slimmable.sizes import SIZES
from jellyfish.models.slimmable.street import CLASSES, input_size

STAGES = {1: "2 of 3", 2: "3 of 3"}
"""How many of the network's stages run before it ends, by exit."""


def variants(path: Path | None, console: Console) -> None:
    """Print every variant of the weights at `path`, or of the shipped ones. InputError if they cannot be used."""
    weights = CardedVariants(read_weights(path)[0])
    console.print(_table(weights))
    for line in _source(weights, path or SHIPPED):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _table(weights: CardedVariants) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("variant", no_wrap=True)
    table.add_column("frame", justify="right")
    table.add_column("input", justify="right")
    table.add_column("channels", justify="right")
    table.add_column("stages", justify="right")
    table.add_column("F1", justify="right")
    for number, _ in enumerate(weights.card.evaluations, 1):
        table.add_column(f"AP50 ({number})", justify="right")
    for variant in weights.variants():
        table.add_row(variant.name, *_sizes(variant), *_accuracy(weights, variant))
    return table


def _sizes(variant: Variant) -> tuple[str, ...]:
    """Of the frame, of what it is fitted into, and of the network."""
    (size,) = (size for size in SIZES if size.name == variant.network)
    taken = input_size(variant.resolution)
    return f"{variant.resolution} px", f"{taken.width} x {taken.height}", f"{size.width:.0%}", STAGES[size.exit]


def _accuracy(weights: CardedVariants, variant: Variant) -> tuple[str, ...]:
    """F1, which is what planners go by, then AP50 in each set of images."""
    return (
        f"{weights.accuracy(variant):.3f}",
        *(_average_precision(evaluation, variant) for evaluation in weights.card.evaluations),
    )


def _average_precision(evaluation: Evaluation, variant: Variant) -> str:
    return next((f"{entry.ap50:.3f}" for entry in evaluation.variants if entry.variant == variant), "-")


def _source(weights: CardedVariants, path: Path) -> list[str]:
    """Where the figures come from, a line each, and what else there is to know."""
    sets = weights.card.evaluations
    return [
        "",
        "frame: its longest side. input: what the network gets. channels, stages: how much of the network runs.",
        *(f"({number}) {each.name}, {each.images:,} images" for number, each in enumerate(sets, 1)),
        f"F1, by which plans choose, is the mean over {'these' if len(sets) > 1 else 'this'}, as the weights' card "
        f"says: {card_path(path)}",
        f"They find: {', '.join(CLASSES)}.",
        "On images of your own: jellyfish evaluate. How long each takes on this machine: jellyfish profile.",
        "Those of --zoo are others: docs/zoo.md.",
    ]
