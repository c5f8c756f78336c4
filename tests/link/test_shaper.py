import pytest
from hypothesis import given
from hypothesis import strategies as st

from jellyfish.link.shaper import Shaper
from jellyfish.link.synthetic import constant
from jellyfish.link.trace import BandwidthTrace

DELAY_S = 0.02
TICK_S = 1e-6

rates = st.lists(st.floats(1e4, 1e8), min_size=1, max_size=6)
messages = st.lists(st.tuples(st.floats(0.0, 2.0), st.integers(0, 200_000)), min_size=1, max_size=20)


def each_second(bits_per_s: list[float]) -> BandwidthTrace:
    return BandwidthTrace(tuple(map(float, range(len(bits_per_s)))), tuple(bits_per_s), "drawn")


def deliveries(trace: BandwidthTrace | None, sent: list[tuple[float, int]]) -> list[tuple[float, int, float]]:
    """(sent at, bytes, delivered at) of messages given as (pause before it, bytes)."""
    shaper, now, result = Shaper(trace, DELAY_S), 0.0, []
    for pause_s, size in sent:
        now += pause_s
        result.append((now, size, shaper.send(size, now)))
    return result


@given(rates, messages)
def test_messages_arrive_in_order_and_never_sooner_than_the_link_can_carry_them(
    bits_per_s: list[float], sent: list[tuple[float, int]]
) -> None:
    previous_s = 0.0
    for now, size, delivered_s in deliveries(each_second(bits_per_s), sent):
        assert delivered_s >= previous_s
        assert delivered_s >= now + DELAY_S + 8 * size / max(bits_per_s) - TICK_S
        previous_s = delivered_s


@given(rates, messages)
def test_a_busy_period_carries_its_bytes_and_no_more(bits_per_s: list[float], sent: list[tuple[float, int]]) -> None:
    trace = each_second(bits_per_s)
    at_once = [(0.0, size) for _, size in sent]
    (*_, (_, _, last_s)) = deliveries(trace, at_once)
    assert last_s == pytest.approx(trace.finish(0.0, 8 * sum(size for _, size in sent)) + DELAY_S)


@given(rates, messages, st.floats(1.0, 10.0))
def test_more_bandwidth_never_delivers_later(
    bits_per_s: list[float], sent: list[tuple[float, int]], factor: float
) -> None:
    slow = deliveries(each_second(bits_per_s), sent)
    fast = deliveries(each_second([factor * rate for rate in bits_per_s]), sent)
    assert all(f[2] <= s[2] + TICK_S for f, s in zip(fast, slow, strict=True))


@given(messages)
def test_an_unshaped_link_adds_only_its_delay(sent: list[tuple[float, int]]) -> None:
    assert all(delivered_s == now + DELAY_S for now, _, delivered_s in deliveries(None, sent))


def test_a_message_waits_for_the_one_before_it_but_not_for_its_delay() -> None:
    shaper = Shaper(constant(8), delay_s=0.5)
    assert shaper.send(1_000_000, 10.0) == 11.5
    assert shaper.send(500_000, 10.25) == 12.0
    assert shaper.send(500_000, 20.0) == 21.0


def test_a_trace_starts_where_the_caller_shifts_it_to() -> None:
    started_s = 5000.0
    trace = BandwidthTrace((0.0, 1.0), (8e6, 0.8e6), "two")
    assert Shaper(trace.shifted(-started_s), 0.0).send(1_100_000, started_s) == pytest.approx(started_s + 2.0)
