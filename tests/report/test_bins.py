"""Series over time: nothing is lost as bins grow."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jellyfish.report.bins import BINS, FIRST_WIDTH_S, TimeBins

Moments = st.lists(st.floats(-10, 1e6), min_size=1, max_size=50)


@given(st.lists(Moments, min_size=1, max_size=5))
def test_every_value_is_in_the_bin_of_its_time_however_late_others_come(chunks: list[list[float]]) -> None:
    bins = TimeBins()
    sums = bins.sums()
    for chunk in chunks:
        times = np.array(chunk)
        places = bins.place(times)
        sums.add(np.zeros_like(places), places, np.ones(len(times)))
    everything = np.concatenate([np.array(chunk) for chunk in chunks])
    expected = np.histogram(np.maximum(everything, 0), BINS, (0, BINS * bins.width_s))[0]
    assert sums.values[0].tolist() == expected.tolist()
    assert bins.width_s == FIRST_WIDTH_S or everything.max() >= BINS * bins.width_s / 2


def test_the_last_value_stays_last_when_bins_are_folded() -> None:
    bins = TimeBins()
    latest = bins.latest()
    for second, value in ((0.0, 1), (0.3, 2), (0.6, 3)):
        latest.put(np.array([0]), bins.place(np.array([second])), np.array([value], np.int32))
    bins.place(np.array([BINS * FIRST_WIDTH_S]))
    assert latest.values[0, :3].tolist() == [2, 3, -1]


def test_values_that_are_no_number_add_nothing() -> None:
    sums = TimeBins().sums()
    sums.add(np.array([1, 1]), np.array([0, 0]), np.array([np.nan, 2.0]))
    assert sums.values[:2, 0].tolist() == [0.0, 2.0]
