"""Measuring with a fake device that moves a fake clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from jellyfish.core import Variant
from jellyfish.devices.profile.measure import BatchTimes, measure_profile
from jellyfish.devices.profile.table import Subject
from jellyfish.devices.profile.variation import LEVELS
from tests.models.descriptions import described

SUBJECT = Subject("cpu", "a processor, 2 threads", "abc")
VARIANTS = (Variant(128, "w025"), Variant(256, "w100"))


class Device:
    """Takes `latency_s(variant, batch, run)` for the run-th run of a shape."""

    def __init__(self, latency_s: Callable[[Variant, int, int], float]) -> None:
        self.now = 0.0
        self.runs: Counter[tuple[Variant, int]] = Counter()
        self.shapes: set[tuple[int, tuple[int, ...]]] = set()
        self._latency_s = latency_s

    def clock(self) -> float:
        return self.now

    def timed(self, variant: Variant, images: Sequence[NDArray[np.uint8]]) -> BatchTimes:
        """A tenth of it is preparing, and it keeps the device for four fifths."""
        shape = (variant, len(images))
        self.shapes.add((variant.resolution, images[0].shape))
        seconds = self._latency_s(variant, len(images), self.runs[shape])
        self.now += seconds
        self.runs[shape] += 1
        return BatchTimes(seconds, 0.1 * seconds, 0.8 * seconds)


def linear(variant: Variant, batch: int, run: int) -> float:
    return (0.75 + 0.25 * batch) * variant.resolution / 128


def test_a_thorough_profile_measures_every_batch_thirty_times_after_warming_up() -> None:
    device = Device(lambda variant, batch, run: 9.0 if run < 6 else 0.1 * linear(variant, batch, run))
    profile = measure_profile(device.timed, SUBJECT, described(*VARIANTS), 3, clock=device.clock)
    assert device.runs == {(variant, batch): 66 for variant in VARIANTS for batch in (1, 2, 3)}
    assert profile.of(VARIANTS[0]).p50_s == pytest.approx((0.1, 0.125, 0.15))
    assert profile.of(VARIANTS[1]).p99_s == pytest.approx((0.2, 0.25, 0.3))
    assert (profile.device, profile.hardware, profile.weights) == ("cpu", "a processor, 2 threads", "abc")


def test_a_quick_profile_draws_a_line_through_the_batches_it_measures() -> None:
    device = Device(linear)
    profile = measure_profile(device.timed, SUBJECT, described(*VARIANTS), 6, budget_s=1000.0, clock=device.clock)
    assert {batch for _, batch in device.runs} == {1, 4}
    assert profile.of(VARIANTS[0]).p50_s == pytest.approx([0.75 + 0.25 * batch for batch in range(1, 7)])


def test_a_quick_profile_measures_the_largest_batch_where_a_line_from_small_ones_would_not_reach() -> None:
    device = Device(linear)
    measure_profile(device.timed, SUBJECT, described(*VARIANTS), 16, budget_s=1000.0, clock=device.clock)
    assert {batch for _, batch in device.runs} == {1, 4, 16}
    device = Device(linear)
    measure_profile(device.timed, SUBJECT, described(*VARIANTS), 1, budget_s=1000.0, clock=device.clock)
    assert {batch for _, batch in device.runs} == {1}


def test_a_quick_profile_keeps_to_its_budget_but_for_the_least_rounds() -> None:
    device = Device(linear)
    measure_profile(device.timed, SUBJECT, described(*VARIANTS), 8, budget_s=240.0, clock=device.clock)
    assert 190.0 <= device.now <= 240.0
    slow = Device(linear)
    measure_profile(slow.timed, SUBJECT, described(*VARIANTS), 8, budget_s=1.0, clock=slow.clock)
    assert {shape[1]: runs for shape, runs in slow.runs.items()} == {1: 4, 4: 3}  # the first of a large batch is none


def test_a_quick_profile_does_not_say_that_it_is_done_before_it_is() -> None:
    device, told = Device(linear), []
    measure_profile(
        device.timed, SUBJECT, described(*VARIANTS), 4, 1.0, lambda done, total: told.append(done / total), device.clock
    )
    assert told == sorted(told)
    assert [share < 1.0 for share in told] == [True] * (len(told) - 1) + [False]


@pytest.mark.parametrize("budget_s", [None, 100.0])
def test_a_profile_tells_preparing_and_occupancy_from_latency(budget_s: float | None) -> None:
    device = Device(linear)
    profile = measure_profile(device.timed, SUBJECT, described(*VARIANTS), 4, budget_s, clock=device.clock)
    for entry in profile.latencies:
        assert entry.prepare_s == pytest.approx([0.1 * seconds for seconds in entry.p50_s])
        assert entry.keeps_s == entry.occupancy_s == pytest.approx([0.8 * seconds for seconds in entry.p50_s])


def test_a_disturbed_moment_falls_on_few_rounds_of_many_shapes_and_leaves_the_medians_alone() -> None:
    device = Device(linear)

    def disturbed(variant: Variant, images: Sequence[NDArray[np.uint8]]) -> BatchTimes:
        before = device.now
        device.timed(variant, images)
        if 40.0 < before < 80.0:
            device.now += 2 * (device.now - before)
        return BatchTimes(device.now - before, 0.0, device.now - before)

    profile = measure_profile(disturbed, SUBJECT, described(*VARIANTS), 4, budget_s=500.0, clock=device.clock)
    assert profile.of(VARIANTS[0]).p50_s == pytest.approx([0.75 + 0.25 * batch for batch in range(1, 5)])


def test_a_larger_batch_never_takes_less_time() -> None:
    device = Device(lambda variant, batch, run: {1: 1.0, 2: 3.0, 3: 2.0, 4: 4.0}[batch])
    thorough = measure_profile(device.timed, SUBJECT, described(*VARIANTS[:1]), 4, clock=device.clock)
    assert thorough.of(VARIANTS[0]).p50_s == (1.0, 3.0, 3.0, 4.0)
    quick = measure_profile(device.timed, SUBJECT, described(*VARIANTS[:1]), 4, budget_s=100.0, clock=device.clock)
    assert list(quick.of(VARIANTS[0]).p50_s) == sorted(quick.of(VARIANTS[0]).p50_s)


def test_the_tail_is_that_of_the_variants_own_samples_when_there_are_enough() -> None:
    def jittery(variant: Variant, batch: int, run: int) -> float:
        return 0.1 * linear(variant, batch, run) * (3.0 if variant == VARIANTS[0] and run % 20 == 1 else 1.0)

    device = Device(jittery)
    profile = measure_profile(device.timed, SUBJECT, described(*VARIANTS), 4, clock=device.clock)
    assert profile.of(VARIANTS[0]).p99_s == pytest.approx([3 * seconds for seconds in profile.of(VARIANTS[0]).p50_s])
    assert profile.of(VARIANTS[1]).p99_s == pytest.approx(profile.of(VARIANTS[1]).p50_s)
    varied, steady = (profile.of(variant).variation for variant in VARIANTS)
    assert varied is not None and varied.quantiles[-1] == pytest.approx(3.0)
    assert steady is not None and steady.quantiles[-1] == pytest.approx(1.0)


def test_a_thorough_profile_of_a_slow_device_ends_after_its_time_with_fewer_rounds() -> None:
    device = Device(lambda variant, batch, run: linear(variant, batch, run))
    measure_profile(device.timed, SUBJECT, described(*VARIANTS), 8, clock=device.clock)
    assert 400.0 <= device.now <= 480.0


def test_a_quick_profile_takes_its_tail_from_what_is_usual() -> None:
    device = Device(linear)
    profile = measure_profile(device.timed, SUBJECT, described(*VARIANTS), 4, budget_s=200.0, clock=device.clock)
    variation = profile.of(VARIANTS[0]).variation
    assert variation is not None and len(variation.quantiles) == len(LEVELS)
    assert variation.quantiles[-1] > 1.1


def test_images_have_the_size_that_clients_send_and_progress_is_told() -> None:
    device, steps = Device(linear), []
    measure_profile(
        device.timed,
        SUBJECT,
        described(*VARIANTS),
        2,
        progress=lambda done, total: steps.append((done, total)),
        clock=device.clock,
    )
    assert device.shapes == {(128, (72, 128, 3)), (256, (144, 256, 3))}
    assert steps == [(step, 4 * 33) for step in range(1, 4 * 33 + 1)]
