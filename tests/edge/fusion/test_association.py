"""Pairing of boxes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jellyfish.edge.fusion.association import LEAST_OVERLAP, overlap, paired


def boxes(*sides):
    return np.array(sides, np.float32).reshape(-1, 4)


def pairs(first, first_labels, second, second_labels):
    i, j = paired(first, np.array(first_labels, np.intp), second, np.array(second_labels, np.intp))
    return dict(zip(i.tolist(), j.tolist(), strict=True))


LEFT, RIGHT = (0.0, 0.0, 0.4, 0.4), (0.5, 0.0, 0.9, 0.4)


def test_overlap_is_intersection_over_union():
    found = overlap(boxes(LEFT, (0.2, 0.0, 0.6, 0.4), (0.3, 0.3, 0.3, 0.3)), boxes(LEFT))
    np.testing.assert_allclose(found, [[1], [1 / 3], [0]], rtol=1e-5)


def test_each_box_finds_its_own():
    assert pairs(boxes(LEFT, RIGHT), [2, 2], boxes(RIGHT, LEFT), [2, 2]) == {0: 1, 1: 0}


def test_the_best_assignment_is_of_all_together():
    """The first would rather have what the second cannot do without."""
    first = boxes((0.0, 0.0, 1.0, 0.2), (0.3, 0.0, 1.3, 0.2))
    second = boxes((0.1, 0.0, 1.1, 0.2), (-0.2, 0.0, 0.8, 0.2))
    assert pairs(first, [0, 0], second, [0, 0]) == {0: 1, 1: 0}


def test_what_hardly_overlaps_is_not_the_same():
    assert pairs(boxes(LEFT), [0], boxes((0.3, 0.0, 0.7, 0.4)), [0]) == {}


def test_another_class_is_paired_only_when_its_own_is_not_there():
    assert pairs(boxes(LEFT), [0], boxes(LEFT), [1]) == {0: 0}
    assert pairs(boxes(LEFT), [0], boxes(LEFT, (0.05, 0.0, 0.45, 0.4)), [1, 0]) == {0: 1}


def test_nothing_is_paired_with_nothing():
    assert (
        pairs(boxes(), [], boxes(LEFT), [0]) == pairs(boxes(LEFT), [0], boxes(), []) == pairs(boxes(), [], boxes(), [])
    )


_share = st.floats(0, 1, width=32)
_boxes = st.lists(st.tuples(_share, _share, _share, _share, st.integers(0, 5)), max_size=8)


@given(_boxes, _boxes)
def test_pairs_are_unique_and_overlap(first, second):
    a, b = (boxes(*(one[:4] for one in some)) for some in (first, second))
    found = pairs(a, [one[4] for one in first], b, [one[4] for one in second])
    assert len(set(found.values())) == len(found)
    shared = overlap(a, b)
    assert all(shared[i, j] >= LEAST_OVERLAP - 1e-6 for i, j in found.items())
    assert ((shared >= 0) & (shared <= 1 + 1e-6)).all()
    assert shared.shape == (len(first), len(second))
    np.testing.assert_allclose(overlap(b, a).T, shared, atol=1e-6)
