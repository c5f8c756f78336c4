"""The classifier's engine: shapes, batches, and the three steps of the seam."""

import numpy as np
import pytest
import torch

from jellyfish.models.classification.engine import ClassifierEngine
from jellyfish.models.classification.network import Classifier
from jellyfish.models.classification.sizes import SIZES, VARIANTS
from jellyfish.models.model import answers
from jellyfish.models.slimmable.detector import SlimmableDetector
from jellyfish.models.slimmable.street import CLASSES

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def engine(random_classifier: Classifier) -> ClassifierEngine:
    return ClassifierEngine(random_classifier, CPU, torch.float32)


def pictures(count: int, height: int, width: int) -> list[np.ndarray]:
    random = np.random.default_rng(count)
    return [random.integers(0, 255, (height, width, 3), dtype=np.uint8) for _ in range(count)]


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_every_class_has_a_probability_the_likeliest_first(engine, variant):
    for answer in answers(engine, pictures(2, 40, 70), [variant] * 2):
        scores = [one.score for one in answer.scores]
        assert {one.label for one in answer.scores} == set(range(len(CLASSES)))
        assert scores == sorted(scores, reverse=True)
        assert sum(scores) == pytest.approx(1.0, abs=1e-5)
        assert not answer.detections


def test_a_batch_answers_what_its_pictures_would_alone(engine):
    seen, variant = pictures(3, 64, 64), VARIANTS[1]
    together = answers(engine, seen, [variant] * 3)
    for image, answer in zip(seen, together, strict=True):
        (alone,) = answers(engine, [image], [variant])
        assert [one.label for one in alone.scores] == [one.label for one in answer.scores]
        assert [one.score for one in alone.scores] == pytest.approx([one.score for one in answer.scores], abs=1e-4)


def test_folding_changes_nothing(engine, random_classifier):
    image = torch.zeros(1, 3, 64, 64).uniform_(-1, 1, generator=torch.Generator().manual_seed(3))
    for name, size in SIZES.items():
        with torch.inference_mode():
            plain, folded = random_classifier(image, size), engine._networks[name](image, size)
        assert torch.allclose(plain, folded, rtol=1e-3, atol=1e-3)


def test_networks_of_other_widths_say_something_else_and_take_less(engine):
    (narrow,), (wide,) = (answers(engine, pictures(1, 64, 64), [variant]) for variant in VARIANTS[:2])
    assert narrow != wide
    narrow_bytes, wide_bytes = (
        sum(tensor.nbytes for tensor in engine._networks[name].state_dict().values()) for name in SIZES
    )
    assert narrow_bytes < 0.6 * wide_bytes
    assert engine.memory_bytes == narrow_bytes + wide_bytes


def test_it_begins_with_what_the_detector_has_learned():
    torch.manual_seed(5)
    detector, classifier = SlimmableDetector(), Classifier()
    classifier.begin_with(detector)
    image = torch.zeros(1, 3, 64, 64).uniform_(-1, 1)
    detector.eval(), classifier.eval()
    assert torch.equal(detector.stem(image), classifier.stem(image))
    size = SIZES["w050"]
    shared = detector.stem(image)
    assert torch.equal(detector.second[0](shared, size), classifier.second[0](shared, size))
