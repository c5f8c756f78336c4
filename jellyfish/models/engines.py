"""Engines for detectors. Whoever loads this file loads torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from jellyfish.models.families import Detectors, slimmable
from jellyfish.models.slimmable.engine import DetectorEngine
from jellyfish.models.slimmable.weights import load_weights

if TYPE_CHECKING:
    from jellyfish.models.torchvision.engine import ZooEngine


def make_engine(detectors: Detectors, weights: Path | None, device: torch.device) -> DetectorEngine | ZooEngine:
    """The engine that runs them on `device`. `weights`: the file that slimmable ones are from; None: those shipped."""
    if slimmable(detectors):
        return DetectorEngine(load_weights(weights), device)
    from jellyfish.models.torchvision.engine import ZooEngine
    from jellyfish.models.torchvision.networks import Zoo

    assert isinstance(detectors, Zoo)
    return ZooEngine(detectors, device)
