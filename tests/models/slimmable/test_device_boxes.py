"""Selection with a fixed number of boxes finds what selection on a processor and greedy suppression in words find."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from jellyfish.models.slimmable.boxes import (
    CANDIDATES,
    MAXIMUM_DETECTIONS,
    Boxes,
    decode,
    detections_of,
    grid_points,
    logit,
    select,
)
from jellyfish.models.slimmable.detector import PREDICTIONS
from jellyfish.models.slimmable.device_boxes import COLUMNS, STEPS, boxes_of, candidates
from jellyfish.models.slimmable.street import CLASSES

POINTS = grid_points(64, 96)
MANY = grid_points(128, 160)
NAN, INF = math.nan, math.inf
Row = tuple[int, float, list[float]]


def on_device(predictions: Tensor, points: Tensor, score: float, steps: int = STEPS) -> Boxes:
    return boxes_of(candidates(predictions, points, score, steps).numpy())


def in_words(boxes: Boxes, images: int) -> list[list[Row]]:
    rows: list[list[Row]] = [[] for _ in range(images)]
    for image, label, score, sides in zip(*(each.tolist() for each in boxes), strict=True):
        rows[image].append((label, score, sides))
    return rows


def greedy(predictions: Tensor, points: Tensor, score: float) -> list[list[Row]]:
    """What suppression is, said without tensors."""
    answer = []
    for image in predictions:
        logits, labels = image[:, : len(CLASSES)].max(dim=-1)
        logits, best = logits.topk(min(CANDIDATES, len(logits)))
        everything = zip(labels[best], logits, decode(image[best, len(CLASSES) :], points[best]), strict=True)
        kept: list[Row] = []
        for label, value, sides in ((int(label), value, sides.tolist()) for label, value, sides in everything):
            if not value > logit(score) or len(kept) == MAXIMUM_DETECTIONS:
                continue
            if not any(label == other and overlap(sides, theirs) > 0.5 for other, _, theirs in kept):
                kept.append((label, float(value.sigmoid()), sides))
        answer.append(kept)
    return answer


def assert_same(found: list[list[Row]], expected: list[list[Row]]) -> None:
    """The same boxes in the same order; numbers as near as one library's exponential is to itself."""
    for ours, theirs in zip(found, expected, strict=True):
        assert [row[0] for row in ours] == [row[0] for row in theirs]
        numbers = [[(score, *sides) for _, score, sides in rows] for rows in (ours, theirs)]
        np.testing.assert_allclose(numbers[0], numbers[1], rtol=1e-5, atol=1e-5, equal_nan=True)


def overlap(one: list[float], other: list[float]) -> float:
    if not all(map(math.isfinite, one + other)):
        return 0.0
    width = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    height = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    areas = [(right - left) * (bottom - top) for left, top, right, bottom in (one, other)]
    inner, union = width * height, areas[0] + areas[1] - width * height
    return inner / union if union else 0.0


def predicted(random: np.random.Generator, images: int, spread: float, odd: tuple[float, ...], share: float) -> Tensor:
    """Raw predictions at `POINTS`, of which a `share` of the numbers is among the `odd`."""
    values = random.normal(0, spread, (images, len(POINTS), PREDICTIONS))
    if odd:
        values = np.where(random.random(values.shape) < share, random.choice(odd, values.shape), values)
    return torch.from_numpy(values.astype(np.float32))


