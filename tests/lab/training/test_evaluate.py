"""Accuracy as it is in service."""

import numpy as np
import pytest

from jellyfish.camera.frames import scaled_jpeg
from jellyfish.core import Answer, ClassScore, Detection, InputSize, LabelledObject, Variant
from jellyfish.errors import InputError
from jellyfish.lab.training.evaluate import (
    THRESHOLDS,
    Examined,
    Examinee,
    FrameSet,
    evaluation,
    examine,
    served,
    serving,
    spread,
)
from jellyfish.lab.training.evaluate_classes import examine_guesses
from jellyfish.media.jpeg import decode_jpeg
from jellyfish.models.model import WholeBatches
from jellyfish.models.slimmable.card import VariantEvaluation
from jellyfish.models.slimmable.street import CLASSES, input_size

VARIANT = Variant(256, "w050e1")
CAR = LabelledObject(0, 2, 0.1, 0.1, 0.3, 0.5)
SURE = Detection(2, 0.9, 0.1, 0.1, 0.3, 0.5)
UNSURE = Detection(0, 0.2, 0.5, 0.5, 0.6, 0.6)


class Oracle:
    """Stands for an engine: finds the same in every image."""

    def __init__(self, *answer: Detection) -> None:
        self.asked: list[tuple[Variant, int]] = []
        self._answer = Answer(answer)

    def subject(self, *variants: Variant, most: int = 8) -> Examinee:
        sizes = {variant: input_size(variant.resolution) for variant in variants or (VARIANT,)}
        return Examinee(WholeBatches(self._run), sizes, most)

    def _run(self, images, variant):
        width, height = input_size(variant.resolution).fitted(640, images[0].shape[0] * 640 // images[0].shape[1])
        assert {image.shape for image in images} == {(height, width, 3)}
        self.asked.append((variant, len(images)))
        return [self._answer] * len(images)


def frame(height: int = 360) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, size=(height, 640, 3), dtype=np.uint8)


def examined(frames, *answer: Detection) -> Examined:
    return examine(Oracle(*answer).subject(), FrameSet("frames", frames, CLASSES))


def line(part: Examined, threshold: float) -> VariantEvaluation:
    """The only line of the set's evaluation."""
    measured = evaluation(part, {VARIANT: threshold})
    assert (measured.name, measured.images, measured.iou_threshold) == ("frames", part.images, 0.5)
    (only,) = measured.variants
    return only


def test_the_threshold_is_the_best():
    part = examined([(frame(320), [CAR])] * 3, SURE, UNSURE)
    (accuracy,) = serving([part], [VARIANT])
    assert (accuracy.variant, accuracy.f1) == (VARIANT, 1.0)
    assert 0.2 < accuracy.score_threshold <= 0.9
    assert accuracy.score_threshold == min(t for t in THRESHOLDS if t > 0.2)
    measured = line(part, accuracy.score_threshold)
    assert (measured.ap50, measured.ap) == (pytest.approx(1.0), pytest.approx(1.0))


def test_counts_are_summed_over_frames_at_the_threshold_given():
    part = examined([(frame(), [CAR]), (frame(), [])], SURE, UNSURE)
    # One right of four found, nothing missed; of two cars found with the same faith one is right.
    measured = line(part, 0.1)
    assert (measured.variant, measured.score_threshold) == (VARIANT, 0.1)
    assert (measured.f1, measured.precision, measured.recall) == (0.4, 0.25, 1.0)
    assert line(part, 0.5).precision == 0.5


def test_average_precision_does_not_depend_on_the_threshold_that_serves():
    part = examined([(frame(), [CAR])] * 2, SURE, UNSURE)
    low, high = line(part, 0.1), line(part, 0.95)
    assert (low.ap50, low.ap) == (high.ap50, high.ap) == (1.0, 1.0)
    assert (high.recall, high.f1) == (0.0, 0.0)


def test_a_loose_box_counts_at_half_overlap_only():
    loose = Detection(2, 0.9, 0.1, 0.1, 0.3, 0.38)  # 0.7 of the car
    measured = line(examined([(frame(), [CAR])], loose), 0.5)
    assert (measured.f1, measured.ap50) == (1.0, 1.0)
    assert 0.3 <= measured.ap <= 0.5


