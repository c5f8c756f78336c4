"""The sizes of the classifier: a width and a resolution, and what a variant calls them."""

from __future__ import annotations

from jellyfish.core import InputSize, Variant
from jellyfish.models.slimmable.sizes import NetworkSize

RESOLUTIONS: tuple[int, ...] = (64, 96, 128, 160, 192, 224)
"""Sides in pixels: what is looked at is cut out, and as often tall as wide."""

_LAST_EXIT = 2
"""The stages are the detector's, all of them."""

SIZES: dict[str, NetworkSize] = {"w050": NetworkSize(0.5, _LAST_EXIT), "w100": NetworkSize(1.0, _LAST_EXIT)}
"""Every network by the name that variants have of it, narrow before wide."""

VARIANTS: tuple[Variant, ...] = tuple(Variant(resolution, name) for resolution in RESOLUTIONS for name in SIZES)
"""Every network at every resolution, small resolutions first."""


def input_size(resolution: int) -> InputSize:
    """What the networks take at `resolution`."""
    return InputSize(resolution, resolution)
