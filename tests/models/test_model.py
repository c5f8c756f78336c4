"""What is said of a model fits together, and a function alone makes an engine."""

from __future__ import annotations

import math
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from jellyfish.core import Answer, ClassScore, InputSize, Task, Variant
from jellyfish.errors import InputError, RunError
from jellyfish.models.model import Description, Size, WholeBatches, answers


def described(*sizes: Size) -> Description:
    return Description("some", "1", Task.DETECTION, ("cat",), sizes, "0")


def size(resolution: int, network: str = "n", height: int | None = None) -> Size:
    return Size(Variant(resolution, network), InputSize(resolution, height or resolution), 0.5)


def test_the_ladder_has_each_resolution_once_and_travels() -> None:
    description = described(size(64), size(64, "m"), size(128, height=96))
    assert description.ladder == {64: InputSize(64, 64), 128: InputSize(128, 96)}
    assert pickle.loads(pickle.dumps(description)) == description
    assert description.accuracy(Variant(64, "m")) == 0.5


def test_a_frame_fits_into_what_its_resolution_takes_or_the_next_larger_one() -> None:
    description = described(size(64), size(128, height=96))
    assert [description.input_of(each).resolution for each in (1, 64, 65, 128, 4096)] == [64, 64, 128, 128, 128]
    assert description.input_of(100) == InputSize(128, 96)


def test_a_part_of_the_sizes_can_be_offered_and_batches_are_bounded() -> None:
    description = described(size(64), size(64, "m"), size(128))
    assert description.offering({Variant(128, "n")}).variants == (Variant(128, "n"),)
    assert description.most(8) == 8
    assert replace(description, batches=(1, 4)).most(8) == 4
    assert replace(description, batches=(1, 4)).most(2) == 2


def test_an_upright_input_is_called_by_its_height() -> None:
    upright = Size(Variant(128, "n"), InputSize(96, 128), 0.5)
    assert described(upright).ladder == {128: InputSize(96, 128)}


@pytest.mark.parametrize(
    ("sizes", "why"),
    [
        ((), "no sizes"),
        ((size(64), size(64)), "two sizes called n-64"),
        ((size(64), size(64, "m", height=32)), "all sizes of one resolution must take the same"),
        ((Size(Variant(64, "n"), InputSize(96, 96), 0.5),), "called by its longest side"),
    ],
)
def test_what_does_not_fit_together_is_refused(sizes: tuple[Size, ...], why: str) -> None:
    with pytest.raises(InputError, match=why):
        described(*sizes)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"classes": ()}, "its classes are a tuple of names"),
        ({"classes": "lamp"}, "its classes are a tuple of names, not 'lamp'"),
        ({"classes": ("a", 3)}, "its classes are a tuple of names"),
        ({"classes": ("a", "a")}, "two classes called a"),
        ({"task": "nonsense"}, "its task is one of detection, classification"),
        ({"batches": "x"}, "its batches are sizes from 1 on"),
        ({"batches": (4, 1)}, "its batches ascend"),
        ({"in_flight": 0}, "1 batch in flight at least"),
        ({"sizes": (Size(Variant(64, "n"), InputSize(64, 64), 47.0),)}, "the accuracy of n-64 is 0 to 1, not 47"),
        ({"sizes": (Size(Variant(64, "n"), InputSize(64, 64), math.nan),)}, "is 0 to 1, not nan"),
        ({"sizes": (Size(Variant(64, "n"), InputSize(64, -5), 0.5),)}, "takes 64 x -5 pixels"),
        ({"sizes": (Size("n-64", InputSize(64, 64), 0.5),)}, "a size has a Variant and an InputSize"),
    ],
)
def test_what_cannot_be_is_refused(change: dict[str, Any], why: str) -> None:
    with pytest.raises(InputError, match=why):
        replace(described(size(64)), **change)


def test_classes_without_a_name_are_left_out_and_may_be_several() -> None:
    assert replace(described(size(64)), classes=("", "cat", "")).classes == ("", "cat", "")


def test_what_an_engine_raises_is_told_in_a_line_with_its_place() -> None:
    def fails(images: object, variant: object) -> list[Answer]:
        raise ValueError("no lamp")

    with pytest.raises(RunError, match=r"the model failed with ValueError: no lamp \(test_model.py, line \d+\)"):
        answers(WholeBatches(fails), [], [Variant(64, "n")])


def test_an_unknown_variant_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match="it has: n-64"):
        described(size(64)).size(Variant(64, "m"))


def test_a_function_is_an_engine() -> None:
    engine = WholeBatches(lambda images, variant: [Answer((), (ClassScore(len(images), variant.resolution),))])
    images = [np.zeros((4, 4, 3), np.uint8)] * 2
    assert answers(engine, images, [Variant(64, "n")] * 2) == [Answer((), (ClassScore(2, 64),))]


@pytest.mark.parametrize(
    ("frame", "fitted"),
    [((1920, 1080), (416, 234)), ((200, 100), (200, 100)), ((100, 900), (46, 416)), ((5000, 1), (416, 1))],
)
def test_frames_are_fitted_and_never_enlarged(frame: tuple[int, int], fitted: tuple[int, int]) -> None:
    assert InputSize(416, 416).fitted(*frame) == fitted
