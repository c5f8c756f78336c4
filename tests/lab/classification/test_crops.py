"""Labelled objects cut out of frames."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jellyfish.core import LabelledObject
from jellyfish.lab.classification.crops import Window, addresses, square_around

SIDES = st.floats(0.0, 1.0, width=32)


def thing(left: float, top: float, right: float, bottom: float, **more: object) -> LabelledObject:
    return LabelledObject(1, 2, left, top, right, bottom, **more)


def test_a_square_is_laid_around_the_longer_side() -> None:
    window = square_around(thing(0.4, 0.4, 0.5, 0.6), 200, 100, factor=2.0)
    assert window == Window(70, 30, 110, 70)


def test_at_the_edge_it_is_pushed_inside_and_cut_where_it_does_not_fit() -> None:
    assert square_around(thing(0.0, 0.0, 0.1, 0.2), 200, 100, factor=2.0) == Window(0, 0, 40, 40)
    assert square_around(thing(0.1, 0.1, 0.9, 0.9), 200, 100, factor=1.0) == Window(20, 0, 180, 100)


@given(SIDES, SIDES, SIDES, SIDES, st.floats(0.5, 3.0), st.floats(-1, 1))
def test_every_window_is_inside_and_holds_something(
    a: float, b: float, c: float, d: float, factor: float, aside: float
) -> None:
    one = thing(min(a, b), min(c, d), max(a, b), max(c, d))
    left, top, right, bottom = square_around(one, 64, 48, factor, (aside, -aside))
    assert 0 <= left < right <= 64
    assert 0 <= top < bottom <= 48


def test_only_what_can_be_asked_for_has_an_address() -> None:
    image = np.zeros((100, 200, 3), np.uint8)
    seen = thing(0.1, 0.1, 0.3, 0.2)
    others = [
        thing(0.1, 0.1, 0.3, 0.2, ignore=True),
        thing(0.1, 0.1, 0.3, 0.2, visible=0.4),
        thing(0.1, 0.1, 0.15, 0.2),
    ]
    found = list(addresses([(image, []), (image, [*others, seen])], least_px=30.0))
    assert [(one.frame, one.thing) for one in found] == [(1, seen)]


@pytest.mark.parametrize("least_px", [50.0, 50.5])
def test_the_longer_side_counts(least_px: float) -> None:
    frames = [(np.zeros((100, 200, 3), np.uint8), [thing(0.5, 0.5, 0.75, 0.6)])]
    assert len(list(addresses(frames, least_px))) == (least_px <= 50)
