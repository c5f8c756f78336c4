"""Accuracy as it is in service."""

import numpy as np
import pytest

from jellyfish.core import Detection, LabelledObject, Variant, canvas_size
from jellyfish.model.weights import VariantAccuracy
from jellyfish.training.evaluate import evaluate, served

VARIANT = Variant(256, "w050")


class Oracle:
    """Stands for an engine: finds one fixed box in every canvas, surely, and another with little faith."""

    def __init__(self, sure: Detection, unsure: Detection) -> None:
        self._answer = [sure, unsure]

    def detect(self, canvases, variant, score_threshold=None):
        assert canvases.shape[1:] == (*canvas_size(variant.resolution), 3)
        return [[d for d in self._answer if d.score >= score_threshold] for _ in canvases]


def frame(height: int = 360) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, size=(height, 640, 3), dtype=np.uint8)


def test_boxes_are_compared_on_the_frame_and_the_threshold_is_the_best():
    # A frame of 2:1 fills 128 of the canvas's 160 rows: y on the canvas is 0.8 of y on the frame.
    engine = Oracle(Detection(2, 0.9, 0.1, 0.08, 0.3, 0.4), Detection(0, 0.2, 0.5, 0.5, 0.6, 0.6))
    objects = [LabelledObject(0, 2, 0.1, 0.1, 0.3, 0.5)]
    measured = evaluate(engine, [(frame(320), objects)] * 3, [VARIANT])
    assert measured.frames == 3
    (accuracy,) = measured.accuracy
    assert accuracy.variant == VARIANT
    assert (accuracy.f1, accuracy.precision, accuracy.recall) == (1.0, 1.0, 1.0)
    assert 0.2 < accuracy.score_threshold <= 0.9


def test_counts_are_summed_over_frames_at_the_threshold_given():
    engine = Oracle(Detection(2, 0.9, 0.1, 0.1, 0.3, 0.5), Detection(0, 0.2, 0.5, 0.5, 0.6, 0.6))
    # At 256 pixels a 16:9 frame fills 144 of 160 rows.
    there = LabelledObject(0, 2, 0.1, 0.1 / 0.9, 0.3, 0.5 / 0.9)
    frames = [(frame(), [there]), (frame(), [])]
    (accuracy,) = evaluate(engine, frames, [VARIANT], thresholds=[0.1]).accuracy
    # One right of four found, nothing missed.
    assert accuracy == VariantAccuracy(256, "w050", 0.1, f1=0.4, precision=0.25, recall=1.0)


def test_what_is_found_in_the_padding_alone_does_not_count_just_as_it_is_not_served():
    engine = Oracle(Detection(2, 0.9, 0.1, 0.1, 0.3, 0.5), Detection(0, 0.8, 0.5, 0.95, 0.6, 1.0))
    there = LabelledObject(0, 2, 0.1, 0.1 / 0.9, 0.3, 0.5 / 0.9)
    (accuracy,) = evaluate(engine, [(frame(), [there])], [VARIANT], thresholds=[0.1]).accuracy
    assert (accuracy.precision, accuracy.recall) == (1.0, 1.0)


def test_progress_counts_frames():
    engine = Oracle(Detection(2, 0.9, 0.1, 0.1, 0.3, 0.5), Detection(0, 0.2, 0.5, 0.5, 0.6, 0.6))
    told: list[int] = []
    evaluate(engine, [(frame(), [])] * 10, [VARIANT], advance=told.append)
    assert told[-1] == 10
    assert told == sorted(told)


@pytest.mark.parametrize("resolution", [128, 448])
def test_a_frame_is_served_fitted_compressed_and_letterboxed(resolution):
    box = served(frame(), resolution)
    height, width = canvas_size(resolution)
    rows = round(resolution * 9 / 16)
    assert box.canvas.shape == (height, width, 3)
    assert (box.x_factor, box.y_factor) == (1.0, pytest.approx(height / rows))
    assert (box.canvas[rows:] == box.canvas[-1, 0]).all()
