"""The predictors of the published controllers: throughput, device time, bytes. Pure.

Source: "Better Never than Late" (SenSys workshops, 2021), with the constants given there.
"""

from __future__ import annotations

from collections import deque

from jellyfish.control.frame_size import reference_bytes
from jellyfish.control.smoothing import Ewma

SAMPLES = 5
OLD = 0.75


class Throughput:
    """Harmonic mean of the last five frames' bits per second on the network, both ways included."""

    def __init__(self) -> None:
        self._pace: deque[float] = deque(maxlen=SAMPLES)

    def add(self, size_bytes: int, network_s: float) -> None:
        """Take in a frame that spent `network_s` on the network."""
        self._pace.append(max(network_s, 1e-6) / (8 * size_bytes))

    @property
    def bits_per_s(self) -> float | None:
        """The mean; None before the first frame."""
        return len(self._pace) / sum(self._pace) if self._pace else None


class DeviceTime:
    """Slow-down of the device against its profile: a moving average that keeps 0.75 of the old."""

    def __init__(self) -> None:
        self._ratio = Ewma(OLD, initial=1.0)

    def add(self, execute_s: float, profiled_s: float) -> None:
        """Take in a frame that took `execute_s` where `profiled_s` was to be expected."""
        self._ratio.add(execute_s / profiled_s)

    def seconds(self, profiled_s: float) -> float:
        """What to expect of a network profiled at `profiled_s`."""
        return profiled_s * (self._ratio.value or 1.0)


class FrameBytes:
    """The last frame's bytes relative to the reference of its resolution, carried over to the others."""

    def __init__(self) -> None:
        self._factor = 1.0

    def add(self, resolution: int, size_bytes: int) -> None:
        """Take in a frame."""
        self._factor = size_bytes / reference_bytes(resolution)

    def bits(self, resolution: int) -> float:
        """What to expect at `resolution`."""
        return 8 * self._factor * reference_bytes(resolution)
