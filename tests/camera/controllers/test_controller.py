"""What controllers are given: the ladder of an offer, and the latency of what was answered or dropped."""

from __future__ import annotations

import pytest

from jellyfish.camera.controllers import CONTROLLERS, controller_named
from jellyfish.camera.controllers.controller import Foresight, Ladder, latency_s
from jellyfish.errors import InputError
from jellyfish.protocol.wire import Offer
from tests.camera.controllers.situations import (
    LARGEST,
    OFFERS,
    RESOLUTIONS,
    SMALLEST,
    answer,
    drive,
    execute_s,
    feedback,
    size,
    terms,
)

WIDE_AND_NARROW = (
    Offer(320, "a", 0.5, 4.0),
    Offer(320, "b", 0.6, 8.0),
    Offer(192, "a-small", 0.3, 2.0),
    Offer(192, "b-small", 0.4, 9.0),
)
NEVER = Foresight(lambda sent_s, size_bytes: sent_s, None)


def test_a_size_is_a_resolution_with_its_most_accurate_network() -> None:
    ladder = Ladder(WIDE_AND_NARROW)
    assert [(each.resolution, each.accuracy, each.execute_s) for each in ladder.sizes] == [
        (192, 0.4, 0.009),
        (320, 0.6, 0.008),
    ]
    assert ladder.index(320) == 1
    assert ladder.profiled_s("a") == 0.004


def test_where_the_server_narrows_a_frame_may_be_run_with_anything_quicker_that_is_no_larger() -> None:
    assert [way.accuracy for way in Ladder(WIDE_AND_NARROW, narrows=True).ways(320)] == [0.6, 0.5, 0.3]
    assert [way.accuracy for way in Ladder(WIDE_AND_NARROW, narrows=True).ways(192)] == [0.4, 0.3]
    assert [way.accuracy for way in Ladder(WIDE_AND_NARROW).ways(320)] == [0.6]


def test_a_dropped_frame_counts_as_if_its_network_had_run() -> None:
    ladder = Ladder(OFFERS)
    assert latency_s(0.05, feedback(384), ladder) == pytest.approx(0.05)
    assert latency_s(0.05, feedback(384, dropped=True), ladder) == pytest.approx(0.05 + execute_s(384))


def test_what_the_server_keeps_free_is_not_a_frames_time() -> None:
    assert terms(slo_s=0.1).deadline_s == pytest.approx(0.096)


@pytest.mark.parametrize("name", CONTROLLERS)
def test_every_controller_begins_small_and_stays_on_the_ladder(name: str) -> None:
    controller = controller_named(name)(terms(foresight=NEVER))
    if name != "fixed":
        assert size(controller) == SMALLEST
    for number in range(300):
        now = 0.04 * number
        chosen = controller.choose(now, now, ())
        assert chosen in RESOLUTIONS
        controller.sent(now, chosen, 10_000)
        answer(controller, 0.03 if number < 200 else 0.4, chosen, now)


@pytest.mark.parametrize("name", CONTROLLERS.keys() - {"fixed"})
def test_every_controller_but_the_fixed_one_reaches_the_top_of_a_fast_link(name: str) -> None:
    controller = controller_named(name)(terms(foresight=NEVER))
    assert drive(controller, 100e6, 600)[-1] == LARGEST


def test_the_fixed_size_can_be_named() -> None:
    assert size(controller_named("fixed")(terms())) == 384
    assert size(controller_named("fixed:512")(terms())) == 512
    assert size(controller_named("fixed:600")(terms())) == 512
    assert size(controller_named("fixed:64")(terms())) == SMALLEST


@pytest.mark.parametrize("name", ["gradient", "fixed:large", "mpc:320", ""])
def test_an_unknown_controller_is_refused_with_the_names_of_the_others(name: str) -> None:
    with pytest.raises(InputError, match="prudent"):
        controller_named(name)
