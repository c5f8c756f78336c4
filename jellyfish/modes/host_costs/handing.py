"""What it takes to hand frames to a worker in a process of its own, and to take from it what it has found."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from jellyfish.core import RESOLUTIONS, Detection, Variant, fitted_size
from jellyfish.devices.executor import detect_images
from jellyfish.devices.remote_engine import RemoteEngine
from jellyfish.modes.host_costs.codecs import CAMERA_SIZE, usual_s

BATCH = 4


class _SilentEngine:
    """Has found nothing in every image."""

    def detect(self, canvases: NDArray[np.uint8], variant: Variant, /) -> list[list[Detection]]:
        return [[] for _ in canvases]

    def detect_mixed(self, canvases: NDArray[np.uint8], variants: Sequence[Variant], /) -> list[list[Detection]]:
        return [[] for _ in canvases]


def _as_it_is() -> None:
    """The process needs no settings."""


def handing_s() -> tuple[float, ...]:
    """Of a frame of each resolution, in a batch."""
    with contextlib.closing(RemoteEngine(_SilentEngine, _as_it_is)) as engine:
        return tuple(usual_s(partial(_hand, engine, resolution)) / BATCH for resolution in RESOLUTIONS)


def _hand(engine: RemoteEngine, resolution: int) -> None:
    width, height = fitted_size(*CAMERA_SIZE, resolution)
    detect_images(engine, Variant(resolution, "any"), [np.zeros((height, width, 3), np.uint8)] * BATCH)