def test_the_threshold_that_serves_is_best_over_all_sets_together():
    truck = LabelledObject(0, 0, 0.5, 0.5, 0.6, 0.6)
    there = examined([(frame(), [CAR, truck])], SURE, UNSURE)
    nowhere = examined([(frame(), [CAR])], SURE, UNSURE)
    assert serving([there], [VARIANT])[0].score_threshold == min(THRESHOLDS)
    # With both found: (1 + 2/3) / 2; with the car alone: (2/3 + 1) / 2. Equals go to the lowest threshold.
    (both,) = serving([there, nowhere], [VARIANT])
    assert (both.score_threshold, both.f1) == (min(THRESHOLDS), pytest.approx(5 / 6, abs=1e-4))
    (more,) = serving([there, nowhere, nowhere], [VARIANT])
    assert more.score_threshold > UNSURE.score
    assert more.f1 == pytest.approx((2 / 3 + 1 + 1) / 3, abs=1e-4)


def test_a_region_to_ignore_is_neither_found_nor_missed():
    crowd = LabelledObject(1, 0, 0.4, 0.4, 0.8, 0.8, ignore=True)
    measured = line(examined([(frame(), [CAR, crowd])], SURE, UNSURE), 0.1)
    assert (measured.precision, measured.recall, measured.ap50) == (1.0, 1.0, 1.0)


def test_what_the_labels_do_not_speak_of_is_neither_right_nor_wrong():
    frames = FrameSet("frames", [(frame(), [CAR])], CLASSES, frozenset({2}))
    measured = line(examine(Oracle(SURE, UNSURE).subject(), frames), 0.1)
    assert (measured.precision, measured.recall, measured.ap50) == (1.0, 1.0, 1.0)


def test_every_variant_sees_every_frame_in_batches_that_it_takes():
    variants, oracle = [VARIANT, Variant(256, "w100e2"), Variant(320, "w100e2")], Oracle(SURE)
    part = examine(oracle.subject(*variants, most=6), FrameSet("frames", [(frame(), [CAR])] * 10, CLASSES))
    assert list(part.findings) == variants
    assert oracle.asked == [(each, n) for some in ((6, 2), (2,)) for each in variants for n in some]
    assert part.images == 10


def test_a_classifier_is_judged_by_the_largest_object_of_each_image():
    person = LabelledObject(1, 0, 0.5, 0.5, 0.6, 0.6)
    frames = [(frame(), [person, CAR]), (frame(), [person]), (frame(), [])]

    def guess(images, variant):
        return [Answer(scores=(ClassScore(2, 0.9),))] * len(images)

    subject = Examinee(WholeBatches(guess), {VARIANT: input_size(256)})
    measured = examine_guesses(subject, FrameSet("frames", frames, CLASSES))
    assert (measured.images, measured.judged, measured.variants[0].top1) == (3, 2, 0.5)
    with pytest.raises(InputError, match="no labelled objects"):
        examine_guesses(subject, FrameSet("frames", frames[2:], CLASSES))


def test_a_set_without_objects_is_refused():
    ignored = LabelledObject(0, 2, 0.1, 0.1, 0.3, 0.5, ignore=True)
    with pytest.raises(InputError, match="the 2 images of frames have no labelled objects"):
        examined([(frame(), []), (frame(), [ignored])], SURE)


def test_progress_counts_frames():
    told: list[int] = []
    examine(Oracle(SURE).subject(), FrameSet("frames", [(frame(), [CAR])] * 10, CLASSES), told.append)
    assert told == [8, 10]


def test_some_of_many_frames_are_spread_evenly():
    numbered = range(100)
    assert list(spread(numbered, 4)) == [0, 25, 50, 75]
    assert list(spread(numbered, 1000)) == list(spread(numbered)) == list(numbered)


def test_an_image_is_seen_as_a_camera_sends_it():
    size = InputSize(416, 416)
    seen = served(frame(), size)
    assert seen.shape == (234, 416, 3)
    assert (seen == decode_jpeg(scaled_jpeg(frame(), size), 4096, 4096)).all()
    small = np.zeros((20, 30, 3), np.uint8)
    assert served(small, size).shape == small.shape
