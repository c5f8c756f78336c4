"""A colour for each class, however many there are: told apart by eye, and light enough for black letters."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]
"""Red, green, blue."""

FIRST: tuple[Colour, ...] = (
    (230, 159, 0),  # orange
    (0, 158, 115),  # bluish green
    (86, 180, 233),  # sky blue
    (204, 121, 167),  # reddish purple
    (240, 228, 66),  # yellow
    (213, 94, 0),  # vermilion
)
"""Told apart with any colour vision (Okabe & Ito, "Color Universal Design", 2008)."""
COLOURS = 128
"""So many differ; then they begin anew."""
_STEPS = 12
"""Values of each of red, green and blue to choose from."""
_SEEN = np.array([0.299, 0.587, 0.114])
"""How much each counts for the eye."""
_DARKEST = 90.0
"""Of 255, weighed so: below that black letters cannot be read."""


def colour(label: int) -> Colour:
    """Of a class."""
    return palette()[label % COLOURS]


@cache
def palette() -> tuple[Colour, ...]:
    """After the first ones always the colour that is farthest from all before it."""
    levels = np.linspace(0, 255, _STEPS).round()
    free = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(-1, 3)
    free = free[free @ _SEEN >= _DARKEST]
    chosen = list(FIRST)
    apart = np.min([_distance(free, np.array(each)) for each in chosen], axis=0)
    while len(chosen) < COLOURS:
        farthest = free[apart.argmax()]
        red, green, blue = (int(part) for part in farthest)
        chosen.append((red, green, blue))
        apart = np.minimum(apart, _distance(free, farthest))
    return tuple(chosen)


def _distance(colours: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """[n] how far from `other` colours [n, 3] seem to be."""
    distance: NDArray[np.float64] = ((colours - other) ** 2 * _SEEN).sum(axis=1)
    return distance
