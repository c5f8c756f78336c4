import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jellyfish.link.statistics import per_second, statistics_of
from jellyfish.link.trace import BandwidthTrace


def each(step_s: float, *mbps: float) -> BandwidthTrace:
    return BandwidthTrace(tuple(step_s * index for index in range(len(mbps))), tuple(1e6 * one for one in mbps), "made")


def test_figures_are_those_of_whole_seconds() -> None:
    told = statistics_of(each(0.5, 1, 3, 4, 8))
    assert (told.duration_s, told.mean_mbps, told.variation) == (2.0, 4.0, 0.5)
    assert (told.percentiles_mbps[0], told.percentiles_mbps[50], told.percentiles_mbps[100]) == (2.0, 4.0, 6.0)
    assert told.low_share == 0.5


def test_a_slow_and_a_fine_description_of_one_link_have_the_same_figures() -> None:
    assert statistics_of(each(2.0, 6, 2, 9)) == statistics_of(each(1.0, 6, 6, 2, 2, 9, 9))


@given(st.lists(st.floats(0.1, 100.0), min_size=4, max_size=40), st.floats(0.05, 3.0))
def test_whole_seconds_carry_what_the_trace_carries(mbps: list[float], step_s: float) -> None:
    trace = each(step_s, *mbps)
    seconds = per_second(trace)
    if trace.duration_s >= 1:
        assert trace.finish(0.0, float(seconds.sum()) * 1e6) == pytest.approx(len(seconds), abs=1e-3)
    else:
        assert seconds == pytest.approx([np.mean(mbps)])


def test_outages_are_counted_in_a_row_and_not_smoothed_away() -> None:
    told = statistics_of(each(0.5, 0, 9, 9, 0.05, 0, 0, 9, 0))
    assert (told.outages, told.longest_outage_s) == (3, 1.5)
    assert statistics_of(each(1, 5, 4)).outages == 0


def test_one_second_resembles_the_next_or_not() -> None:
    smooth, jumpy = statistics_of(each(1, 1, 2, 3, 4, 5)), statistics_of(each(1, 1, 5, 1, 5, 1))
    assert smooth.autocorrelation == pytest.approx(1.0)
    assert jumpy.autocorrelation == pytest.approx(-1.0)
    assert statistics_of(each(1, 4, 4, 4, 4)).autocorrelation is None
    assert statistics_of(each(1, 4, 5)).autocorrelation is None
