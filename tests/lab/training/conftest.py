"""Frames with bright rectangles: enough to learn something in a few steps."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from jellyfish.core import LabelledObject


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Tests of tiny networks gain nothing from more, and lose much where cores are shared."""
    torch.set_num_threads(1)


class RectangleFrames:
    """Each frame is grey with a few filled rectangles, of one colour per class."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> tuple[NDArray[np.uint8], Sequence[LabelledObject]]:
        random = np.random.default_rng(number)
        image = np.full((180, 320, 3), 60, dtype=np.uint8)
        objects = []
        for track in range(3):
            label, width, height = int(random.integers(3)), int(random.integers(30, 90)), int(random.integers(30, 90))
            left, top = int(random.integers(320 - width)), int(random.integers(180 - height))
            image[top : top + height, left : left + width, label] = 250
            sides = (left / 320, top / 180, (left + width) / 320, (top + height) / 180)
            objects.append(LabelledObject(track, label, *sides))
        return image, objects


@pytest.fixture
def frames() -> RectangleFrames:
    return RectangleFrames(6)
