"""`jellyfish train`: weights and their card from procedural scenes, with progress."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from jellyfish.core import Variant
from jellyfish.devices.naming import check_device
from jellyfish.lab.training.config import Progress, TrainingConfig
from jellyfish.lab.training.files import check_files
from jellyfish.models.slimmable.card import CardedVariants
from jellyfish.models.slimmable.sizes import SIZES
from jellyfish.models.slimmable.street import RESOLUTIONS
from jellyfish.models.weights_file import card_path
from jellyfish.modes.progress import ProgressReport

WORDS = {"render": "rendering scenes", "learn": "learning", "evaluate": "measuring every variant"}


def train(config: TrainingConfig, console: Console) -> None:
    """Train, write weights and card, and show what each variant is worth. InputError, at once, for files that are not
    there or cannot be used.
    """
    check_device(config.device)
    check_files(config)
    from jellyfish.lab.training.loop import train as run_training
    from jellyfish.models.torch_device import torch_device  # torch takes seconds to load

    torch_device(config.device)
    with ProgressReport(console) as progress:

        def report(step: Progress) -> None:
            note = "" if step.loss is None else f"(loss {step.loss:.3f}{_held_out(step)})"
            progress(WORDS[step.phase], step.done, step.total, note)

        weights = run_training(config, report)
    console.print(accuracy_table(weights))
    console.print(f"written: {config.output} and {card_path(config.output)}", soft_wrap=True, markup=False)


def _held_out(step: Progress) -> str:
    """AP50 of the largest size, once it has been looked at."""
    return "" if step.ap50 is None else f", AP50 {step.ap50:.3f}"


def accuracy_table(weights: CardedVariants) -> Table:
    """F1 by size and resolution, as planners read it."""
    sets = " and ".join(f"{one.images:,} {one.name}" for one in weights.card.evaluations)
    table = Table(title=f"F1, mean over {sets}")
    table.add_column("size")
    for resolution in RESOLUTIONS:
        table.add_column(str(resolution), justify="right")
    for size in SIZES:
        values = (weights.accuracy(Variant(resolution, size.name)) for resolution in RESOLUTIONS)
        table.add_row(size.name, *(f"{value:.3f}" for value in values))
    return table
