"""What a decoder is: the options that `model.toml` gives it, and of them a reader of a network's outputs."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from jellyfish.core import InputSize
from jellyfish.errors import InputError

Array = NDArray[np.float32]
Labels = NDArray[np.intp]


class Candidates(NamedTuple):
    """What a network says of one image. A detector's boxes, in any order; a classifier has no sides to tell."""

    sides: Array
    """[k, 4]: left, top, right, bottom in pixels of the input."""
    scores: Array
    """[k]"""
    labels: Labels
    """[k], among the classes that are answered with."""

    def kept(self, rows: Any) -> Candidates:
        """Some of them."""
        return Candidates(self.sides[rows], self.scores[rows], self.labels[rows])


@dataclass(frozen=True)
class Case:
    """What a reader has to know of the size that it reads for."""

    canvas: InputSize
    labels: tuple[str, ...]
    """Of all classes that the network tells apart; empty for those to leave out."""
    score: float
    """The least that is wanted."""
    folder: Path
    """The package's."""
    size: str
    """Name of the size."""

    @cached_property
    def wanted(self) -> Any:
        """Index of the columns, or rows, of the classes that are answered with."""
        kept = [number for number, label in enumerate(self.labels) if label]
        return slice(None) if len(kept) == len(self.labels) else np.array(kept)

    @cached_property
    def places(self) -> Labels:
        """Label of the network -> among those that are answered with, or -1."""
        named = np.array([bool(label) for label in self.labels])
        return np.where(named, np.cumsum(named) - 1, -1)


Reader = Callable[[Sequence[Array]], list[Candidates]]
"""Outputs, in the order of `Decoder.outputs` -> candidates of each image. InputError for what they cannot be."""


class Decoder(Protocol):
    """The options of one, as `model.toml` has them."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs that it reads; an empty one is the graph's only one."""
        ...

    @property
    def suppresses(self) -> bool:
        """Whether boxes of one object are left, of which one is to be chosen."""
        ...

    def reader(self, case: Case, /) -> Reader:
        """What reads the outputs of one size. InputError where a file that it needs is not there."""
        ...


class Activation(enum.StrEnum):
    """What is to be done with a network's class scores before they are shares."""

    NONE = "none"
    SIGMOID = "sigmoid"
    SOFTMAX = "softmax"

    def __call__(self, values: Array) -> Array:
        """Of each along the last axis."""
        if self is Activation.NONE:
            return values
        if self is Activation.SIGMOID:
            return np.asarray(0.5 * (1 + np.tanh(0.5 * values)), np.float32)
        powers = np.exp(values - values.max(axis=-1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float32)


class BoxFormat(enum.StrEnum):
    """What the four numbers of a box are."""

    CORNERS = "xyxy"
    CORNERS_ROWS_FIRST = "yxyx"
    CENTRE = "cxcywh"

    def in_pixels(self, boxes: Array, canvas: InputSize, normalised: bool) -> Array:
        """[..., 4] -> left, top, right, bottom in pixels of the input. `normalised`: they are shares of it."""
        sides = self.sides(boxes)
        return np.asarray(sides * np.array([canvas.width, canvas.height] * 2, np.float32)) if normalised else sides

    def sides(self, boxes: Array) -> Array:
        """[..., 4] -> left, top, right, bottom."""
        if self is BoxFormat.CORNERS:
            return boxes
        if self is BoxFormat.CORNERS_ROWS_FIRST:
            return boxes[..., [1, 0, 3, 2]]
        half = boxes[..., 2:] / 2
        return np.concatenate([boxes[..., :2] - half, boxes[..., :2] + half], axis=-1)


def require_shape(array: Array, expected: Sequence[int | None], meaning: str) -> None:
    """InputError unless the array has this shape; None: any length. `meaning`: what was expected, in words."""
    fits = array.ndim == len(expected) and all(
        wanted in (None, length) for wanted, length in zip(expected, array.shape, strict=True)
    )
    if not fits:
        raise InputError(f"an output has the shape {list(array.shape)}, not {meaning}")


def best_classes(scores: Array, sides: Array, case: Case, weight: Array | None = None) -> Candidates:
    """Of one image's boxes [m, 4] with scores [m, classes]: each speaks for its best class, if that scores enough.

    `weight`: a factor of each box's scores [m].
    """
    scores = scores[:, case.wanted]
    labels = scores.argmax(axis=1)
    best = np.take_along_axis(scores, labels[:, None], axis=1)[:, 0]
    if weight is not None:
        best = best * weight
    rows = np.flatnonzero(best >= case.score)
    return Candidates(sides[rows], best[rows], labels[rows])


def every_class(scores: Array, sides: Array, case: Case, most: int) -> Candidates:
    """As `best_classes`, but each box speaks for all classes that score enough; the `most` best of all."""
    scores = scores[:, case.wanted]
    flat = scores.ravel()
    places = np.flatnonzero(flat >= case.score)
    if len(places) > most:
        places = places[np.argpartition(-flat[places], most - 1)[:most]]
    rows, labels = np.divmod(places, scores.shape[1])
    return Candidates(sides[rows], flat[places], labels)
