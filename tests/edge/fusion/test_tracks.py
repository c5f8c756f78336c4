"""Detections as arrays, levelled scores and what is believed of followed objects."""

import numpy as np
import pytest

from jellyfish.core import Detection
from jellyfish.edge.fusion.motion import PATCH_PIXELS
from jellyfish.edge.fusion.tracks import FOUND, Tracks, found, shifted

CLASSES = ("person", "bicycle", "car", "motorcycle", "bus", "truck")
CAR = CLASSES.index("car")


def one(score=0.6, label=CAR):
    return Detection(label, score, 0.1, 0.2, 0.3, 0.4)


def seen(*scores):
    return found([one(score) for score in scores], FOUND, 10, len(CLASSES))


def local(*scores):
    return Tracks.of_local(seen(*scores), np.arange(len(scores)))


def cloud(*scores):
    return Tracks.of_cloud(
        seen(*scores), np.arange(3, 3 + len(scores)), np.zeros((len(scores), PATCH_PIXELS), np.float32)
    )


def fused(tracks, alike=1.0, trust=1.0):
    tracks.alike[:] = alike
    return tracks.scores(trust, trust)


def test_the_threshold_becomes_the_level():
    np.testing.assert_allclose(shifted(np.array([0.3]), 0.3, 0.5), 0.5)
    levels = shifted(np.linspace(0, 1, 20), 0.3, 0.5)
    assert (np.diff(levels) > 0).all()
    assert levels.min() >= 0
    assert levels.max() <= 1


def test_levelling_can_be_undone():
    scores = np.linspace(0.05, 0.95, 9)
    np.testing.assert_allclose(shifted(shifted(scores, 0.425, 0.5), 0.5, 0.425), scores)


def test_the_best_detections_are_taken_and_what_is_none_is_left_out():
    nonsense = [
        Detection(CAR, float("nan"), 0.1, 0.2, 0.3, 0.4),
        Detection(CAR, 0.9, 0.3, 0.2, 0.1, 0.4),
        Detection(CAR, 0.9, 0.1, 0.2, 1.3, 0.4),
        Detection(len(CLASSES), 0.9, 0.1, 0.2, 0.3, 0.4),
    ]
    best = found([*nonsense, one(0.3), one(0.9), one(0.5)], FOUND, 2, len(CLASSES))
    np.testing.assert_allclose(best.scores, [0.9, 0.5])


def test_an_object_votes_for_its_class():
    tracks = Tracks.of_local(
        found([one(0.7, label) for label in range(len(CLASSES))], FOUND, 10, len(CLASSES)), np.arange(len(CLASSES))
    )
    assert sorted(tracks.labels.tolist()) == list(range(len(CLASSES)))


def test_local_objects_score_as_they_are_while_there_is_no_cloud():
    np.testing.assert_allclose(fused(local(0.8, 0.3), trust=0.0), [0.8, 0.3])


def test_a_stranger_counts_less_while_the_clouds_word_stands():
    strangers = local(0.8)
    assert fused(strangers, trust=1.0) < fused(strangers, trust=0.5) < fused(strangers, trust=0.0)


def test_the_cloud_is_believed_the_more_the_better_it_looks():
    tracks = cloud(0.6)
    assert fused(tracks, alike=1.0) > FOUND > fused(tracks, alike=0.0)
    tracks.local[:] = 0.8
    assert fused(tracks, alike=0.0) > FOUND


def test_what_the_cloud_denied_is_nothing_while_its_word_stands():
    tracks = local(0.9)
    tracks.judged[:] = True
    assert fused(tracks, trust=1.0) == 0
    assert fused(tracks, trust=0.0) == pytest.approx(0.9)
    assert fused(tracks, alike=0.0) == pytest.approx(0.9)


def test_tracks_are_joined_and_chosen_row_by_row():
    both = local(0.9).joined(cloud(0.8, 0.7))
    assert both.judged.tolist() == [False, True, True]
    chosen = both.only(np.array([2, 0]))
    assert chosen.numbers.tolist() == [4, 0]
    assert len(both.joined(Tracks.none(len(CLASSES)))) == 3
