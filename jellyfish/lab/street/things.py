"""The still things of a street as plain values: patches of ground, houses, trees and posts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jellyfish.lab.street.mesh import Colour


@dataclass(frozen=True)
class Patch:
    """A coloured polygon (x, y) of the ground. `grain` is the strength of its texture."""

    outline: Sequence[tuple[float, float]]
    colour: Colour


@dataclass(frozen=True)
class Building:
    """A house on the rectangle left..right, near..far."""

    left: float
    right: float
    near: float
    far: float
    height: float

    @property
    def footprint(self) -> tuple[float, float, float, float]:
        """(least x, least y, greatest x, greatest y)."""
        return self.left, self.near, self.right, self.far


@dataclass(frozen=True)
class Tree:
    """A tree: trunk and crown."""

    x: float
    y: float
    height: float
    colour: Colour

    @property
    def footprint(self) -> tuple[float, float, float, float]:
        """(least x, least y, greatest x, greatest y)."""
        return self.x, self.y, self.x, self.y


@dataclass(frozen=True)
class Post:
    """A thin upright thing: `lamp`, `sign`, `signal`, `bollard`, `bin` or `box`."""

    x: float
    y: float
    kind: str
    colour: Colour
    towards: float
    """+1 or -1: the side (in x) to which a lamp's arm or a sign reaches."""

    @property
    def footprint(self) -> tuple[float, float, float, float]:
        """(least x, least y, greatest x, greatest y)."""
        return self.x, self.y, self.x, self.y


Thing = Building | Tree | Post