ODD = [
    (),
    (0.0,),  # ties of scores, boxes that are their points' cells
    (0.0, 1.0, -1.0, 0.5),
    (-200.0, 5.0, 6.0),  # boxes of no size, and of the most
    (1e4, -1e4),
    (1e30, -1e30, 3e38),
    (INF, -INF),
    (NAN, 0.0),
]


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 3),
    st.sampled_from([0.1, 0.5, 1.0, 3.0, 30.0]),
    st.sampled_from(ODD),
    st.sampled_from([0.02, 0.3, 1.0]),
    st.sampled_from([0.0, 0.01, 0.3, 0.5, 0.9, 1.0]),
)
@settings(max_examples=60, deadline=None)
@example(0, 2, 0.1, (NAN, 0.0), 1.0, 0.01)
def test_both_selections_keep_what_greedy_suppression_keeps(
    seed: int, images: int, spread: float, odd: tuple[float, ...], share: float, score: float
) -> None:
    predictions = predicted(np.random.default_rng(seed), images, spread, odd, share)
    expected = greedy(predictions, POINTS, score)
    for found in (select(predictions, POINTS, score), on_device(predictions, POINTS, score)):
        assert_same(in_words(found, images), expected)


def chain(length: int) -> Tensor:
    """Boxes of one class in a row, each as good as to be suppressed by the one before and to suppress the next."""
    predictions = torch.full((1, len(MANY), PREDICTIONS), -9.0)
    predictions[..., len(CLASSES) + 2 :] = math.log(4.0)
    for number in range(length):
        predictions[0, number, 0] = 5.0 - number / 32
        x, y, stride = MANY[number].tolist()
        predictions[0, number, len(CLASSES)] = (8.0 * number - x) / stride
        predictions[0, number, len(CLASSES) + 1] = (64.0 - y) / stride
    predictions[..., len(CLASSES) + 2] = 0.69  # twice as wide as they are apart from the next but one
    return predictions


@pytest.mark.parametrize("length", [2, STEPS, STEPS + 1, STEPS + 2, 60, 199])
@pytest.mark.parametrize("steps", [1, STEPS])
def test_chains_longer_than_the_steps_are_settled_by_the_host(length: int, steps: int) -> None:
    predictions = chain(length)
    expected = greedy(predictions, MANY, 0.3)
    assert 1 < len(expected[0]) < length or length == 2
    assert_same(in_words(on_device(predictions, MANY, 0.3, steps), 1), expected)
    assert_same(in_words(select(predictions, MANY, 0.3), 1), expected)


def test_the_last_two_steps_tell_whether_they_have_settled_it() -> None:
    found = candidates(chain(STEPS - 1), MANY, 0.3).numpy()
    assert (found[..., 6] == found[..., 7]).all()
    unsettled = candidates(chain(60), MANY, 0.3).numpy()
    assert (unsettled[..., 6] != unsettled[..., 7]).any()


def test_the_shape_says_nothing_of_what_was_found() -> None:
    silent = torch.full((2, len(MANY), PREDICTIONS), -9.0)
    assert candidates(silent, MANY, 0.3).shape == candidates(chain(60).expand(2, -1, -1), MANY, 0.3).shape
    assert candidates(silent, MANY, 0.3).shape == (2, CANDIDATES, COLUMNS)
    assert len(on_device(silent, MANY, 0.3).score) == 0


def test_an_image_keeps_its_best_hundred() -> None:
    predictions = torch.full((2, len(MANY), PREDICTIONS), -9.0)
    predictions[..., len(CLASSES) + 2 :] = -3.0  # tiny boxes: none overlap
    predictions[0, :, 0] = torch.linspace(3, 1, len(MANY))
    predictions[1, :5, 0] = 0.0
    boxes = on_device(predictions, MANY, 0.3)
    assert [int((boxes.image == each).sum()) for each in (0, 1)] == [MAXIMUM_DETECTIONS, 5]
    assert_same(in_words(boxes, 2), in_words(select(predictions, MANY, 0.3), 2))


def test_detections_are_shares_of_the_canvas_cut_at_its_border() -> None:
    sides = np.array([[-8, 16, 32, 96]], np.float32)
    boxes = Boxes(np.array([1]), np.array([4]), np.array([0.75], np.float32), sides)
    nothing, ((detection),) = detections_of(boxes, 2, 64, 128)
    assert (nothing, detection.label, detection.score) == ([], 4, 0.75)
    assert (detection.left, detection.top, detection.right, detection.bottom) == (0.0, 0.25, 0.25, 1.0)
