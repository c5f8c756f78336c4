"""The host as a resource: what it is taken to carry, and that starvation is followed down and up again."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jellyfish.control.adaptation import Adapting, EachAnew
from jellyfish.control.capacity import violations
from jellyfish.control.estimator import MARGIN_S, ClientEstimator
from jellyfish.control.host import (
    ALLOWED,
    BUSY,
    CALM,
    LEAST_ROOM,
    LEAST_SHARE,
    MOST_FALL,
    MOST_RISE,
    HostLoad,
    HostReading,
    Occupancy,
    next_share,
    within_host,
)
from jellyfish.control.planners.exact import ExactPlanner
from jellyfish.control.problem import Plan
from tests.control.problems import problem

WINDOW_S = 0.5
OFFERED_FPS = 100.0
CLIENT_S = 0.002
PATIENCE_S = 0.15
"""Frames that would wait longer are refused, so no more than that waits."""
QUESTION = problem([(10.0, [0.5]), (20.0, [0.5])], [[[0.01, 0.012]]], [0.5])


class PureHost:
    """A server of work that is the same for each frame: an event loop that has `capacity` of a core.

    Frames come at the rate that is asked for and wait as in M/D/1, or behind all that have come before in overload.
    """

    def __init__(self, load: float) -> None:
        """`load`: share of a core that all frames need."""
        self.load = HostLoad()
        self.estimator = ClientEstimator()
        self._work_s = load / OFFERED_FPS
        self._now = self._loop_s = self._waited_s = self._frames = self._waiting = 0.0
        self._read()

    def window(self, capacity: float) -> float:
        """Half a second; the frames per second that came through."""
        most_fps = capacity / self._work_s
        come = self.load.share * OFFERED_FPS * WINDOW_S + self._waiting
        done = min(come, most_fps * WINDOW_S)
        self._waiting = min(come - done, PATIENCE_S * most_fps)
        busy = done / (most_fps * WINDOW_S)
        wait_s = busy / (2.0 * (1.0 - busy)) / most_fps if busy < 0.98 else PATIENCE_S
        for _ in range(10):
            host_s = min(1.0 / most_fps + wait_s, self.load.most_s)
            self.estimator.overhead_sample(CLIENT_S, host_s)
        self._now += WINDOW_S
        self._loop_s += done * self._work_s
        self._waited_s += busy * WINDOW_S - done * self._work_s
        self._frames += done
        self._read()
        return done / WINDOW_S

    def _read(self) -> None:
        frames = round(self._frames)
        reading = HostReading(self._loop_s, self._waited_s, 0.0, 0.0, frames, frames)
        self.load.observe(self._now, reading, OFFERED_FPS)


@settings(deadline=None)
@given(
    load=st.floats(0.3, 0.75),
    starved=st.lists(st.tuples(st.floats(0.25, 1.0), st.integers(1, 20)), max_size=6),
)
def test_whatever_starves_a_host_it_does_its_best_and_comes_back(load: float, starved: list[tuple[float, int]]) -> None:
    """Starvation: shares of a core that are left, each of that of the load, for so many windows."""
    host = PureHost(load)
    host.window(1.0)
    most_overhead_s = MARGIN_S + CLIENT_S + 1.1 * load / OFFERED_FPS / (1.0 - ALLOWED)
    for left, windows in starved:
        done_fps = [host.window(left * load) for _ in range(windows)]
        assert host.load.share >= LEAST_SHARE
        assert host.estimator.overhead_s <= most_overhead_s
        assert min(done_fps[6:], default=math.inf) >= 0.75 * left * OFFERED_FPS
    for _ in range(4):
        host.window(1.0)
    assert host.load.share == 1.0
    assert host.window(1.0) == pytest.approx(OFFERED_FPS)


@given(st.floats(LEAST_SHARE, 1.0), st.floats(0.0, 1.2), st.floats(0.0, 1.0))
def test_a_step_is_bounded_and_goes_the_right_way(share: float, occupied: float, carried: float) -> None:
    after = next_share(share, occupied, carried)
    assert max(LEAST_SHARE, share / MOST_FALL) <= after <= MOST_RISE * share
    if occupied > BUSY:
        assert after <= share
    elif occupied < CALM:
        assert after > share
    else:
        assert after == share


def reading(seconds: float, loop: float, waited: float = 0.0, decoders: float = 0.0, fps: float = 100.0) -> HostReading:
    """After so many seconds, of shares of that time."""
    frames = round(fps * seconds)
    return HostReading(loop * seconds, waited * seconds, 0.0, decoders * seconds, frames, frames)


def observed(*readings: HostReading, decoders: int = 1) -> HostLoad:
    """Readings one second apart, of clients that offer 100 frames a second."""
    host = HostLoad(decoders)
    for second, each in enumerate(readings):
        host.observe(float(second), each, 100.0)
    return host


def test_waiting_for_a_processor_occupies_the_loop_as_work_does() -> None:
    host = observed(reading(0.0, 0.4, 0.3), reading(1.0, 0.4, 0.3))
    assert host.use is not None and host.use.loop == pytest.approx(0.7)
    assert host.work_s == pytest.approx(0.004)
    assert host.most_s == pytest.approx(0.004 / (1 - ALLOWED))


def test_decoders_are_a_part_that_can_be_too_busy() -> None:
    steps = [reading(seconds, 0.1, decoders=1.96, fps=80.0) for seconds in (0.0, 1.0, 2.0, 3.0)]
    host = observed(*steps, decoders=2)
    assert host.use is not None and (host.use.decoders, host.over) == (pytest.approx(0.98), True)
    assert host.share == pytest.approx(0.8 * ALLOWED / 0.98)


def test_busy_moments_are_let_pass_until_nothing_else_can_be_saved() -> None:
    busy = [reading(float(second), 1.0) for second in range(4)]
    assert [observed(*busy[:count]).share for count in (2, 3)] == [1.0, 1.0]
    assert observed(*busy).share == pytest.approx(ALLOWED)


def test_readings_that_are_close_together_are_not_compared() -> None:
    host = HostLoad()
    for step in range(4):
        host.observe(0.1 * step, reading(0.1 * step, 1.0), 100.0)
    assert host.use is None
    assert not host.over


def test_a_host_that_is_not_read_is_short_of_nothing() -> None:
    host = HostLoad()
    assert (host.share, host.over, host.most_s, host.ahead_s) == (1.0, False, math.inf, 0.0)


def test_the_next_frame_waits_for_those_that_no_decoder_has_and_one_that_some_has() -> None:
    host = observed(reading(0.0, 0.1, decoders=0.5), reading(1.0, 0.1, decoders=0.5), decoders=2)
    for ahead_s in (0.0, 0.0, 0.0025, 0.005):
        assert host.ahead_s == pytest.approx(ahead_s)
        host.occupancy.came(2.0)


def test_a_pool_is_occupied_by_no_more_jobs_than_it_has_workers() -> None:
    occupancy = Occupancy(2)
    for came_s in (1.0, 2.0, 3.0):
        occupancy.came(came_s)
    assert occupancy.until(5.0) == pytest.approx(1.0 + 2.0 + 4.0)
    for _ in range(3):
        occupancy.went(5.0)
    assert occupancy.until(9.0) == pytest.approx(7.0)


def test_a_problem_within_its_host_has_fewer_frames() -> None:
    assert within_host(QUESTION) is QUESTION
    bound = within_host(msgspec.structs.replace(QUESTION, host_share=0.5))
    assert [demand.fps for demand in bound.clients] == [5.0, 10.0]
    assert not violations(bound, ExactPlanner(0).plan(bound, None))


def test_a_client_sends_what_both_its_plan_and_the_host_allow() -> None:
    plan = Plan({}, {}, fps={"c0": 4.0}, host_share=0.5)
    assert [plan.rate_of("c0", offered) for offered in (3.0, 10.0)] == [1.5, 4.0]
    assert [plan.rate_of("c1", offered) for offered in (3.0, 10.0)] == [1.5, 5.0]
    free = Plan({}, {}, fps={"c0": 4.0})
    assert [free.rate_of(client, 10.0) for client in ("c0", "c1")] == [4.0, None]


def test_planners_that_search_are_shown_the_host_and_published_ones_are_not() -> None:
    bound = msgspec.structs.replace(QUESTION, host_share=0.5)
    adapting = Adapting(0.05, sharing=True)
    shown = adapting.shown(0.0, bound, None)
    assert [demand.fps for demand in shown.clients] == [5.0, 10.0]
    running = ExactPlanner(0).plan(QUESTION, None)
    repaired = adapting.repaired(shown, running, 0)
    assert repaired is not None and repaired.plan.host_share == 0.5
    again = adapting.repaired(shown, repaired.plan, 0)
    assert again is not None and again.plan is repaired.plan
    assert EachAnew().shown(0.0, bound, None) is bound


def test_large_pictures_give_way_first_and_come_back_slowly() -> None:
    busy = observed(reading(0.0, 1.0), reading(1.0, 1.0))
    assert (busy.room, busy.share) == (0.25, 1.0)
    for second in range(2, 6):
        busy.observe(float(second), reading(second, 1.0), 100.0)
    assert busy.room == LEAST_ROOM
    for second in range(6, 20):
        busy.observe(float(second), HostReading(5.0, 0.0, 0.0, 0.0, 100 * second, 100 * second), 100.0)
    assert busy.room == 1.0
