"""Batches of the sizes that a graph takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def parts(count: int, batches: Sequence[int]) -> list[tuple[slice, int]]:
    """How `count` images are run by a graph that takes `batches`: which of them, and as a batch of how many."""
    if not batches:
        return [(slice(0, count), count)]
    found, done = [], 0
    while done < count:
        left = count - done
        size = next((batch for batch in batches if batch >= left), batches[-1])
        found.append((slice(done, min(count, done + size)), size))
        done += size
    return found


def filled(tensor: NDArray[Any], size: int) -> NDArray[Any]:
    """The images and, if they are fewer than `size`, the last one again and again."""
    lacking = size - len(tensor)
    return np.concatenate([tensor, np.repeat(tensor[-1:], lacking, axis=0)]) if lacking else tensor
