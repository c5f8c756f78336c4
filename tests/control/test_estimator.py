from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jellyfish.control.backoff import sustainable
from jellyfish.control.estimator import (
    INITIAL_BANDWIDTH_BPS,
    MARGIN_S,
    MAX_BANDWIDTH_BPS,
    RESPONSE_BITS,
    ClientEstimator,
)
from jellyfish.control.frame_size import FrameSizeModel, reference_bytes
from jellyfish.core import Variant
from jellyfish.models.slimmable.street import RESOLUTIONS

OFFSET_S = 123.0
ONE_WAY_S = 0.01


class Link:
    """Frames one after the other over a link of `bandwidth_bps`, then a constant delay, to an estimator."""

    def __init__(self, bandwidth_bps: float, down_s: float = ONE_WAY_S, up_s: float = ONE_WAY_S) -> None:
        self.bandwidth_bps = bandwidth_bps
        self.up_s = up_s
        self.free_s = 0.0
        self.estimator = ClientEstimator()
        self.estimator.exchange(0.0, down_s + OFFSET_S, down_s + OFFSET_S, down_s + up_s)

    def send(self, sent_s: float, size_bytes: int, resolution: int = 256, jitter_s: float = 0.0) -> float:
        self.free_s = max(self.free_s, sent_s) + 8 * size_bytes / self.bandwidth_bps
        arrived_s = self.free_s + self.up_s + jitter_s
        self.estimator.frame_arrived(sent_s + OFFSET_S, arrived_s, size_bytes, resolution)
        return arrived_s


@given(st.floats(1e6, 5e7), st.integers(0, 100))
def test_bandwidth_is_right_although_frames_queue_behind_each_other(bandwidth_bps: float, seed: int) -> None:
    chance, link, now = random.Random(seed), Link(bandwidth_bps), 0.0
    for step in range(30):
        now = link.send(step / 15, chance.randint(10_000, 60_000))
    assert link.estimator.bandwidth_bps(now) == pytest.approx(bandwidth_bps, rel=0.1)
    assert link.estimator.newest_bandwidth_bps == pytest.approx(bandwidth_bps, rel=0.1)


def test_an_asymmetric_path_does_not_bias_the_bandwidth() -> None:
    link, now = Link(5e6, down_s=0.05, up_s=0.005), 0.0
    for step in range(20):
        now = link.send(step / 15, 10_000)
    assert link.estimator.bandwidth_bps(now) == pytest.approx(5e6, rel=0.01)


def test_newest_bandwidth_follows_a_drop_within_three_frames() -> None:
    link = Link(2e7)
    for step in range(30):
        link.send(step / 15, 10_000)
    link.bandwidth_bps = 5e6
    for step in range(30, 33):
        link.send(step / 15, 10_000)
    assert link.estimator.newest_bandwidth_bps == pytest.approx(5e6, rel=0.1)


def test_a_loopback_link_counts_as_the_maximum() -> None:
    link = Link(1e15)
    now = link.send(1.0, 10_000)
    assert link.estimator.bandwidth_bps(now) == pytest.approx(MAX_BANDWIDTH_BPS)


def test_without_an_exchange_no_bandwidth_is_claimed() -> None:
    estimator = ClientEstimator()
    estimator.frame_arrived(1.0, 2.0, 10_000, 256)
    assert estimator.bandwidth_bps(2.0) == estimator.newest_bandwidth_bps == INITIAL_BANDWIDTH_BPS
    assert estimator.sizes.factor == pytest.approx(10_000 / reference_bytes(256))


@pytest.mark.parametrize(("resolution", "ratio"), [(128, 4.8), (320, 6.3), (608, 8.1)])
def test_reference_sizes_follow_the_published_ratios(resolution: int, ratio: float) -> None:
    assert reference_bytes(resolution) == pytest.approx(resolution * resolution * 9 / 16 * 3 / ratio)


def test_the_factor_learnt_at_one_resolution_holds_for_all() -> None:
    model = FrameSizeModel()
    for _ in range(5):
        model.add(256, round(1.5 * reference_bytes(256)))
    assert model.bits(448) == pytest.approx(8 * 1.5 * reference_bytes(448), rel=1e-3)


