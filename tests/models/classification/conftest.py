"""Classifier weights with random tensors and an invented card."""

from pathlib import Path

import pytest
import torch

from jellyfish.models.classification.card import KIND, ClassifierCard, ClassifierEvaluation, VariantTop1
from jellyfish.models.classification.network import Classifier
from jellyfish.models.classification.sizes import VARIANTS
from jellyfish.models.classification.weights import save_classifier
from jellyfish.models.slimmable.card import Training


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Tests of tiny networks gain nothing from more, and lose much where cores are shared."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def random_classifier() -> Classifier:
    """Untrained, with scores that are spread widely."""
    torch.manual_seed(7)
    classifier = Classifier()
    torch.nn.init.normal_(classifier.predict.weight, std=0.3)
    return classifier.eval()


@pytest.fixture
def weights_file(random_classifier: Classifier, tmp_path: Path) -> Path:
    """Its weights and card, which a test may damage."""
    lines = tuple(VariantTop1(v.resolution, v.network, v.resolution / 448, 0.25) for v in VARIANTS)
    measured = ClassifierEvaluation("crops", 10, "car", 0.4, lines)
    card = ClassifierCard(*KIND, "", (measured,), Training("none", 0, 0, 0.0, "a machine", ("nothing",)), ())
    path = tmp_path / "random.safetensors"
    save_classifier(path, random_classifier.state_dict(), card)
    return path
