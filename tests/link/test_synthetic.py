from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from jellyfish.errors import InputError
from jellyfish.link.statistics import statistics_of
from jellyfish.link.synthetic import (
    constant,
    lte_like,
    outage_like,
    resolve_trace,
    steps,
    wifi_like,
)
from jellyfish.link.trace import BandwidthTrace

LONG_S = 20_000.0


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(
    ("generator", "mean", "variation", "fifth", "correlation", "ceiling"),
    [(wifi_like, 52.0, 0.35, 18.5, 0.81, 94.0), (lte_like, 15.4, 0.34, 7.5, 0.70, 28.0)],
)
def test_a_radio_trace_has_the_statistics_that_it_states(
    generator: Callable[[int, float], BandwidthTrace],
    seed: int,
    mean: float,
    variation: float,
    fifth: float,
    correlation: float,
    ceiling: float,
) -> None:
    mbps = np.array(generator(seed, LONG_S).bits_per_s) / 1e6
    assert mbps.mean() == pytest.approx(mean, rel=0.05)
    assert mbps.std() / mbps.mean() == pytest.approx(variation, rel=0.05)
    assert np.percentile(mbps, 5) == pytest.approx(fifth, rel=0.08)
    assert np.corrcoef(mbps[:-1], mbps[1:])[0, 1] == pytest.approx(correlation, abs=0.03)
    assert mbps.min() > 0
    assert mbps.max() <= ceiling


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_trace_with_outages_is_an_lte_trace_that_is_down_as_often_and_as_long_as_it_states(seed: int) -> None:
    trace = outage_like(seed, LONG_S)
    told = statistics_of(trace)
    up = [rate for rate in trace.bits_per_s if rate > 0]
    down_s = len(trace.bits_per_s) - len(up)
    assert trace.duration_s / told.outages == pytest.approx(50, rel=0.15)
    assert down_s / told.outages == pytest.approx(2.8, rel=0.15)
    assert np.mean(up) / 1e6 == pytest.approx(15.4, rel=0.05)


def test_a_radio_trace_is_the_same_for_a_seed_and_another_for_another() -> None:
    assert wifi_like(3, 60) == wifi_like(3, 60)
    assert wifi_like(3, 60) != wifi_like(4, 60)
    assert wifi_like(3, 60).duration_s == 60


def test_the_published_steps_last_twenty_seconds_each() -> None:
    trace = steps()
    assert trace.duration_s == 140
    assert [trace.rate_at(t) / 1e6 for t in (0, 19.9, 20, 45, 65, 80, 119, 139, 140)] == [
        20, 20, 15, 10, 7.5, 10, 15, 20, 20,
    ]  # fmt: skip


def test_a_constant_trace_is_the_same_for_ever() -> None:
    assert constant(2.5).rate_at(1e6 + 0.3) == 2.5e6
    assert constant(2.5).finish(7.0, 5e6) == 9.0


@pytest.mark.parametrize("duration_s", [0.0, -1.0, float("inf"), float("nan")])
def test_a_radio_trace_needs_a_duration(duration_s: float) -> None:
    with pytest.raises(InputError, match="at least 1 s"):
        lte_like(0, duration_s)


def test_every_choice_is_understood(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("time_s,mbps\n0,3\n")
    assert resolve_trace("none", 0) is None
    assert resolve_trace("wifi", 7) == wifi_like(7, 600)
    assert resolve_trace("LTE", 7) == lte_like(7, 600)
    assert resolve_trace("outage", 7) == outage_like(7, 600)
    assert resolve_trace("steps", 0) == steps()
    assert resolve_trace("10mbps", 0) == constant(10)
    assert resolve_trace("7.5 Mbit/s", 0) == constant(7.5)
    assert resolve_trace("500kbps", 0) == BandwidthTrace((0.0,), (5e5,), "0.5mbps")
    assert resolve_trace(str(path), 0) == BandwidthTrace((0.0,), (3e6,), "own")


@pytest.mark.parametrize("text", ["fast", "10", "mbps", "-3mbps", "", ".", "x" * 300])
def test_an_unknown_choice_is_answered_with_the_choices(text: str) -> None:
    with pytest.raises(InputError, match=r"wifi, lte, outage, steps, .*10mbps, none"):
        resolve_trace(text, 0)


def test_a_missing_file_and_a_rate_of_zero_are_refused_for_what_they_are() -> None:
    with pytest.raises(InputError, match=r"absent\.csv: cannot be read"):
        resolve_trace("absent.csv", 0)
    for text in ("0mbps", "0.0000001mbps", "1000000gbps", f"{'9' * 400}mbps"):
        with pytest.raises(InputError, match=r"a rate of .* Mbit/s: give one of 0\.001 to 100,000 Mbit/s"):
            resolve_trace(text, 0)
