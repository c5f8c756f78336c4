"""What a device can run: the sizes of the slimmable detector, or static detectors in their place.

Torch is loaded by who makes an engine of them (`engines`), torchvision by who wants its detectors.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, TypeGuard

from jellyfish.core import Variant
from jellyfish.errors import InputError
from jellyfish.models.slimmable.card import CardedVariants, read_weights
from jellyfish.models.torchvision.names import names_of


class Detectors(Protocol):
    """What is known of detectors that a device can run: `CardedVariants`, or a zoo."""

    @property
    def identity(self) -> str:
        """The checksum that latency profiles are kept under."""
        ...

    def variants(self) -> tuple[Variant, ...]:
        """All of them, small resolutions first."""
        ...

    def accuracy(self, variant: Variant) -> float:
        """Expected F1 (0..1)."""
        ...


def open_detectors(weights: Path | None, zoo: str | None, zoo_weights: Path | None) -> Detectors:
    """The slimmable detector with `weights` (the shipped ones without), or the static ones of `zoo`. InputError."""
    if zoo is None:
        if zoo_weights is not None:
            raise InputError("--zoo-weights is for static detectors: give --zoo torchvision as well")
        return CardedVariants(read_weights(weights)[0])
    if weights is not None:
        raise InputError("--weights is for the slimmable detector, --zoo for static ones: give one of them")
    names_of(zoo)
    if zoo_weights is not None and not zoo_weights.is_dir():
        raise InputError(f"--zoo-weights {zoo_weights}: there is no such folder")
    from jellyfish.models.torchvision.networks import open_zoo

    return open_zoo(zoo, zoo_weights)


def slimmable(detectors: Detectors) -> TypeGuard[CardedVariants]:
    """Whether they are sizes of one network: any of them can run at any time, and in a process of its own."""
    return isinstance(detectors, CardedVariants)
