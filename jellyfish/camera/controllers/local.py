"""Adaptation on the client alone, blind to the server: the baseline that takes the whole SLO for its network. Pure.

Source: one of the weaker policies of Jellyfish (RTSS 2022).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from jellyfish.camera.controllers.controller import ControllerTerms, Feedback, OfferedSize, OnTheWay
from jellyfish.camera.controllers.predictors import FrameBytes, Throughput


class Local:
    """The largest size that the uplink sustains and brings within the SLO."""

    def __init__(self, terms: ControllerTerms) -> None:
        self._sizes, self._fps = terms.ladder.sizes, terms.fps
        self._network_s, self._device_s = terms.slo_s, math.inf
        self._throughput, self._bytes = Throughput(), FrameBytes()

    def choose(self, now: float, captured_s: float, on_the_way: Sequence[OnTheWay]) -> int:
        """The smallest size before anything is known, and where none fits."""
        fitting = (size.resolution for size in self._sizes if self._fits(size))
        return max(fitting, default=self._sizes[0].resolution)

    def sent(self, now: float, resolution: int, size_bytes: int) -> None:
        """Only answers count."""

    def answered(self, now: float, feedback: Feedback) -> None:
        """Time on the network and bytes."""
        self._bytes.add(feedback.resolution, feedback.size_bytes)
        self._throughput.add(feedback.size_bytes, now - feedback.sent_s - feedback.server_s)

    def _fits(self, size: OfferedSize) -> bool:
        bits_per_s = self._throughput.bits_per_s
        if bits_per_s is None:
            return False
        transfer_s = self._bytes.bits(size.resolution) / bits_per_s
        return transfer_s <= min(self._network_s, 1 / self._fps) and size.execute_s <= self._device_s
