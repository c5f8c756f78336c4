import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from jellyfish.errors import InputError
from jellyfish.link.statistics import statistics_of
from jellyfish.link.synthetic import (
    Wanted,
    constant,
    lte_like,
    make_trace,
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


@pytest.mark.parametrize("kind", ["wifi", "lte"])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_made_trace_has_the_wanted_statistics_itself(kind: str, seed: int) -> None:
    told = statistics_of(make_trace(kind, seed, 300, Wanted(8.0, 0.5, 0.6)))
    assert told.duration_s == 300
    assert told.mean_mbps == pytest.approx(8.0, rel=1e-6)
    assert told.variation == pytest.approx(0.5, abs=0.005)
    assert told.autocorrelation == pytest.approx(0.6, abs=0.005)


def test_what_is_said_to_be_in_reach_can_be_had() -> None:
    with pytest.raises(InputError) as refused:
        make_trace("lte", 0, 120, Wanted(autocorrelation=1.0))
    low, high = (float(number) for number in re.findall(r"0\.\d\d", str(refused.value)))
    assert high > 0.7  # as it comes it has no less
    for wanted in (low, (low + high) / 2, high):
        told = statistics_of(make_trace("lte", 0, 120, Wanted(autocorrelation=wanted)))
        assert told.autocorrelation == pytest.approx(wanted, abs=0.005)


def test_any_kind_can_be_made_with_outages() -> None:
    told = statistics_of(make_trace("wifi", 0, LONG_S, Wanted(mean_mbps=30.0, outage_s=5.0, outage_every_s=20.0)))
    assert told.mean_mbps == pytest.approx(30.0)
    assert LONG_S / told.outages == pytest.approx(20, rel=0.1)


@pytest.mark.parametrize(
    ("kind", "wanted", "wrong"),
    [
        ("steps", Wanted(), "no kind of link 'steps'.*wifi, lte, outage"),
        ("lte", Wanted(mean_mbps=0.0), "mean of 0 Mbit/s cannot be had"),
        ("lte", Wanted(mean_mbps=float("nan")), "mean of nan Mbit/s cannot be had"),
        ("lte", Wanted(variation=0.0), r"coefficient of variation of 0 cannot be had.*between 0\.\d+ and"),
        ("lte", Wanted(variation=float("nan")), "coefficient of variation of nan cannot be had"),
        ("lte", Wanted(autocorrelation=1.0), r"an autocorrelation of 1 cannot be had.*between -?0\.\d+ and 0\.\d+"),
        ("lte", Wanted(outage_s=3.0), "outages of 3 s every inf s cannot be had: give both"),
        ("lte", Wanted(outage_s=3.0, outage_every_s=3.5), "outages of 3 s every 3.5 s cannot be had"),
        ("outage", Wanted(outage_s=0.5), "outages of 0.5 s every 50 s cannot be had"),
    ],
)
def test_statistics_that_cannot_be_had_are_refused_with_what_can(kind: str, wanted: Wanted, wrong: str) -> None:
    with pytest.raises(InputError, match=wrong):
        make_trace(kind, 0, 120, wanted)


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
