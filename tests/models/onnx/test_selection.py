"""The best boxes: one for each object, at most 100, on the frame."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from jellyfish.models.onnx.decoders.decoder import Candidates
from jellyfish.models.onnx.fitting import Where
from jellyfish.models.onnx.selection import MOST_BOXES, boxes_answer, suppressed

WHOLE = Where(0, 0, 100, 100)


def candidates(rows: list[tuple[float, float, float, float, float, int]]) -> Candidates:
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Candidates(table[:, :4], table[:, 4], table[:, 5].astype(np.intp))


def overlaps(box: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    shared = (np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])).clip(0).prod(axis=1)
    areas = (others[:, 2:] - others[:, :2]).prod(axis=1) + (box[2:] - box[:2]).prod()
    return np.asarray(shared / (areas - shared))


def plainly(found: Candidates, nms_iou: float) -> list[int]:
    sides, kept = found.sides.astype(np.float64), list[int]()
    for row, label in enumerate(found.labels):
        rivals = [other for other in kept if found.labels[other] == label]
        if (overlaps(sides[row], sides[rivals]) <= nms_iou).all():
            kept.append(row)
    return kept[:MOST_BOXES]


@given(st.integers(0, 2**32 - 1), st.integers(0, 600))
@settings(max_examples=10, deadline=None)
def test_suppression_is_what_it_is_by_the_book(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    corner, size = rng.uniform(0, 60, (count, 2)), rng.uniform(5, 40, (count, 2))
    scores = np.sort(rng.uniform(0, 1, count))[::-1]
    sides = np.concatenate([corner, corner + size], axis=1).astype(np.float32)
    found = Candidates(sides, scores.astype(np.float32), rng.integers(0, 3, count))
    assert suppressed(found, 0.45) == plainly(found, 0.45)


def test_more_candidates_are_looked_at_until_there_are_enough() -> None:
    same = [(0.0, 0.0, 10.0, 10.0, 0.9, 0)] * 500
    apart = [(float(left), 20.0, left + 1.0, 30.0, 0.5, 0) for left in range(90)]
    assert len(boxes_answer(candidates(same + apart), WHOLE, 0.5).detections) == 91


def test_at_most_a_hundred_the_best_first() -> None:
    rows = [(0.0, 0.0, 10.0, 10.0, score / 200, 0) for score in range(200)]
    answer = boxes_answer(candidates(rows), WHOLE, None)
    scores = [each.score for each in answer.detections]
    assert len(scores) == MOST_BOXES
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 0.99


def test_sides_are_cut_at_the_frame_and_boxes_beside_it_are_left_out() -> None:
    where = Where(10, 20, 50, 40)
    rows = [(0.0, 30.0, 35.0, 200.0, 0.9, 1), (10.0, 61.0, 60.0, 90.0, 0.8, 1), (20.0, 30.0, 20.0, 50.0, 0.7, 1)]
    (found,) = boxes_answer(candidates(rows), where, 0.5).detections
    assert (found.label, found.left, found.top, found.right, found.bottom) == (1, 0.0, 0.25, 0.5, 1.0)
