"""Fusion of class scores as a device asks for it: by frame, in answers."""

import numpy as np
import pytest

from jellyfish.core import Answer, ClassScore
from jellyfish.edge.fusion.classes import ClassFusion
from jellyfish.edge.fusion.scores import HORIZON_STEPS
from jellyfish.edge.fusion.similarity import Constant

IMAGE = np.zeros((2, 2, 3), np.uint8)


def said(*probabilities: float) -> Answer:
    return Answer(scores=tuple(ClassScore(label, one) for label, one in enumerate(probabilities)))


def fused(answer: Answer) -> list[float]:
    return [one.score for one in sorted(answer.scores, key=lambda one: one.label)]


def test_without_a_cloud_it_smooths():
    fusion = ClassFusion(2, Constant(0.5))
    assert fused(fusion.step(0, IMAGE, said(1.0, 0.0))) == pytest.approx([1.0, 0.0], abs=1e-6)
    answer = fusion.step(1, IMAGE, said(0.0, 1.0))
    assert fused(answer) == pytest.approx([0.5, 0.5], abs=1e-6)
    answer = fusion.step(2, IMAGE, said(0.0, 1.0))
    assert fused(answer) == pytest.approx([0.25, 0.75], abs=1e-6)
    assert answer.scores[0].label == 1


def test_a_late_answer_counts_for_the_frame_that_it_is_for_and_is_carried_to_now():
    fusion = ClassFusion(2, Constant(1.0))
    for frame in (10, 12, 13):  # frames that the device left out have no step
        fusion.step(frame, IMAGE, said(0.4, 0.6))
    assert fusion.answer(12, said(1.0, 0.0))
    answer = fusion.step(14, IMAGE, said(0.4, 0.6))
    reinforced = 0.33 * 0.4 + 0.67 * 1.0
    assert fused(answer)[0] == pytest.approx(reinforced, abs=1e-6)
    assert answer.scores[0].label == 0


def test_answers_for_frames_that_are_unknown_forgotten_or_older_change_nothing():
    fusion = ClassFusion(2)
    for frame in range(HORIZON_STEPS + 1):
        fusion.step(frame, IMAGE, said(0.4, 0.6))
    assert not fusion.answer(0, said(1.0, 0.0))
    assert not fusion.answer(999, said(1.0, 0.0))
    assert fusion.answer(200, said(1.0, 0.0))
    assert not fusion.answer(199, said(0.0, 1.0))
    assert not fusion.answer(200, said(0.0, 1.0))


def test_classes_that_an_answer_leaves_out_share_what_is_left():
    fusion = ClassFusion(3)
    assert fused(fusion.step(0, IMAGE, Answer(scores=(ClassScore(2, 0.8),)))) == pytest.approx([0.1, 0.1, 0.8])


def test_similarity_and_gain_tell_a_new_thing_from_the_same():
    fusion = ClassFusion(2)
    fusion.step(0, IMAGE, said(0.9, 0.1))
    assert (fusion.similarity, fusion.gain) == (pytest.approx(1.0), pytest.approx(0.0, abs=1e-9))
    fusion.step(1, IMAGE, said(0.1, 0.9))
    assert fusion.similarity == pytest.approx(0.22, abs=0.01)
    assert fusion.gain == pytest.approx(0.78, abs=0.01)
