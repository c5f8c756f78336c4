"""`jellyfish train --task classification`: a classifier's weights and their card, with progress."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from jellyfish.core import Variant
from jellyfish.devices.naming import check_device
from jellyfish.lab.training.config import Progress, TrainingConfig
from jellyfish.lab.training.files import check_files
from jellyfish.lab.training.train import WORDS
from jellyfish.models.classification.card import ClassifierCard
from jellyfish.models.classification.sizes import RESOLUTIONS, SIZES
from jellyfish.models.weights_file import card_path
from jellyfish.modes.progress import ProgressReport


def train_classifier(config: TrainingConfig, console: Console) -> None:
    """Train, write weights and card, and show how often each variant is right. InputError, at once, for files that are
    not there or cannot be used.
    """
    check_device(config.device)
    check_files(config)
    from jellyfish.lab.classification.loop import train as run_training
    from jellyfish.models.torch_device import torch_device  # torch takes seconds to load

    torch_device(config.device)
    with ProgressReport(console) as progress:

        def report(step: Progress) -> None:
            progress(WORDS[step.phase], step.done, step.total, "" if step.loss is None else f"(loss {step.loss:.3f})")

        card = run_training(config, report)
    for each in top1_tables(card):
        console.print(each)
    console.print(f"written: {config.output} and {card_path(config.output)}", soft_wrap=True, markup=False)


def top1_tables(card: ClassifierCard) -> list[Table]:
    """Top-1 by network and resolution, one table for each set."""
    tables = []
    for measured in card.evaluations:
        share = f"always {measured.majority}: {measured.majority_share:.3f}"
        table = Table(title=f"top-1 of {measured.pictures:,} {measured.name} ({share})")
        table.add_column("network")
        for resolution in RESOLUTIONS:
            table.add_column(str(resolution), justify="right")
        top1 = {line.variant: line.top1 for line in measured.variants}
        for network in SIZES:
            table.add_row(network, *(f"{top1[Variant(resolution, network)]:.3f}" for resolution in RESOLUTIONS))
        tables.append(table)
    return tables
