"""Token buckets: never more than burst and rate allow, and waiting as long as announced is enough."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jellyfish.protocol.bucket import Bucket


@given(st.lists(st.tuples(st.floats(0, 2), st.floats(0.1, 5)), max_size=50))
def test_no_more_is_allowed_than_burst_and_rate(steps: list[tuple[float, float]]) -> None:
    bucket, now, given_ = Bucket(3.0, 5.0), 0.0, 0.0
    for pause_s, tokens in steps:
        now += pause_s
        given_ += tokens if bucket.allows(tokens, now) else 0.0
        assert given_ <= 5.0 + 3.0 * now + 1e-6


@given(st.floats(0, 20), st.floats(0.1, 5))
def test_waiting_as_long_as_announced_is_enough(taken: float, wanted: float) -> None:
    bucket = Bucket(3.0, 5.0)
    bucket.take(taken, 1.0)
    wait_s = bucket.wait_s(wanted, 1.0)
    assert bucket.allows(wanted, 1.0 + wait_s + 1e-9)
    assert wait_s == pytest.approx(max(0.0, (wanted - (5.0 - taken)) / 3.0))


def test_what_can_never_be_there_is_waited_for_for_ever() -> None:
    assert Bucket(3.0, 5.0).wait_s(6.0, 0.0) == float("inf")
