"""Requests and profiles for the tests of this folder."""

from __future__ import annotations

import asyncio

import numpy as np

from jellyfish.core import Variant
from jellyfish.devices.profile.table import LatencyProfile, VariantLatency
from jellyfish.dispatch.request import Answered, Dropped, Request

SMALL, LARGE = Variant(128, "w025"), Variant(448, "w100")
IMAGE = np.zeros((9, 16, 3), dtype=np.uint8)


def unsettled() -> asyncio.Future[Answered | Dropped]:
    """A future that no loop has to run for."""
    loop = asyncio.new_event_loop()
    loop.close()
    return asyncio.Future(loop=loop)


def request(deadline_s: float, queued_s: float = 0.0, frame: int = 0) -> Request:
    return Request("camera", frame, deadline_s, queued_s, IMAGE, unsettled())


def profile(
    small: tuple[float, ...] = (1.0, 1.5, 2.0, 2.5),
    large: tuple[float, ...] = (4.0, 6.0, 8.0, 10.0),
    workers: int = 1,
) -> LatencyProfile:
    entries = VariantLatency(SMALL, small, small), VariantLatency(LARGE, large, large)
    return LatencyProfile("cpu", "a processor", "abc", entries, workers=workers)
