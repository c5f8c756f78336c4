"""The sizes of the slimmable detector: a width and an exit, and what a variant calls them."""

from __future__ import annotations

from typing import NamedTuple

from jellyfish.core import Variant
from jellyfish.models.slimmable.street import RESOLUTIONS

WIDTHS: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0)
"""Shares of the full channel count."""

EXITS: tuple[int, ...] = (1, 2)
"""Where the network may end: after its second stage or its third."""


class NetworkSize(NamedTuple):
    """One sub-network of the detector."""

    width: float
    exit: int

    @property
    def name(self) -> str:
        """The network's name in a variant, e.g. `w075e2`."""
        return f"w{round(self.width * 100):03d}e{self.exit}"


SIZES: tuple[NetworkSize, ...] = tuple(NetworkSize(width, exit) for exit in EXITS for width in WIDTHS)
"""Every sub-network, the early exit's first, narrow before wide."""

LARGEST = SIZES[-1]

VARIANTS: tuple[Variant, ...] = tuple(Variant(resolution, size.name) for resolution in RESOLUTIONS for size in SIZES)
"""Every size at every resolution, small resolutions first."""
