"""Frames become smaller where a host carries more accuracy with small ones than with few, and grow again."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jellyfish.control.capacity import violations
from jellyfish.control.host import ALLOWED, LEAST_SHARE, HostLoad, HostReading, within_host
from jellyfish.control.host_sizes import DecodingTime, FrameSizes
from jellyfish.control.planners.exact import ExactPlanner
from jellyfish.control.problem import Problem
from jellyfish.core import InputSize
from tests.control.problems import problem

INPUTS = {128: InputSize(128, 80), 192: InputSize(192, 120), 256: InputSize(256, 160)}
PIXELS = {resolution: size.width * size.height for resolution, size in INPUTS.items()}
WINDOW_S, OFFERED_FPS = 0.5, 100.0
PATIENCE_S = 0.15
"""Frames that would wait longer are refused, so no more than that waits."""
LOOP_S, DECODE_S, BEST_LOAD = 0.0005, 0.0005, 0.7
QUESTION = problem([(OFFERED_FPS, [0.5, 0.5, 0.5])], [[[0.001], [0.001], [0.001]]], [0.5, 0.62, 0.7])
ACCURACY = dict(zip(INPUTS, QUESTION.accuracy, strict=True))


class PureHost:
    """An event loop and a decoder on one core, with frames that take the decoder longer the larger they are."""

    def __init__(self, pixel_s: float) -> None:
        self.load, self.sizes = HostLoad(), FrameSizes(INPUTS)
        self.question: Problem = QUESTION
        self._pixel_s = pixel_s
        self._now = self._loop_s = self._waited_s = self._decoding_s = self._megapixels = 0.0
        self._frames = self._waiting = 0.0
        self._read(128)

    def work_s(self, resolution: int) -> float:
        return LOOP_S + DECODE_S + self._pixel_s * PIXELS[resolution]

    @property
    def resolution(self) -> int:
        return self.question.host_resolution or max(INPUTS)

    @property
    def served(self) -> float:
        """Accuracy over all frames."""
        return self.question.host_share * ACCURACY[self.resolution]

    def best(self, left: float) -> float:
        """The most accuracy that `left` of the core can serve, over all frames."""
        return max(
            min(1.0, max(ALLOWED * left / (OFFERED_FPS * self.work_s(each)), LEAST_SHARE)) * ACCURACY[each]
            for each in INPUTS
        )

    def window(self, left: float) -> None:
        """Half a second, with `left` of the core."""
        resolution = self.resolution
        work_s = self.work_s(resolution)
        most = left * WINDOW_S / work_s
        come = self.question.host_share * OFFERED_FPS * WINDOW_S + self._waiting
        done = min(come, most)
        self._waiting = min(come - done, PATIENCE_S * left / work_s)
        self._now += WINDOW_S
        self._loop_s += done * LOOP_S
        self._waited_s += done / most * WINDOW_S - done * LOOP_S
        self._decoding_s += done * (work_s - LOOP_S)
        self._megapixels += done * PIXELS[resolution] / 1e6
        self._frames += done
        self._read(resolution)

    def _read(self, resolution: int) -> None:
        occupied_s = self._loop_s + self._waited_s
        reading = HostReading(
            self._loop_s, self._waited_s, self._decoding_s, occupied_s, self._frames, self._frames, self._megapixels
        )
        if self.load.observe(self._now, reading, OFFERED_FPS):
            self.sizes.observe(reading)
            self.question = self.sizes.within(self._now, self.load, QUESTION, {"c0": resolution})


@settings(deadline=None)
@given(
    load=st.floats(0.3, BEST_LOAD),
    of_pixels=st.floats(0.0, 0.9),
    starved=st.lists(st.tuples(st.floats(0.2, 1.0), st.integers(10, 20)), max_size=2),
)
def test_a_starved_host_serves_most_of_what_it_can_and_comes_back_within_two_seconds_and_later_in_four(
    load: float, of_pixels: float, starved: list[tuple[float, int]]
) -> None:
    """`load`: of large frames; `of_pixels`: the part of what a frame takes beyond the least that goes with its size.
    Who is starved again soon has frames grow again later."""
    pixel_s = max(0.0, load / OFFERED_FPS * of_pixels - LOOP_S - DECODE_S) / PIXELS[256]
    host = PureHost(pixel_s)
    busy = OFFERED_FPS * host.work_s(256)
    host.window(1.0)
    for number, (left, windows) in enumerate(starved):
        for _ in range(windows):
            host.window(left * busy)
        assert host.served >= 0.75 * host.best(left * busy)
        for _ in range(8 if number else 4):
            host.window(max(1.0, busy / BEST_LOAD))
        assert (host.resolution, host.question.host_share) == (256, 1.0)


def test_small_frames_serve_more_than_few_where_decoding_is_what_is_short() -> None:
    host = PureHost(1e-7)
    for _ in range(12):
        host.window(0.5 * OFFERED_FPS * host.work_s(256))
    assert host.resolution < 256 and host.served > 1.15 * 0.5 * ACCURACY[256]


def test_where_pixels_cost_nothing_frames_stay_large() -> None:
    """The first steps are by what is expected of decoders; then it is known that there is nothing in it."""
    host = PureHost(0.0)
    for _ in range(20):
        host.window(0.5 * OFFERED_FPS * host.work_s(256))
    assert host.resolution == 256 and host.load.share == pytest.approx(0.45, abs=0.1)


def test_what_a_frame_of_another_size_takes_is_learnt() -> None:
    decoding, seconds, megapixels = DecodingTime(INPUTS[128]), 0.0, 0.0
    assert decoding.seconds(INPUTS[128]) is None
    for span in range(40):
        decoding.observe(HostReading(0.0, 0.0, seconds, 0.0, 10 * span, 10 * span, megapixels))
        resolution = (128, 256)[span % 2]
        seconds += 10 * (0.001 + 2e-8 * PIXELS[resolution])
        megapixels += 10 * PIXELS[resolution] / 1e6
    for size in INPUTS.values():
        assert decoding.seconds(size) == pytest.approx(0.001 + 2e-8 * size.width * size.height, rel=0.1)


def test_planners_are_shown_no_larger_sizes_than_the_host_is_asked_for() -> None:
    small = msgspec.structs.replace(QUESTION, host_resolution=192)
    assert within_host(small).clients[0].budget_s == (0.5, 0.5, 0.0)
    large_only = msgspec.structs.replace(
        small, clients=(msgspec.structs.replace(small.clients[0], budget_s=(0.0, 0.0, 0.5)),)
    )
    assert within_host(large_only).clients == large_only.clients
    plan = ExactPlanner(0).plan(within_host(small), None)
    assert not violations(within_host(small), plan) and plan.devices["cuda:0"].variant.resolution == 192


def test_a_host_that_is_not_read_asks_for_nothing() -> None:
    sizes, load = FrameSizes(INPUTS), HostLoad()
    assert sizes.within(0.0, load, QUESTION, {"c0": 256}) == QUESTION
