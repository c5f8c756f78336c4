"""Weights with random tensors and an invented card: enough to test what does not depend on training."""

from pathlib import Path

import pytest
import torch

from jellyfish.models.slimmable.card import (
    ARCHITECTURE,
    SCHEMA,
    Card,
    Evaluation,
    Training,
    VariantAccuracy,
    VariantEvaluation,
)
from jellyfish.models.slimmable.detector import SlimmableDetector
from jellyfish.models.slimmable.sizes import SIZES
from jellyfish.models.slimmable.street import CLASSES, RESOLUTIONS
from jellyfish.models.slimmable.weights import Weights, save_weights


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Tests of tiny networks gain nothing from more, and lose much where cores are shared."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Weights]:
    """A weights file of an untrained network whose scores are spread widely, and what was saved."""
    torch.manual_seed(11)
    detector = SlimmableDetector()
    for head in detector.heads:
        torch.nn.init.normal_(head.predict.weight, std=0.1)
        torch.nn.init.zeros_(head.predict.bias)
    entries = tuple(
        VariantAccuracy(resolution, size.name, 0.5, size.width * size.exit / 2 * resolution / 448)
        for resolution in RESOLUTIONS
        for size in SIZES
    )
    lines = tuple(VariantEvaluation(e.resolution, e.network, 0.5, 0.5, 0.25, e.f1, e.f1, e.f1) for e in entries)
    training = Training("none", 0, 0, 0.0, "a machine", ("nothing",))
    card = Card(SCHEMA, ARCHITECTURE, CLASSES, "", entries, (Evaluation("frames", 10, 0.5, lines),), training)
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    return path, save_weights(path, detector.state_dict(), card)
