import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jellyfish.results.histogram import DurationHistogram, Percentiles

durations = st.lists(st.floats(0.1, 1e5), min_size=1, max_size=200)


def filled(values: list[float]) -> DurationHistogram:
    histogram = DurationHistogram()
    for value in values:
        histogram.add(value)
    return histogram


@given(durations)
def test_percentiles_are_within_a_quarter_percent_and_the_largest_is_exact(values: list[float]) -> None:
    found = filled(values).percentiles()
    assert found is not None
    exact = np.quantile(values, [0.5, 0.9, 0.95, 0.99, 0.999], method="inverted_cdf")
    ours = [found.p50, found.p90, found.p95, found.p99, found.p99_9]
    assert (np.abs(ours - exact) <= 0.0026 * np.abs(exact) + 6e-4).all()  # half a bin, then rounded
    assert found.max == max(values)


@given(durations, durations)
def test_merging_is_counting_both(one: list[float], other: list[float]) -> None:
    merged = filled(one)
    merged.merge(filled(other))
    assert merged.percentiles() == filled(one + other).percentiles()
    assert merged.count == len(one) + len(other)


def test_durations_beyond_the_range_are_counted_at_its_ends() -> None:
    assert filled([0.0, -0.03]).percentiles() == Percentiles(-0.03, -0.03, -0.03, -0.03, -0.03, 0.0)
    assert filled([1e6, 3e6]).percentiles() == Percentiles(3e6, 3e6, 3e6, 3e6, 3e6, 3e6)


def test_an_empty_histogram_has_no_percentiles() -> None:
    assert DurationHistogram().percentiles() is None
