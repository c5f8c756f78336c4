"""Reads what the host does: its processor time as it is handed in, and decoders by the frames that are with them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jellyfish.clock import seconds_now
from jellyfish.control.host import HostReading, Occupancy
from jellyfish.core import InputSize

Decode = Callable[[Any, InputSize], Awaitable[NDArray[np.uint8]]]
"""A JPEG, or another still that may come (`jellyfish.media.still`) -> its image, fitted into a size."""


class ProcessorTime(NamedTuple):
    """Seconds since some beginning."""

    loop_s: float
    """The event loop's thread ran."""
    waited_s: float
    """It was ready and waited for a processor; 0 where that is not told."""
    decoding_s: float
    """Decoders ran."""


@dataclass(frozen=True, slots=True)
class HostParts:
    """What a host is read by."""

    decoders: int
    """Frames that are decoded at once."""
    processor: Callable[[], ProcessorTime]
    """Called in the event loop's thread."""


class HostMeter:
    """Told when a frame comes to the decoders and when it goes."""

    def __init__(self, parts: HostParts, occupancy: Occupancy) -> None:
        self._processor, self._occupancy = parts.processor, occupancy
        self._decoded = self._images = 0
        self._megapixels = 0.0

    def came(self) -> None:
        """A frame waits for a decoder or is with one."""
        self._occupancy.came(seconds_now())

    def went(self) -> None:
        """It is not any more: it is an image, broken or too late. That it was dealt with counts, for all three."""
        self._occupancy.went(seconds_now())
        self._decoded += 1

    def made(self, size: InputSize) -> None:
        """An image has been made of one, of so large a frame."""
        self._images += 1
        self._megapixels += size.width * size.height / 1e6

    def reading(self, now: float) -> HostReading:
        """All so far."""
        occupied_s = self._occupancy.until(now)
        return HostReading(*self._processor(), occupied_s, self._decoded, self._images, self._megapixels)
