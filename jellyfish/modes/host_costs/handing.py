"""What it takes to hand frames to a worker in a process of its own, and to take from it what it has found."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from functools import partial

import numpy as np

from jellyfish.core import Answer, InputSize, Variant
from jellyfish.devices.remote_engine import RemoteEngine
from jellyfish.models.model import Description, EngineOptions, Image, WholeBatches, answers
from jellyfish.modes.host_costs.codecs import CAMERA_SIZE, took

BATCH = 4


class _SilentModel:
    """Has found nothing in every image."""

    def __init__(self, description: Description) -> None:
        self.description = description

    def engine(self, options: EngineOptions) -> WholeBatches:
        return WholeBatches(_nothing)


def _nothing(images: Sequence[Image], variant: Variant) -> list[Answer]:
    return [Answer()] * len(images)


def _as_it_is() -> None:
    """The process needs no settings."""


def handing_s(model: Description) -> tuple[float, ...]:
    """Of a frame of each of the model's resolutions, in a batch."""
    with contextlib.closing(RemoteEngine(_SilentModel(model), EngineOptions(), _as_it_is)) as engine:
        hand = (partial(_hand, engine, size) for size in model.ladder.values())
        return tuple(took(each).usual_s / BATCH for each in hand)


def _hand(engine: RemoteEngine, size: InputSize) -> None:
    width, height = size.fitted(*CAMERA_SIZE)
    frames = [np.zeros((height, width, 3), np.uint8)] * BATCH
    answers(engine, frames, [Variant(size.resolution, "any")] * BATCH)
