"""Our controller: what it expects of the link, how it counts its surprises, and what it makes of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jellyfish.camera.controllers.controller import OnTheWay
from jellyfish.camera.controllers.forecast import TRANSFERS_REMEMBERED, Surprises, Uplink
from jellyfish.camera.controllers.prudent import Prudent
from jellyfish.control.frame_size import reference_bytes
from jellyfish.protocol.wire import Offer
from tests.camera.controllers.situations import FINE, LARGEST, SMALLEST, drive, feedback, offers, size, terms

RATE_BPS = 10e6


def uplink_after(*arrivals: tuple[float, float, int], delay_s: float = 0.005) -> Uplink:
    """(sent at, arrived at, bytes) of each frame, the answers on their way back for `delay_s`."""
    link = Uplink()
    for sent_s, arrived_s, size_bytes in arrivals:
        answered = feedback(uplink_s=arrived_s - sent_s, captured_s=sent_s, size_bytes=size_bytes)
        link.answered(arrived_s + answered.server_s + delay_s, answered)
    return link


def test_time_behind_the_frame_before_is_not_the_links_pace() -> None:
    link = uplink_after((0.0, 0.045, 50_000), (0.01, 0.085, 50_000))
    assert link.delay_s == pytest.approx(0.005)
    assert link.pace(0.1, (), 0.0) == pytest.approx(0.04 / 400_000)


def test_the_slowest_of_the_last_three_frames_is_the_forecast() -> None:
    frames = [(1.0, 1.105, 10_000), (2.0, 2.025, 10_000), (3.0, 3.025, 10_000)]
    assert uplink_after(*frames).pace(3.1, (), 0.0) == pytest.approx(0.1 / 80_000)
    assert uplink_after(*frames, (4.0, 4.015, 10_000)).pace(4.1, (), 0.0) == pytest.approx(0.02 / 80_000)


def test_a_frame_that_is_overdue_is_a_slower_link() -> None:
    link = uplink_after((0.0, 0.015, 10_000))
    waiting = [OnTheWay(1.0, 10_000)]
    assert link.pace(1.02, waiting, after_s=0.01) == pytest.approx(0.01 / 80_000)
    assert link.pace(1.115, waiting, after_s=0.01) == pytest.approx(0.1 / 80_000)


def test_what_is_on_its_way_goes_first() -> None:
    link = uplink_after((0.0, 0.015, 10_000))
    assert link.free_s((), 1e-6) == pytest.approx(0.01)
    assert link.free_s([OnTheWay(1.0, 10_000), OnTheWay(1.04, 10_000)], 1e-6) == pytest.approx(1.16)


@given(ratios=st.lists(st.floats(0.01, 100), max_size=40), low=st.floats(0.01, 100), high=st.floats(0.01, 100))
def test_surprises_are_probabilities_that_fall_with_their_size(ratios: list[float], low: float, high: float) -> None:
    surprises = Surprises()
    for ratio in ratios:
        surprises.add(ratio)
    assert 0 < surprises.exceeds(max(low, high)) <= surprises.exceeds(min(low, high)) <= 1
    assert surprises.exceeds(0.0) == surprises.exceeds(-1.0) == 1


def test_what_was_seen_often_is_believed_and_what_was_long_ago_is_forgotten() -> None:
    surprises = Surprises()
    assert surprises.exceeds(2.0) == pytest.approx(1 / 8)
    for _ in range(TRANSFERS_REMEMBERED):
        surprises.add(2.5)
    assert surprises.exceeds(2.0) > 0.9
    for _ in range(TRANSFERS_REMEMBERED):
        surprises.add(1.0)
    assert surprises.exceeds(2.0) < 0.02


def settled(rate_bps: float = RATE_BPS, slo_s: float = 0.1, fps: float = 25.0) -> Prudent:
    controller = Prudent(terms(fps, slo_s, offers(FINE)))
    drive(controller, rate_bps, 200)
    return controller


def test_a_faster_link_is_climbed_within_a_few_frames() -> None:
    controller = settled()
    before = size(controller, 8.0) or 0
    chosen = drive(controller, 100e6, 10, start_s=8.0)
    assert before < LARGEST
    assert chosen[-1] == LARGEST


def test_sizes_are_held_below_what_the_link_sustains() -> None:
    controller = settled(slo_s=10.0)
    largest = size(controller, 8.0) or 0
    above = FINE[FINE.index(largest) + 1]
    assert 8 * reference_bytes(largest) * 25 < RATE_BPS <= 8 * reference_bytes(above) * 25 / 0.95


def test_a_tighter_deadline_takes_a_smaller_size() -> None:
    sizes = [size(settled(slo_s=slo_s), 8.0) or 0 for slo_s in (0.04, 0.06, 0.2)]
    assert sizes == sorted(set(sizes))


def test_a_link_that_has_surprised_is_given_more_room() -> None:
    calm, shaken = settled(slo_s=0.06), settled(slo_s=0.06)
    for number in range(300):
        drive(shaken, RATE_BPS / 4 if number % 10 == 0 else RATE_BPS, 1, start_s=8.0 + 0.04 * number)
    drive(calm, RATE_BPS, 300, start_s=8.0)
    assert (size(shaken, 21.0) or 0) < (size(calm, 21.0) or 0)


def test_nothing_is_sent_behind_a_frame_that_is_stuck_and_something_small_once_it_is_through() -> None:
    controller = settled()
    stuck = [OnTheWay(8.0, 20_000)]
    controller.sent(8.0, 384, 20_000)
    assert controller.choose(8.5, 8.5, stuck) is None
    controller.answered(13.0, feedback(384, uplink_s=4.99, captured_s=8.0, size_bytes=20_000, dropped=True))
    assert controller.choose(13.0, 13.0, ()) == SMALLEST
    assert drive(controller, RATE_BPS, 10, start_s=13.0)[-1] == size(settled(), 8.0)


def test_a_server_that_narrows_is_sent_larger_frames() -> None:
    """Short of time, it still runs them with something quicker."""
    quick = tuple(Offer(r, f"w025-{r}", 0.8 * wide.f1, 2.0) for r, wide in zip(FINE, offers(FINE), strict=True))
    sizes = []
    for narrows in (False, True):
        controller = Prudent(terms(slo_s=0.06, offered=offers(FINE) + quick, narrows=narrows))
        drive(controller, RATE_BPS, 200)
        sizes.append(size(controller, 8.0) or 0)
    assert sizes[0] < sizes[1]
