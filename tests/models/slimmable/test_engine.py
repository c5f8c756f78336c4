"""The engine: batches of images in, lists of detections out."""

import numpy as np
import pytest
import torch

from jellyfish.core import Detection, Variant
from jellyfish.errors import InputError
from jellyfish.models.model import EngineOptions, answers
from jellyfish.models.slimmable.boxes import MAXIMUM_DETECTIONS
from jellyfish.models.slimmable.engine import DetectorEngine, detector_engine
from jellyfish.models.slimmable.sizes import SIZES
from jellyfish.models.slimmable.street import CLASSES, RESOLUTIONS, input_size

SMALL = Variant(128, "w025e1")


@pytest.fixture(scope="module")
def engine(random_weights) -> DetectorEngine:
    return DetectorEngine(random_weights[1], torch.device("cpu"), torch.float32)


def noise(images: int, variant: Variant, seed: int = 0) -> np.ndarray:
    size = input_size(variant.resolution)
    shape = (images, size.height, size.width, 3)
    return np.random.default_rng(seed).integers(0, 256, size=shape, dtype=np.uint8)


def inside(found: list[Detection], bottom: float = 1.0) -> list[Detection]:
    """Without what lies outside the image alone, where random weights see much."""
    return [each for each in found if each.left < 1 and each.top < bottom]


def test_every_resolution_at_every_size_is_a_variant(engine):
    assert set(engine.variants()) == {Variant(resolution, size.name) for resolution in RESOLUTIONS for size in SIZES}


@pytest.mark.parametrize("variant", [SMALL, Variant(192, "w100e2"), Variant(320, "w050e2")])
def test_detections_are_in_range_and_best_first(engine, variant):
    answers = engine.detect(noise(2, variant), variant)
    assert len(answers) == 2 and all(answers)
    for answer in answers:
        assert len(answer) <= MAXIMUM_DETECTIONS
        assert [d.score for d in answer] == sorted((d.score for d in answer), reverse=True)
        for d in answer:
            assert 0 <= d.label < len(CLASSES)
            assert 0.5 <= d.score <= 1
            assert 0 <= d.left <= d.right <= 1
            assert 0 <= d.top <= d.bottom <= 1


def test_a_batch_answers_what_its_images_alone_would(engine):
    canvases = noise(5, SMALL)
    together = engine.detect(canvases, SMALL)
    for image, answer in zip(canvases, together, strict=True):
        alone = engine.detect(image[None], SMALL)[0]
        assert [d.label for d in alone] == [d.label for d in answer]
        np.testing.assert_allclose(
            [(d.score, d.left, d.top, d.right, d.bottom) for d in alone],
            [(d.score, d.left, d.top, d.right, d.bottom) for d in answer],
            atol=1e-4,
        )


def test_interleaved_variants_do_not_disturb_each_other(engine):
    other = Variant(192, "w050e2")
    first = engine.detect(noise(1, SMALL), SMALL)
    engine.detect(noise(3, other), other)
    assert engine.detect(noise(1, SMALL), SMALL) == first


def test_frames_of_one_resolution_and_many_sizes_in_one_batch_get_what_each_would_alone(engine):
    variants = [Variant(192, size.name) for size in SIZES] + [Variant(192, "w050e2")]
    canvases = noise(len(variants), variants[0])
    together = answers(engine, list(canvases), variants)
    found = [answer.detections for answer in together]
    for image, variant, answer in zip(canvases, variants, found, strict=True):
        alone = inside(engine.detect(image[None], variant)[0])
        assert len(answer) == pytest.approx(len(alone), abs=2)
        assert [d.label for d in answer[:3]] == [d.label for d in alone[:3]]
        np.testing.assert_allclose([d.score for d in answer[:3]], [d.score for d in alone[:3]], atol=0.02)


def test_images_of_any_size_are_answered_as_the_canvases_that_they_are_fitted_to(engine):
    whole = noise(1, SMALL)[0]
    cut = whole[:72]
    padded = whole.copy()
    padded[72:] = 0
    first, second = (list(answer.detections) for answer in answers(engine, [whole, cut], [SMALL, SMALL]))
    alone = inside(engine.detect(whole[None], SMALL)[0])
    assert [each.score for each in first] == pytest.approx([each.score for each in alone], abs=1e-4)
    on_canvas = inside(engine.detect(padded[None], SMALL)[0], bottom=72 / 96)
    assert [each.score for each in second] == pytest.approx([each.score for each in on_canvas], abs=1e-4)
    assert max(each.bottom for each in second) <= 1.0


def test_a_least_score_stands_in_for_that_of_the_weights(random_weights, engine):
    picky = DetectorEngine(random_weights[1], torch.device("cpu"), torch.float32, least_score=0.6)
    few, many = (answers(each, list(noise(1, SMALL)), [SMALL])[0].detections for each in (picky, engine))
    assert 0 < len(few) < len(many)
    assert [d.score for d in few] == pytest.approx([d.score for d in many if d.score > 0.6], abs=1e-4)
    assert picky.memory_bytes > 4 * 100_000


def test_a_higher_threshold_leaves_fewer(engine):
    few, many = (engine.detect(noise(1, SMALL), SMALL, threshold)[0] for threshold in (0.6, 0.4))
    assert len(few) < len(many)
    assert all(d.score > 0.6 for d in few)


def test_canvases_of_another_size_are_refused(engine):
    with pytest.raises(InputError, match="w025e1-128"):
        engine.detect(noise(1, Variant(192, "w025e1")), SMALL)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_answers_what_the_cpu_answers(random_weights, engine):
    cuda = detector_engine(random_weights[1], torch.device("cuda:0"), EngineOptions("cuda:0"))
    images = list(noise(3, SMALL))
    for theirs, ours in zip(*(answers(each, images, [SMALL] * 3) for each in (cuda, engine)), strict=True):
        assert len(theirs.detections) == pytest.approx(len(ours.detections), rel=0.1)
