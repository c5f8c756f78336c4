import re

import pytest

from jellyfish.errors import InputError
from jellyfish.link.statistics import statistics_of
from jellyfish.link.synthetic import make_trace
from jellyfish.link.wanted import Wanted, wanted_trace

LONG_S = 20_000.0


def test_with_nothing_wanted_a_trace_is_as_it_comes() -> None:
    assert wanted_trace("outage", 3, 60, Wanted()) == make_trace("outage", 3, 60)


@pytest.mark.parametrize("kind", ["wifi", "lte"])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_made_trace_has_the_wanted_statistics_itself(kind: str, seed: int) -> None:
    told = statistics_of(wanted_trace(kind, seed, 300, Wanted(8.0, 0.5, 0.6)))
    assert told.duration_s == 300
    assert told.mean_mbps == pytest.approx(8.0, rel=1e-6)
    assert told.variation == pytest.approx(0.5, abs=0.005)
    assert told.autocorrelation == pytest.approx(0.6, abs=0.005)


def test_what_is_said_to_be_in_reach_can_be_had() -> None:
    with pytest.raises(InputError) as refused:
        wanted_trace("lte", 0, 120, Wanted(autocorrelation=1.0))
    low, high = (float(number) for number in re.findall(r"0\.\d\d", str(refused.value)))
    assert high > 0.7  # as it comes it has no less
    for wanted in (low, (low + high) / 2, high):
        told = statistics_of(wanted_trace("lte", 0, 120, Wanted(autocorrelation=wanted)))
        assert told.autocorrelation == pytest.approx(wanted, abs=0.005)


def test_any_kind_can_be_made_with_outages() -> None:
    told = statistics_of(wanted_trace("wifi", 0, LONG_S, Wanted(mean_mbps=30.0, outage_s=5.0, outage_every_s=20.0)))
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
        wanted_trace(kind, 0, 120, wanted)
