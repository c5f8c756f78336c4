"""A training run as values: what it is told, and what it tells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from jellyfish.errors import InputError


class TrainingConfig(msgspec.Struct, frozen=True):
    """A training run. The same config on the same machine gives the same weights.

    Raises InputError where parts do not go together.
    """

    output: Path
    """The weights file to write; its card goes beside it."""
    folder: Path
    """Where rendered frames, checkpoints and the log are kept."""
    coco: Path | None = None
    """Labelled photographs to learn from as well: a file in COCO format."""
    validation: Path | None = None
    """Photographs held out, to measure on: another file in COCO format."""
    images: Path | None = None
    """The folder that both files' names are relative to; that of the file itself by default."""
    coco_share: float = 0.65
    """Share of the photographs among the frames; the rest are generated."""
    backbone: Path | None = None
    """State file of EfficientNet-Lite0 to begin with; from scratch without."""
    scenes: int = 1_200
    frames_per_scene: int = 10
    steps: int = 7_500
    batch_size: int = 8
    """Images per step at the largest resolution."""
    seed: int = 0
    device: str = "cpu"
    workers: int = 1
    """Processes that prepare batches."""
    checkpoint_steps: int = 200
    """Steps between two checkpoints, and two lines of the log."""
    resume: bool = False
    """Go on from the folder's last checkpoint."""
    command: str = "jellyfish train"
    """How the run was started, for the card."""
    machine: str = ""
    """What it runs on, for the card."""

    def __post_init__(self) -> None:
        if not 0 < self.coco_share <= 1:
            raise InputError(f"share of photographs {self.coco_share:g}: above 0, up to 1 (no generated frames)")
        if self.images is not None and self.coco is None and self.validation is None:
            raise InputError("a folder of images needs the COCO file that names them: --coco FILE")


class Progress(msgspec.Struct, frozen=True):
    """How far a run is: told after every unit of work."""

    phase: str
    """`render`, `learn` or `evaluate`."""
    done: int
    total: int
    loss: float | None = None
    ap50: float | None = None
    """Of the largest size on frames held out, when it was last looked at."""


class LogLine(msgspec.Struct, frozen=True):
    """One line of the folder's `log.jsonl`: how the run went since the line before."""

    step: int
    loss: float
    """Mean loss of the largest size."""
    hours: float
    """Spent on learning so far."""
    ap50: float | None


Report = Callable[[Progress], None]
