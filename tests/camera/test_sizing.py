"""The size of the next frame: bounded by the plan, smaller when the link is worse, never silent without cause."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jellyfish.camera.sizing import PlannedSizer, PublishedSizer, Sizer
from jellyfish.control.frame_size import reference_bytes

BANDWIDTHS = st.floats(1e3, 1e9)
RESOLUTIONS = (128, 192, 256, 320, 384, 448)
PLANS = st.sampled_from(RESOLUTIONS)
LADDERS = st.just(RESOLUTIONS) | st.sets(st.integers(32, 1920), min_size=1, max_size=8).map(
    lambda some: (*sorted(some),)
)
"""Whatever sizes a model has, if it is a single one."""
ON_THE_WAY = st.lists(st.tuples(st.floats(0, 10), st.integers(500, 100_000)), max_size=3).map(sorted)
NOW = 10.0


def sizer(
    bandwidth_bps: float | None = None,
    rest_s: float = 0.02,
    fps: float = 15,
    slo_s: float = 0.15,
    ladder: tuple[int, ...] = RESOLUTIONS,
) -> Sizer:
    chooser = Sizer(fps, slo_s)
    chooser.ladder = ladder
    if bandwidth_bps is not None:
        chooser.answered(bandwidth_bps, rest_s)
    return chooser


@given(
    ladder=LADDERS, data=st.data(), bandwidth_bps=BANDWIDTHS | st.none(), age_s=st.floats(0, 5), on_the_way=ON_THE_WAY
)
def test_a_choice_is_on_the_ladder_and_never_above_the_plan(
    ladder: tuple[int, ...],
    data: st.DataObject,
    bandwidth_bps: float | None,
    age_s: float,
    on_the_way: list[tuple[float, int]],
) -> None:
    planned = data.draw(st.sampled_from(ladder))
    chosen = sizer(bandwidth_bps, ladder=ladder).choose(NOW, planned, NOW - age_s, on_the_way)
    assert chosen is None or (chosen in ladder and chosen <= planned)


@given(ladder=LADDERS, data=st.data(), bandwidth_bps=BANDWIDTHS | st.none(), age_s=st.floats(0, 5))
def test_with_nothing_on_the_way_a_frame_is_always_sent(
    ladder: tuple[int, ...], data: st.DataObject, bandwidth_bps: float | None, age_s: float
) -> None:
    planned = data.draw(st.sampled_from(ladder))
    assert sizer(bandwidth_bps, ladder=ladder).choose(NOW, planned, NOW - age_s, []) is not None


def test_a_server_that_estimates_no_bandwidth_is_sent_the_smallest_frames() -> None:
    chooser = sizer(bandwidth_bps=0.0)
    chooser.sent(NOW, 448, 50_000)
    assert chooser.choose(NOW, 448, NOW, [(NOW - 1.0, 50_000)]) == RESOLUTIONS[0]


@given(slower=BANDWIDTHS, faster=BANDWIDTHS, planned=PLANS, sent_bytes=st.integers(500, 50_000), behind=st.booleans())
def test_more_bandwidth_never_makes_a_frame_smaller(
    slower: float, faster: float, planned: int, sent_bytes: int, behind: bool
) -> None:
    slower, faster = sorted((slower, faster))
    on_the_way = [(NOW, sent_bytes)] if behind else []
    choices = []
    for bandwidth_bps in (slower, faster):
        chooser = sizer(bandwidth_bps)
        chooser.sent(NOW, 128, sent_bytes)
        choices.append(chooser.choose(NOW, planned, NOW, on_the_way) or 0)
    assert choices[0] <= choices[1]


@given(younger_s=st.floats(0, 1), older_s=st.floats(0, 1), bandwidth_bps=BANDWIDTHS, planned=PLANS)
def test_an_older_frame_is_never_sent_larger(
    younger_s: float, older_s: float, bandwidth_bps: float, planned: int
) -> None:
    younger_s, older_s = sorted((younger_s, older_s))
    on_the_way = [(NOW, 1000)]
    choices = [sizer(bandwidth_bps).choose(NOW, planned, NOW - age_s, on_the_way) for age_s in (older_s, younger_s)]
    assert (choices[0] or 0) <= (choices[1] or 0)


def test_before_anything_is_known_frames_are_small() -> None:
    assert sizer().choose(NOW, 448, NOW, []) == 128


def test_a_good_link_carries_the_planned_size() -> None:
    assert sizer(50e6).choose(NOW, 448, NOW, []) == 448


def test_a_frame_that_is_overdue_makes_the_next_one_smaller_before_any_answer_tells() -> None:
    chooser = sizer(20e6)
    size_bytes = round(reference_bytes(448))
    assert chooser.choose(NOW, 448, NOW, [(NOW - 0.02, size_bytes)]) == 448
    smaller = chooser.choose(NOW, 448, NOW, [(NOW - 0.15, size_bytes)])
    assert smaller is not None
    assert smaller < 448
    assert chooser.choose(NOW, 448, NOW, [(NOW - 3.0, size_bytes)]) is None


def test_the_planned_size_is_back_with_the_bandwidth() -> None:
    chooser = sizer(200e3)
    assert chooser.choose(NOW, 448, NOW, []) == 128
    chooser.answered(50e6, 0.02)
    assert chooser.choose(NOW, 448, NOW, []) == 448


@pytest.mark.parametrize("fps", [5, 30])
def test_the_link_must_keep_up_with_the_frame_rate(fps: float) -> None:
    bandwidth_bps = 10 * 8 * reference_bytes(448)  # ten frames of the largest size a second
    chosen = sizer(bandwidth_bps, fps=fps, slo_s=1.0).choose(NOW, 448, NOW, [])
    assert (chosen == 448) is (fps == 5)


def test_what_the_link_still_carries_counts_against_the_next_frame() -> None:
    chooser = sizer(2e6)
    alone = chooser.choose(NOW, 448, NOW, [(NOW, 5000)])
    behind = chooser.choose(NOW, 448, NOW, [(NOW, 5000)] * 6)
    assert alone is not None
    assert behind is None


def test_what_is_on_the_way_counts_at_the_bandwidth_that_has_just_become_known() -> None:
    chooser = sizer(20e6)
    on_the_way = [(NOW - 0.01, 40_000)]
    assert chooser.choose(NOW, 448, NOW, on_the_way) == 448
    chooser.answered(2e6, 0.02)  # 160 ms for what was sent for 16
    assert chooser.choose(NOW, 448, NOW, on_the_way) is None


def test_a_scene_that_compresses_badly_is_sent_smaller() -> None:
    plain, noisy = sizer(4e6), sizer(4e6)
    for second in range(10):
        plain.sent(second, 256, round(reference_bytes(256)))
        noisy.sent(second, 256, round(4 * reference_bytes(256)))
    sizes = [chooser.choose(NOW + 100, 448, NOW + 100, []) for chooser in (plain, noisy)]
    assert sizes[0] is not None
    assert sizes[1] is not None
    assert sizes[0] > sizes[1]


def test_only_sizes_that_the_server_takes_are_chosen() -> None:
    chooser = sizer(50e6)
    chooser.ladder = (192, 320)
    assert chooser.choose(NOW, 320, NOW, []) == 320
    chooser.answered(1e5, 0.02)
    assert chooser.choose(NOW, 320, NOW, []) == 192


def published(bandwidth_bps: float | None = None, fps: float = 15) -> PublishedSizer:
    chooser = PublishedSizer(fps, 0.15)
    chooser.ladder = RESOLUTIONS
    if bandwidth_bps is not None:
        chooser.answered(bandwidth_bps, 0.02)
    return chooser


@given(
    bandwidth_bps=BANDWIDTHS | st.none(),
    planned=st.sampled_from(RESOLUTIONS),
    age_s=st.floats(0, 5),
    on_the_way=ON_THE_WAY,
)
def test_the_published_back_off_sends_every_frame_and_none_above_the_plan(
    bandwidth_bps: float | None, planned: int, age_s: float, on_the_way: list[tuple[float, int]]
) -> None:
    chosen = published(bandwidth_bps).choose(NOW, planned, NOW - age_s, on_the_way)
    assert chosen in RESOLUTIONS
    assert chosen <= planned


@pytest.mark.parametrize("frames_per_second", [5, 14.9, 15.1, 40])
@pytest.mark.parametrize("resolution", RESOLUTIONS[1:])
def test_the_published_back_off_takes_the_largest_size_that_the_link_keeps_up_with(
    resolution: int, frames_per_second: float
) -> None:
    chosen = published(frames_per_second * 8 * reference_bytes(resolution)).choose(NOW, resolution, NOW, [])
    assert (chosen == resolution) is (frames_per_second > 15)


@pytest.mark.parametrize("bandwidth_bps", [None, 0.0])
def test_the_published_back_off_knows_no_more_without_an_estimate(bandwidth_bps: float | None) -> None:
    assert published(bandwidth_bps).choose(NOW, 448, NOW, []) == RESOLUTIONS[0]


def test_the_published_back_off_does_not_ask_whether_a_single_frame_arrives_in_time() -> None:
    bandwidth_bps = 6 * 8 * reference_bytes(448)  # six frames a second: a sixth of a second for each
    ours = sizer(bandwidth_bps, fps=5).choose(NOW, 448, NOW, [])
    assert ours is not None and ours < 448
    assert published(bandwidth_bps, fps=5).choose(NOW, 448, NOW - 1.0, [(NOW - 3.0, 50_000)]) == 448


def test_the_published_back_off_learns_how_a_scene_compresses() -> None:
    chooser = published(15.1 * 8 * reference_bytes(448))
    assert chooser.choose(NOW, 448, NOW, []) == 448
    chooser.sent(NOW, 256, round(1.5 * reference_bytes(256)))
    assert (chooser.choose(NOW, 448, NOW, []) or 0) < 448


def test_without_back_off_every_frame_is_sent_as_planned() -> None:
    chooser = PlannedSizer()
    chooser.answered(1e3, 0.02)
    chooser.sent(NOW, 448, 50_000)
    assert chooser.choose(NOW, 384, NOW - 1.0, [(NOW - 3.0, 50_000)]) == 384


def test_a_frame_that_has_arrived_tells_the_bandwidth_before_it_is_answered() -> None:
    chooser = sizer(50e6)
    chooser.arrived(200e3, 0.005)
    assert chooser.choose(NOW, 448, NOW, []) == 128


def test_with_arrivals_a_frame_is_missed_sooner() -> None:
    size_bytes = round(reference_bytes(448))
    on_the_way = [(NOW - 0.07, size_bytes)]
    answered_only, told = sizer(20e6, rest_s=0.06), sizer(20e6, rest_s=0.06)
    told.arrived(20e6, 0.005)
    assert answered_only.choose(NOW, 448, NOW, on_the_way) == 448
    smaller = told.choose(NOW, 448, NOW, on_the_way)
    assert smaller is None or smaller < 448


def test_a_link_that_has_fallen_is_expected_to_fall_further() -> None:
    size_bytes = round(reference_bytes(256))
    chosen = [
        sizer(10e6, 0.0, slo_s=0.3).choose(NOW, 448, NOW, [(NOW - late_s, size_bytes)]) for late_s in (0.03, 0.06)
    ]
    assert chosen[0] is not None
    assert (chosen[1] or 0) < chosen[0]
