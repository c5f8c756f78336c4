"""A model that answers at once: what is left to measure is all that is around a network.

jellyfish serve --model benchmarks/null_model.py:Null

It has several sizes, so that planners have something to choose from, and takes some tenths of a millisecond a batch for
what surrounds it. `Movable` is the same with its engine in a process of its own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace

from jellyfish import (
    Answer,
    Description,
    Detection,
    Engine,
    EngineOptions,
    InputSize,
    Size,
    Task,
    Variant,
    WholeBatches,
)
from jellyfish.models.model import Image
from jellyfish.models.opening import open_model

SIZES = tuple(
    Size(Variant(resolution, name), InputSize(resolution, resolution), accuracy, "made up")
    for resolution, name, accuracy in (
        (160, "narrow", 0.3),
        (160, "wide", 0.4),
        (224, "narrow", 0.5),
        (224, "wide", 0.6),
        (320, "narrow", 0.7),
        (320, "wide", 0.8),
    )
)
FRAME_S = float(os.environ.get("TIMED_FRAME_S", "0.015"))
"""Of `Timed`, for a frame of the largest size."""
FOUND = Answer((Detection(0, 0.9, 0.1, 0.1, 0.4, 0.4),))


class Null:
    """Finds the same in every picture."""

    description = Description("null", "1", Task.DETECTION, ("thing",), SIZES, identity="null, 1", mixes=True)

    def engine(self, options: EngineOptions) -> Engine:
        """One that looks at nothing."""
        return WholeBatches(find)


class Movable(Null):
    """The same, in a process of its own."""

    description = replace(Null.description, name="null-movable", identity="null, movable, 1", movable=True)


class Timed(Null):
    """One that takes a device's time and no processor's: what a plan spreads over devices."""

    description = replace(Null.description, name="timed", identity="timed, 1", movable=True)

    def engine(self, options: EngineOptions) -> Engine:
        """One that waits."""
        return WholeBatches(find_slowly)


class InThread:
    """The detector that ships, kept in the process that opens it: what a process of its own costs beside."""

    def __init__(self) -> None:
        self._model = open_model("slimmable")
        self.description = replace(self._model.description, movable=False)

    def engine(self, options: EngineOptions) -> Engine:
        """See `Model.engine`."""
        return self._model.engine(options)


def find(images: Sequence[Image], variant: Variant) -> list[Answer]:
    """The same in each."""
    return [FOUND] * len(images)


def find_slowly(images: Sequence[Image], variant: Variant) -> list[Answer]:
    """The same in each, after as long as a small network takes."""
    time.sleep(FRAME_S * len(images) * (variant.resolution / SIZES[-1].variant.resolution) ** 2)
    return [FOUND] * len(images)
