import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jellyfish.errors import InputError
from jellyfish.link.trace import BandwidthTrace


@st.composite
def traces(draw: st.DrawFn) -> BandwidthTrace:
    rates = draw(st.lists(st.one_of(st.just(0.0), st.floats(1e3, 1e8)), min_size=1, max_size=8).filter(any))
    steps = draw(st.lists(st.floats(0.1, 20.0), min_size=len(rates) - 1, max_size=len(rates) - 1))
    times = [0.0]
    for step in steps:
        times.append(times[-1] + step)
    return BandwidthTrace(tuple(times), tuple(rates), "drawn")


def carried(trace: BandwidthTrace, start_s: float, end_s: float) -> float:
    """Bits between two times, piece by piece: slow, and told by nothing but `times_s` and `bits_per_s`."""
    edges = [*trace.times_s, trace.duration_s]
    total = 0.0
    for round_ in range(int(start_s // trace.duration_s), int(end_s // trace.duration_s) + 1):
        for index, rate in enumerate(trace.bits_per_s):
            begin = max(start_s, round_ * trace.duration_s + edges[index])
            end = min(end_s, round_ * trace.duration_s + edges[index + 1])
            total += max(0.0, end - begin) * rate
    return total


def test_a_rate_holds_until_the_next_time_and_the_trace_repeats() -> None:
    trace = BandwidthTrace((0.0, 1.0, 3.0), (8.0, 4.0, 2.0), "three")
    assert trace.duration_s == 4.5
    assert [trace.rate_at(t) for t in (0.0, 0.9, 1.0, 2.9, 3.0, 4.4, 4.5, 5.6)] == [8, 8, 4, 4, 2, 2, 8, 4]


def test_a_transfer_spans_pieces_outages_and_repeats() -> None:
    trace = BandwidthTrace((0.0, 1.0, 2.0), (8.0, 0.0, 4.0), "outage")
    assert trace.finish(0.0, 8.0) == 1.0
    assert trace.finish(0.5, 6.0) == 2.5
    assert trace.finish(1.2, 2.0) == 2.5
    assert trace.finish(0.0, 12.0) == 3.0
    assert trace.finish(0.0, 36.0) == pytest.approx(9.0)
    assert trace.finish(1.2, 0.0) == 1.2


def test_a_transfer_that_fills_rounds_exactly_does_not_wait_for_the_idle_start_of_the_next() -> None:
    trace = BandwidthTrace((0.0, 1.0), (0.0, 5.0), "late start")
    assert trace.finish(0.0, 5.0) == 2.0
    assert trace.finish(0.0, 15.0) == 6.0
    assert trace.finish(2.0, 5.0) == 4.0


def test_a_shifted_trace_is_the_same_one_read_further_on() -> None:
    trace = BandwidthTrace((0.0, 1.0, 2.0), (8.0, 0.0, 4.0), "outage")
    assert trace.shifted(1.5).rate_at(0.6) == trace.rate_at(2.1)
    assert trace.shifted(1.0).shifted(0.5).finish(0.0, 3.0) == pytest.approx(trace.finish(1.5, 3.0) - 1.5)
    assert trace.shifted(-1000.25).finish(1000.25, 12.0) == pytest.approx(1003.25)


@given(traces(), st.floats(0, 1e4), st.floats(1.0, 1e8))
def test_a_transfer_takes_exactly_the_bits_that_the_trace_carries_meanwhile(
    trace: BandwidthTrace, start_s: float, round_share: float
) -> None:
    bits = carried(trace, 0, trace.duration_s) * (round_share / 1e7)  # up to ten rounds
    end_s = trace.finish(start_s, bits)
    assert end_s >= start_s
    assert carried(trace, start_s, end_s) == pytest.approx(bits, rel=1e-6, abs=1e-6 * max(trace.bits_per_s))


@given(traces(), st.floats(0, 1e4), st.floats(0, 1e6), st.floats(0, 1e6))
def test_two_transfers_in_a_row_end_when_one_of_both_sizes_does(
    trace: BandwidthTrace, start_s: float, first: float, second: float
) -> None:
    together_s = trace.finish(start_s, first + second)
    in_a_row_s = trace.finish(trace.finish(start_s, first), second)
    assert carried(trace, 0, in_a_row_s) == pytest.approx(carried(trace, 0, together_s), rel=1e-6, abs=1e-3)


@pytest.mark.parametrize(
    ("times_s", "bits_per_s", "wrong"),
    [
        ((), (), "at least one"),
        ((0.0,), (1.0, 2.0), "as many"),
        ((1.0, 2.0), (1.0, 1.0), "start at 0"),
        ((0.0, 2.0, 2.0), (1.0, 1.0, 1.0), "rise"),
        ((0.0, math.nan), (1.0, 1.0), "rise"),
        ((0.0, math.inf), (1.0, 1.0), "rise"),
        ((0.0,), (-1.0,), "negative"),
        ((0.0,), (math.nan,), "finite"),
        ((0.0, 1.0), (0.0, 0.0), "every rate is 0"),
    ],
)
def test_a_trace_that_cannot_be_followed_is_refused(
    times_s: tuple[float, ...], bits_per_s: tuple[float, ...], wrong: str
) -> None:
    with pytest.raises(InputError, match=wrong):
        BandwidthTrace(times_s, bits_per_s, "broken")
