"""What a device can run: the sizes of the slimmable detector, or static detectors in their place."""

from __future__ import annotations

from pathlib import Path

import torch

from jellyfish.errors import InputError
from jellyfish.models.slimmable.engine import DetectorEngine
from jellyfish.models.slimmable.weights import Weights, load_weights
from jellyfish.models.torchvision.engine import ZooEngine
from jellyfish.models.torchvision.networks import Zoo, open_zoo

Detectors = Weights | Zoo
"""Both know their variants and the accuracy of each."""
AnyEngine = DetectorEngine | ZooEngine


def open_detectors(weights: Path | None, zoo: str | None, zoo_weights: Path | None) -> Detectors:
    """The slimmable detector with `weights` (the shipped ones without), or the static ones of `zoo`. InputError."""
    if zoo is None:
        if zoo_weights is not None:
            raise InputError("--zoo-weights is for static detectors: give --zoo torchvision as well")
        return load_weights(weights)
    if weights is not None:
        raise InputError("--weights is for the slimmable detector, --zoo for static ones: give one of them")
    return open_zoo(zoo, zoo_weights)


def identity(detectors: Detectors) -> str:
    """The checksum that latency profiles are kept under."""
    return detectors.identity if isinstance(detectors, Zoo) else detectors.card.sha256


def make_engine(detectors: Detectors, device: torch.device) -> AnyEngine:
    """The engine that runs them on `device`."""
    return ZooEngine(detectors, device) if isinstance(detectors, Zoo) else DetectorEngine(detectors, device)
