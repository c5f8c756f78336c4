"""Variants that no planner needs."""

from hypothesis import given
from hypothesis import strategies as st

from jellyfish.core import Variant
from jellyfish.devices.profile.pareto import pareto_front
from jellyfish.devices.profile.table import LatencyProfile, VariantLatency


def front(rows: list[tuple[int, str, float, tuple[float, ...]]]) -> set[str]:
    """Names of the front of (resolution, network, accuracy, latencies)."""
    accuracy = {Variant(resolution, network): value for resolution, network, value, _ in rows}
    entries = tuple(VariantLatency(Variant(r, n), times, times) for r, n, _, times in rows)
    return {v.name for v in pareto_front(LatencyProfile("cpu", "made", "", entries), accuracy.__getitem__)}


def test_slower_and_less_accurate_is_pointless():
    assert front([(320, "a", 0.5, (0.01,)), (320, "b", 0.4, (0.02,)), (320, "c", 0.6, (0.03,))]) == {"a-320", "c-320"}


def test_smaller_frames_are_worth_something():
    assert front([(320, "a", 0.5, (0.01,)), (192, "b", 0.4, (0.02,))]) == {"a-320", "b-192"}


def test_quicker_at_one_batch_size_is_worth_something():
    assert front([(320, "a", 0.5, (0.01, 0.03)), (320, "b", 0.4, (0.02, 0.02))]) == {"a-320", "b-320"}


def test_of_two_that_are_alike_both_stay():
    assert front([(320, "a", 0.5, (0.01,)), (320, "b", 0.5, (0.01,))]) == {"a-320", "b-320"}


ROWS = st.lists(
    st.tuples(st.sampled_from([128, 256]), st.integers(1, 4), st.tuples(st.integers(1, 4), st.integers(1, 4))),
    min_size=1,
    max_size=8,
)


@given(ROWS)
def test_whatever_is_left_out_has_one_on_the_front_that_is_no_worse(rows):
    made = [(r, f"n{i}", a / 4, tuple(t / 100 for t in times)) for i, (r, a, times) in enumerate(rows)]
    kept = front(made)
    merits = {f"{n}-{r}": (r, -a, *times) for r, n, a, times in made}
    for name, own in merits.items():
        assert any(all(a <= b for a, b in zip(merits[other], own, strict=True)) for other in kept), name
