"""The files of a training run, and whether they can be used: looked at before anything is rendered."""

from __future__ import annotations

import logging
from pathlib import Path

from jellyfish.errors import InputError
from jellyfish.lab.training.coco import CocoFrames
from jellyfish.lab.training.config import TrainingConfig
from jellyfish.models.slimmable.street import CLASSES

logger = logging.getLogger(__name__)


def check_files(config: TrainingConfig) -> None:
    """InputError for labels, pictures, a backbone or a checkpoint that are not there, and targets that are folders."""
    for file in filter(None, (config.coco, config.validation)):
        photographs(config, file)
    if config.backbone is not None and not config.backbone.is_file():
        raise InputError(f"there is no backbone {config.backbone}")
    if config.resume and not checkpoint_path(config).is_file():
        raise InputError(f"there is no checkpoint {checkpoint_path(config)} to go on from")
    if config.output.is_dir():
        raise InputError(f"cannot write {config.output}: it is a folder")
    if config.folder.exists() and not config.folder.is_dir():
        raise InputError(f"{config.folder} is no folder: frames and checkpoints need one")


def photographs(config: TrainingConfig, file: Path) -> CocoFrames:
    """The labelled photographs of a file in COCO format, all of them looked at: better now than after hours."""
    frames = CocoFrames(file, config.images or file.parent, CLASSES)
    frames.check(range(len(frames)))
    for note in frames.notes:
        logger.warning("%s", note)
    return frames


def checkpoint_path(config: TrainingConfig) -> Path:
    """Where a run's last checkpoint lies."""
    return config.folder / "checkpoint.pt"
