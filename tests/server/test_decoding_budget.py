"""Megapixels that a client may have decoded, and what it is told when it asks for more."""

from __future__ import annotations

import re

import pytest

from benchmarks.fuzz_jpeg import as_jpeg, textured
from jellyfish.config import Limits
from jellyfish.core import InputSize
from jellyfish.errors import ImageError
from jellyfish.media.decoding_cost import DecodingCost, weighed
from jellyfish.server.decoding_budget import DecodingBudget

LIMITS = Limits()
LARGEST = InputSize(448, 256)


def cost(megapixels: float, scans: int = 1) -> DecodingCost:
    return DecodingCost(megapixels, 12.2, 4032, 3024, scans)


def taken_in(seconds: float, each: DecodingCost, fps: float, room: float = 1.0) -> int:
    """Frames that are decoded of a client that has had nothing left at the beginning."""
    budget = DecodingBudget(LIMITS, fps, LARGEST)
    budget.spend(cost(25.0), 1.0, 0.0)
    return sum(allowed(budget, each, room, (number + 1) / fps) for number in range(round(seconds * fps)))


def allowed(budget: DecodingBudget, each: DecodingCost, room: float, now: float) -> bool:
    try:
        budget.spend(each, room, now)
    except ImageError:
        return False
    return True


@pytest.mark.parametrize(("room", "frames"), [(1.0, 50), (0.5, 25)])
def test_a_client_has_25_megapixels_a_second_while_there_is_room(room: float, frames: int) -> None:
    assert taken_in(10.0, cost(4.999), 15.0, room) == frames


def test_no_more_than_a_second_is_saved_up() -> None:
    budget = DecodingBudget(LIMITS, 15.0, LARGEST)
    assert [allowed(budget, cost(10.0), 1.0, 1000.0) for _ in range(3)] == [True, True, False]


def test_one_picture_of_the_largest_size_is_always_taken() -> None:
    budget = DecodingBudget(Limits(image_side=16384), 1.0, LARGEST)
    assert allowed(budget, cost(16384**2 / 1e6), 0.1, 0.0)


@pytest.mark.parametrize("fps", [1.0, 15.0, 60.0, 240.0])
def test_frames_of_planned_sizes_are_taken_however_little_room_there_is(fps: float) -> None:
    planned = weighed(as_jpeg(textured(448, 448, 60.0), quality=95), LARGEST)
    assert taken_in(5.0, planned, fps, room=0.1) == 5 * fps


def test_a_model_with_larger_inputs_gives_each_client_more() -> None:
    large = weighed(as_jpeg(textured(1280, 720, 60.0), quality=95), InputSize(1280, 1280))
    assert not allowed(drained(LARGEST), large, 0.1, 1 / 60)
    assert allowed(drained(InputSize(1280, 1280)), large, 0.1, 1 / 60)


def drained(largest: InputSize) -> DecodingBudget:
    """Of a client at 60 frames a second that has had all it may."""
    budget = DecodingBudget(LIMITS, 60.0, largest)
    while allowed(budget, cost(0.5), 1.0, 0.0):
        pass
    return budget


def words_for(each: DecodingCost, fps: float = 15.0) -> str:
    budget = DecodingBudget(LIMITS, fps, LARGEST)
    budget.spend(cost(25.0), 1.0, 0.0)
    with pytest.raises(ImageError) as caught:
        budget.spend(each, 1.0, 0.0)
    assert caught.value.reason == "image_too_large"
    return str(caught.value)


def test_a_refusal_says_what_to_send() -> None:
    assert words_for(cost(3.1)) == (
        "this frame takes 3.1 megapixels to decode; at 15 frames/s at most 1.7 each are taken: "
        "send at most 1488 x 1104 pixels"
    )
    assert "send a baseline JPEG (this one has 12 scans) of at most 1488 x 1104 pixels" in words_for(cost(14.0, 12))
    assert words_for(cost(1.6)).endswith("send fewer frames, or all of them no larger")


@pytest.mark.parametrize(("width", "height"), [(1600, 1200), (600, 1600), (2000, 60)])
@pytest.mark.parametrize("quality", [30, 95])
def test_what_it_says_fits(width: int, height: int, quality: int) -> None:
    def weight(width: int, height: int) -> DecodingCost:
        return weighed(as_jpeg(textured(width, height, 60.0), quality=quality), LARGEST)

    told = re.search(r"at most (\d+) x (\d+) pixels", words_for(weight(width, height)._replace(megapixels=9.0), 30.0))
    assert told is not None
    sent = weight(*(int(side) for side in told.groups()))
    assert taken_in(2.0, sent, 30.0) == 60