def test_budget_is_what_network_and_overheads_leave() -> None:
    link = Link(1e7)
    now = link.send(0.0, round(reference_bytes(256)))
    for seconds in (0.010, 0.004):
        link.estimator.overhead_sample(seconds - 0.003, 0.003)
    assert (link.estimator.client_overhead_s, link.estimator.host_overhead_s) == pytest.approx((0.004, 0.003))
    assert link.estimator.overhead_s == pytest.approx(0.007 + MARGIN_S)
    demand = link.estimator.demand(
        now, "gate", 15.0, 0.1, (Variant(128, "w025"), Variant(256, "w025"), Variant(256, "w100")), 0.0
    )
    bits = link.estimator.sizes.bits(256) + RESPONSE_BITS
    assert demand.budget_s[1] == pytest.approx(0.1 - bits / 1e7 - 2 * ONE_WAY_S - 0.007 - MARGIN_S, rel=1e-3)
    assert demand.budget_s[0] > demand.budget_s[1] == demand.budget_s[2]
    assert (demand.client, demand.fps) == ("gate", 15.0)


def test_on_a_quick_link_with_a_busy_host_large_frames_are_not_taken_to_be_slow() -> None:
    """Each message waits 1 to 5 ms somewhere, whatever its size: that is not the link's bandwidth."""
    chance, link, small, now = random.Random(0), Link(1e9), reference_bytes(128), 0.0
    for step in range(40):
        began_s, held_s = step * 0.5, chance.uniform(0.001, 0.005)
        link.estimator.exchange(
            began_s, began_s + OFFSET_S + ONE_WAY_S + held_s, began_s + OFFSET_S + ONE_WAY_S + held_s,
            began_s + 2 * ONE_WAY_S + 2 * held_s,
        )  # fmt: skip
    for step in range(60):
        now = link.send(20.0 + step / 15, round(small), 128, jitter_s=chance.uniform(0.001, 0.005))
    usual_s, allowance_s = link.estimator.beside_device_s(now, 448)
    assert usual_s - MARGIN_S < 0.02 + 0.02  # of which 20 ms are the way to and fro, and a frame takes 1
    assert allowance_s < 0.03


def test_budget_is_zero_where_the_uplink_does_not_sustain_the_rate_and_where_nothing_is_left() -> None:
    link = Link(1e6)
    now = link.send(0.0, 12_500)
    sustained_fps = link.estimator.bandwidth_bps(now) / link.estimator.sizes.bits(256)

    def budget_s(slo_s: float, fps: float) -> float:
        return link.estimator.demand(now, "gate", fps, slo_s, (Variant(256, "w100"),), 0.0).budget_s[0]

    assert budget_s(10.0, sustained_fps * 1.01) == 0.0
    assert budget_s(10.0, sustained_fps * 0.99) > 9.8
    assert budget_s(0.05, sustained_fps * 0.99) == 0.0


def test_less_than_no_care_allows_more_than_the_mean_and_budgets_are_linear_in_it() -> None:
    link = Link(1e7)
    now = link.send(0.0, 10_000)
    variants = (Variant(128, "w025"), Variant(256, "w025"))
    steps = [link.estimator.demand(now, "gate", 15.0, 0.1, variants, care).budget_s for care in (-2.0, -1.0, 0.0, 1.0)]
    _, allowance_s = link.estimator.beside_device_s(now, 256)
    for more, less in itertools.pairwise(steps):
        assert more[1] - less[1] == pytest.approx(allowance_s)
    assert steps[2][0] == steps[3][0] < steps[1][0]


@given(st.floats(1e4, 1e8), st.sampled_from(RESOLUTIONS), st.none() | st.floats(0.001, 0.2))
def test_backoff_takes_the_largest_that_fits_and_never_more_than_planned(
    bandwidth_bps: float, planned: int, limit_s: float | None
) -> None:
    bits = FrameSizeModel().bits
    chosen = sustainable(RESOLUTIONS, planned, bandwidth_bps, 15.0, bits, limit_s)
    assert RESOLUTIONS[0] <= chosen <= planned

    def fits(resolution: int) -> bool:
        in_time = limit_s is None or bits(resolution) / bandwidth_bps <= limit_s
        return bandwidth_bps / bits(resolution) > 15.0 and in_time

    assert fits(chosen) or chosen == RESOLUTIONS[0]
    assert not any(fits(resolution) for resolution in RESOLUTIONS if chosen < resolution <= planned)


def test_backoff_can_ask_for_the_transfer_to_fit_a_time() -> None:
    bits = {128: 1e5, 256: 4e5}.__getitem__
    assert sustainable((128, 256), 256, 1e6, 1.0, bits) == 256
    assert sustainable((128, 256), 256, 1e6, 1.0, bits, time_limit_s=0.2) == 128
