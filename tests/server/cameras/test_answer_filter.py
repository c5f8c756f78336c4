"""What one camera is told of an answer: classes, least score, masks and zones."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jellyfish.config import CameraSettings, Polygon, Zone
from jellyfish.core import Answer, ClassScore, Detection
from jellyfish.protocol import wire
from jellyfish.server.cameras.answer_filter import AnswerFilter, Kept
from jellyfish.server.cameras.areas import Areas, surface

CLASSES = ("person", "car", "bus")
LEFT_HALF: Polygon = ((0, 0), (0.5, 0), (0.5, 1), (0, 1))
ARROW: Polygon = ((0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.5, 0.4), (0.2, 0.8))


def box(label: int = 0, score: float = 0.9, x: float = 0.5, bottom: float = 0.5) -> Detection:
    return Detection(label, score, x - 0.05, max(0.0, bottom - 0.2), x + 0.05, bottom)


def kept(settings: CameraSettings, *boxes: Detection) -> Kept:
    return AnswerFilter(settings, CLASSES).kept(Answer(boxes))


def within(polygon: Polygon, *places: tuple[float, float]) -> list[bool]:
    return [bool(inside) for (inside,) in Areas([polygon]).around(places)]


def test_without_settings_all_is_told() -> None:
    boxes = (box(0, 0.01), box(2, 0.9))
    assert kept(CameraSettings(), *boxes) == kept(CameraSettings(importance=3.0), *boxes) == Kept(boxes, ())


def test_other_classes_and_what_is_less_sure_are_left_out_of_boxes_and_scores() -> None:
    settings = CameraSettings(classes=("car", "bus", "unicorn"), min_score=0.5)
    told = kept(settings, box(0), box(1, 0.5), box(1, 0.49), box(2))
    assert [(each.label, each.score) for each in told.detections] == [(1, 0.5), (2, 0.9)]
    scores = (ClassScore(1, 0.8), ClassScore(0, 0.6), ClassScore(2, 0.4))
    assert AnswerFilter(settings, CLASSES).kept(Answer((), scores)).scores == scores[:1]


def test_what_stands_in_a_mask_is_left_out_wherever_its_middle_is() -> None:
    tall = Detection(0, 0.9, 0.4, 0.0, 0.8, 0.9)
    low: Polygon = ((0, 0.85), (1, 0.85), (1, 1), (0, 1))
    assert kept(CameraSettings(masks=(low,)), tall, box(bottom=0.8)).detections == (box(bottom=0.8),)
    assert kept(CameraSettings(masks=(((0, 0), (1, 0), (1, 0.5), (0, 0.5)),)), tall).detections == (tall,)


def test_zones_are_told_beside_the_boxes_that_are_left_and_not_at_all_where_none_stands_in_any() -> None:
    settings = CameraSettings(
        min_score=0.5, masks=(ARROW,), zones=(Zone("left", LEFT_HALF), Zone("low", ((0, 0.9), (1, 0.9), (0.5, 1.0))))
    )
    told = kept(settings, box(x=0.6, bottom=0.95), box(x=0.3, bottom=0.3), box(0, 0.1, x=0.1), box(x=0.5, bottom=0.95))
    assert [each.left for each in told.detections] == pytest.approx([0.55, 0.45])
    assert told.zones == (("low",), ("left", "low"))
    assert kept(settings, box(x=0.9, bottom=0.3)).zones == ()


def test_a_border_belongs_to_what_it_bounds() -> None:
    assert all(within(LEFT_HALF, (0, 0), (0.5, 1), (0.25, 0), (0.5, 0.3), (0, 0.7), (0.25, 1)))
    assert not any(within(LEFT_HALF, (0.5000001, 0.5), (0.25, -0.0000001)))


def test_a_dent_is_outside() -> None:
    assert within(ARROW, (0.5, 0.3), (0.25, 0.7), (0.75, 0.7)) == [True] * 3
    assert within(ARROW, (0.5, 0.5), (0.5, 0.9), (0.9, 0.3)) == [False] * 3
    assert surface(ARROW) == pytest.approx(0.6 * 0.6 - 0.6 * 0.4 / 2)


def test_each_polygon_is_for_itself() -> None:
    areas = Areas([LEFT_HALF, ARROW, ((0.9, 0.9), (1, 0.9), (1, 1))])
    found = areas.around([(0.3, 0.3), (0.7, 0.3), (0.99, 0.95), (0.1, 0.9)])
    assert found.tolist() == [[True, True, False], [False, True, False], [False, False, True], [True, False, False]]


SIXTEENTHS = st.integers(0, 16).map(lambda number: number / 16)  # with which nothing is rounded
CORNERS = st.tuples(SIXTEENTHS, SIXTEENTHS)


@given(corners=st.lists(CORNERS, min_size=3, max_size=8), place=CORNERS)
def test_a_polygon_has_the_same_inside_from_each_corner_on_and_either_way_round(
    corners: list[tuple[float, float]], place: tuple[float, float]
) -> None:
    whole = within(tuple(corners), place)
    assert whole == within((*corners[2:], *corners[:2]), place)
    assert whole == within(tuple(reversed(corners)), place)


@given(place=st.tuples(st.floats(0, 1), st.floats(0, 1)), sides=st.integers(3, 12))
def test_inside_is_what_lies_on_the_inner_side_of_each_edge(place: tuple[float, float], sides: int) -> None:
    turns = [math.tau * side / sides for side in range(sides)]
    corners = [(0.5 + 0.4 * math.cos(turn), 0.5 + 0.4 * math.sin(turn)) for turn in turns]
    middle = math.cos(math.pi / sides) * 0.4
    away = max(
        (place[0] - 0.5) * math.cos(turn + math.pi / sides) + (place[1] - 0.5) * math.sin(turn + math.pi / sides)
        for turn in turns
    )
    if abs(away - middle) > 1e-9:
        assert within(tuple(corners), place) == [away < middle]


def test_the_longest_answer_in_all_zones_is_a_message_that_may_be_sent() -> None:
    everywhere = tuple(Zone("z" * 20 + str(number), ((0, 0), (1, 0), (1, 1), (0, 1))) for number in range(10, 20))
    boxes = [Detection(10, 1 / 3, 1 / 7, 1 / 7, 2 / 3, 2 / 3)] * 400
    told = kept(CameraSettings(zones=everywhere), *[msgspec.structs.replace(each, label=0) for each in boxes])
    assert 100 <= len(told.detections) == len(told.zones) < 400
    result = wire.Result(2**31, detections=told.detections, zones=told.zones, variant="v" * 64, device="d" * 64)
    data = wire.encode(result)
    assert wire.MAX_CONTROL_BYTES * 0.7 < len(data) < wire.MAX_CONTROL_BYTES
    assert wire.decode(data) == result
