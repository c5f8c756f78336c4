"""Fused detections on hand-made scenes: textured squares on a textured ground, seen or not by either network."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jellyfish.core import Detection
from jellyfish.edge.fusion.detections import FADE_STEPS, HISTORY_STEPS, HOLD_STEPS, DetectionFusion
from jellyfish.errors import InputError

CLASSES = ("person", "bicycle", "car", "motorcycle", "bus", "truck")
CAR, BUS = CLASSES.index("car"), CLASSES.index("bus")
WIDTH, HEIGHT, SIDE = 320, 180, 40
PLACE = (100, 60)
"""Left and top of the object, in pixels."""

_rng = np.random.default_rng(1)
GROUND = np.repeat(np.repeat(_rng.integers(60, 120, (HEIGHT // 4, WIDTH // 4, 3), np.uint8), 4, 0), 4, 1)
THING = np.repeat(np.repeat(_rng.integers(120, 255, (SIDE // 4, SIDE // 4, 3), np.uint8), 4, 0), 4, 1)


def scene(place=PLACE):
    image = GROUND.copy()
    if place is not None:
        left, top = place
        image[top : top + SIDE, left : left + SIDE] = THING
    return image


def thing(place=PLACE, label=CAR, score=0.9):
    left, top = place
    return Detection(label, score, left / WIDTH, top / HEIGHT, (left + SIDE) / WIDTH, (top + SIDE) / HEIGHT)


def moved(step):
    """Where a thing is that goes 3 pixels to the right at each step."""
    return PLACE[0] + 3 * step, PLACE[1]


def fusion():
    return DetectionFusion(0.4, 0.5, len(CLASSES))


def overlap(a, b):
    wide = min(a.right, b.right) - max(a.left, b.left)
    high = min(a.bottom, b.bottom) - max(a.top, b.top)
    shared = max(wide, 0) * max(high, 0)
    return shared / ((a.right - a.left) * (a.bottom - a.top) + (b.right - b.left) * (b.bottom - b.top) - shared)


def test_without_the_cloud_the_local_boxes_are_the_answer():
    fused = fusion()
    for step in range(10):
        (one,) = fused.step(step, scene(), [thing(score=0.7)])
        assert (one.label, overlap(one, thing())) == (CAR, pytest.approx(1, abs=0.02))


def test_what_stays_weak_locally_is_not_an_answer():
    fused = fusion()
    assert all(fused.step(step, scene(), [thing(score=0.3)]) == [] for step in range(10))


def test_what_is_only_missed_for_one_step_stays_while_the_cloud_is_there():
    fused = fusion()
    for step in range(4):
        fused.step(step, scene(), [thing(score=0.8)])
    fused.answer(3, [thing(score=0.8)])
    assert len(fused.step(4, scene(), [thing(score=0.35)])) == 1


def test_while_the_cloud_never_answers_the_answer_is_the_small_networks_own():
    fused = fusion()
    local = [thing(score=0.8), thing((200, 100), score=0.6), thing((300, 50), score=0.39)]
    for step in range(5):
        fused.step(step, scene(), local)
    answer = fused.step(5, scene(), local)
    boxes = [(one.label, one.left, one.top, one.right, one.bottom) for one in answer]
    assert boxes == [(one.label, one.left, one.top, one.right, one.bottom) for one in local if one.score >= 0.4]


def test_a_static_object_missed_locally_is_added_by_the_cloud_and_stays():
    fused = fusion()
    assert fused.step(0, scene(), []) == []
    assert fused.answer(0, [thing()])
    for step in range(1, 20):
        (one,) = fused.step(step, scene(), [])
        assert overlap(one, thing()) > 0.9


def test_a_late_answer_is_carried_to_now_and_goes_along():
    fused = fusion()
    for step in range(12):
        fused.step(step, scene(moved(step)), [])
    assert fused.answer(2, [thing(moved(2))])
    for step in range(12, 20):
        (one,) = fused.step(step, scene(moved(step)), [])
        assert overlap(one, thing(moved(step))) > 0.7


def test_an_answer_for_the_newest_step_counts_from_the_next():
    fused = fusion()
    fused.step(7, scene(), [])
    assert fused.answer(7, [thing()])
    assert len(fused.step(8, scene(), [])) == 1


def test_what_the_cloud_itself_would_not_serve_is_not_added():
    fused = fusion()
    fused.step(0, scene(), [])
    fused.answer(0, [thing(score=0.45)])
    assert fused.step(1, scene(), []) == []
    fused.answer(1, [thing(score=0.5)])
    assert len(fused.step(2, scene(), [])) == 1


def test_a_vanished_object_is_let_go_when_it_no_longer_looks_like_itself():
    fused = fusion()
    fused.step(0, scene(), [])
    fused.answer(0, [thing(score=0.6)])
    assert len(fused.step(1, scene(), [])) == 1
    for step in range(2, 8):
        answer = fused.step(step, scene(None), [])
    assert answer == []


def test_a_denied_object_that_changes_is_heard_again():
    fused = fusion()
    fused.step(0, scene(None), [thing(score=0.6)])
    fused.answer(0, [])
    for step in range(1, 8):
        answer = fused.step(step, scene(), [thing(score=0.9)])
    assert len(answer) == 1


def test_a_vanished_object_is_let_go_when_the_cloud_no_longer_sees_it():
    fused = fusion()
    fused.step(0, scene(), [])
    fused.answer(0, [thing()])
    fused.step(1, scene(None), [])
    fused.answer(1, [])
    assert fused.step(2, scene(None), []) == []


def test_an_object_that_leaves_the_frame_is_let_go():
    fused = fusion()
    fused.step(0, scene((WIDTH - SIDE - 6, 60)), [])
    fused.answer(0, [thing((WIDTH - SIDE - 6, 60))])
    for step in range(1, 20):
        image = np.roll(GROUND, 0)
        left = WIDTH - SIDE - 6 + 4 * step
        shown = max(0, min(SIDE, WIDTH - left))
        image[60 : 60 + SIDE, left : left + shown] = THING[:, :shown]
        answer = fused.step(step, image, [])
    assert answer == []


def test_the_cloud_corrects_a_wrong_class():
    fused = fusion()
    fused.step(0, scene(), [thing(label=BUS, score=0.8)])
    fused.answer(0, [thing(label=CAR)])
    for step in range(1, 6):
        (one,) = fused.step(step, scene(), [thing(label=BUS, score=0.8)])
        assert one.label == CAR


def test_what_the_cloud_does_not_confirm_is_held_back():
    fused = fusion()
    assert len(fused.step(0, scene(), [thing(score=0.7)])) == 1
    fused.answer(0, [])
    assert all(fused.step(step, scene(), [thing(score=0.7)]) == [] for step in range(1, 20))


def test_what_came_up_after_the_cloud_looked_is_not_held_back():
    fused = fusion()
    fused.step(0, scene(None), [])
    fused.step(1, scene(), [thing(score=0.9)])
    fused.answer(0, [])
    assert len(fused.step(2, scene(), [thing(score=0.9)])) == 1


def test_with_a_dead_cloud_the_answer_becomes_the_local_one():
    fused = fusion()
    elsewhere = thing((200, 100), score=0.7)
    fused.step(0, scene(), [elsewhere])
    fused.answer(0, [thing()])
    for step in range(1, HOLD_STEPS + FADE_STEPS + 5):
        answer = fused.step(step, scene(), [elsewhere])
    (one,) = answer
    assert overlap(one, elsewhere) > 0.9


def test_answers_that_are_too_old_unknown_or_out_of_order_are_refused():
    fused = fusion()
    for step in range(HISTORY_STEPS + 5):
        fused.step(step, scene(), [])
    assert not fused.answer(4, [thing()])
    assert not fused.answer(HISTORY_STEPS + 5, [thing()])
    assert fused.answer(30, [thing()])
    assert not fused.answer(20, [])
    assert not fused.answer(30, [])
    assert len(fused.step(HISTORY_STEPS + 5, scene(), [])) == 1


def test_steps_must_rise_and_thresholds_be_thresholds():
    fused = fusion()
    fused.step(3, scene(), [])
    with pytest.raises(InputError, match="steps must rise"):
        fused.step(3, scene(), [])
    with pytest.raises(InputError, match="score threshold"):
        DetectionFusion(0.0, 0.5, len(CLASSES))


def test_the_same_input_gives_the_same_answers():
    def run():
        fused = fusion()
        answers = []
        for step in range(15):
            answers.append(fused.step(step, scene(moved(step)), [thing(moved(step), score=0.3 + 0.04 * step)]))
            if step % 4 == 3:
                fused.answer(step - 2, [thing(moved(step - 2), BUS)])
        return answers

    assert run() == run()


_number = st.one_of(st.floats(-0.5, 1.5, width=32), st.sampled_from([float("nan"), float("inf")]))
_odd = st.builds(Detection, st.integers(-1, 7), _number, _number, _number, _number, _number)
_share = st.floats(0, 1, width=32)
_fine = st.builds(
    lambda label, score, x, y: Detection(label, score, min(x), min(y), max(x), max(y)),
    st.integers(0, 5),
    _share,
    st.tuples(_share, _share),
    st.tuples(_share, _share),
)
_some = st.lists(st.one_of(_fine, _odd), max_size=6).flatmap(lambda some: st.sampled_from([some, some * 2, []]))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(_some, st.integers(-1, 5), _some), max_size=12), st.sampled_from([(90, 160), (7, 5), (1, 1)]))
def test_any_input_gives_boxes_in_the_frame_and_scores_from_the_threshold_on(events, size):
    fused = fusion()
    noise = np.random.default_rng(0)
    for step, (local, age, cloud) in enumerate(events):
        answer = fused.step(step, noise.integers(0, 255, (*size, 3), np.uint8), local)
        for one in answer:
            assert 0.5 <= one.score <= 1
            assert 0 <= one.left <= one.right <= 1
            assert 0 <= one.top <= one.bottom <= 1
            assert 0 <= one.label < len(CLASSES)
        assert 0 <= fused.similarity <= 1
        assert 0 <= fused.gain < np.inf
        fused.answer(step - age, cloud)


def test_memory_is_bounded():
    fused = fusion()
    noise = np.random.default_rng(0)
    for step in range(2 * HISTORY_STEPS):
        corners = noise.random((150, 2)) * 0.8
        crowd = [Detection(CAR, 0.6, x, y, x + 0.1, y + 0.1) for x, y in corners.tolist()]
        answer = fused.step(step, scene(), crowd)
        if step % 5 == 0:
            fused.answer(step, crowd)
        assert len(answer) <= 400
    assert len(fused._past) == HISTORY_STEPS
    assert len(fused._tracks) <= 400


def test_similarity_tells_a_new_scene_from_the_same():
    fused = fusion()
    places = [(20 + 60 * column, 20 + 70 * row) for column, row in itertools.product(range(3), range(2))]
    for step in range(3):
        fused.step(step, scene(None), [thing(place, score=0.8) for place in places])
    assert fused.similarity > 0.9
    fused.step(3, scene(None), [thing((left, top + 30), score=0.8) for left, top in places])
    assert fused.similarity < 0.5
