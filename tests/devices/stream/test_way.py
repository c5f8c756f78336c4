"""What lies between a front and a worker: measured, and counted with in the profile as it is seen from there."""

from __future__ import annotations

import msgspec
import pytest

from jellyfish.devices.stream.way import FORGOTTEN_S, Way, WayMeter, seen_from
from tests.server.peer import LARGE, PROFILE

PIXELS = 448 * 252


def measured(exchange_s: float, bytes_per_s: float, decode_s: float, sizes: list[int]) -> WayMeter:
    """A meter of an exact link."""
    meter = WayMeter()
    for size in sizes:
        meter.exchanged(exchange_s)
        meter.carried(size, PIXELS, exchange_s + size / bytes_per_s, decode_s * size)
    return meter


def test_an_exact_link_is_measured_exactly() -> None:
    way = measured(0.020, 12.5e6, 1e-7, [10_000, 30_000, 20_000, 80_000] * 16).way
    assert way.exchange_s == pytest.approx(0.020)
    assert way.per_byte_s == pytest.approx(1 / 12.5e6)
    assert way.decode_per_byte_s == pytest.approx(1e-7)
    assert way.beyond_s == pytest.approx(0.0, abs=1e-9)


def test_what_varies_is_told_apart_from_what_is_usual() -> None:
    meter = WayMeter()
    for number in range(64):
        meter.exchanged(0.001)
        meter.carried(20_000, PIXELS, 0.001 + (0.004 if number % 5 == 0 else 0.0), 0.0)
    way = meter.way
    assert way.per_byte_s == pytest.approx(0.0, abs=1e-12)
    assert way.beyond_s == pytest.approx(0.004)


def test_nothing_is_known_at_first_and_signs_of_life_tell_something() -> None:
    meter = WayMeter()
    assert meter.way == Way()
    meter.exchanged(0.03)
    meter.exchanged(0.03)
    assert meter.way.exchange_s == pytest.approx(0.03)


def test_what_batches_took_long_ago_is_not_known_any_more() -> None:
    meter = WayMeter()
    meter.exchanged(0.001)
    meter.carried(20_000, PIXELS, 3.0, 0.5, now=100.0)
    meter.forget(100.0 + FORGOTTEN_S)
    assert meter.way.per_byte_s > 0
    meter.forget(100.1 + FORGOTTEN_S)
    assert (meter.way.per_byte_s, meter.way.exchange_s) == (0.0, 0.001)


def test_a_device_far_away_is_a_slower_one() -> None:
    way = Way(exchange_s=0.020, per_byte_s=1 / 12.5e6, beyond_s=0.003, bytes_per_pixel=0.2)
    seen = seen_from(PROFILE, way, in_flight=2)
    own, far = PROFILE.of(LARGE), seen.of(LARGE)
    added = [far_s - own_s for far_s, own_s in zip(far.p50_s, own.p50_s, strict=True)]
    assert added[0] == pytest.approx(0.020 + 448 * 252 * 0.2 / 12.5e6)
    assert added == sorted(added)
    assert far.p99_s[0] == pytest.approx(own.p99_s[0] + added[0] + 0.003)
    # 20 ms of running with 22 ms of way: two batches in flight keep the worker from 21 ms to the next one
    assert far.keeps_s[0] == pytest.approx(far.p50_s[0] / 2)


def test_a_near_device_keeps_its_rate_and_a_thin_link_takes_it() -> None:
    near = seen_from(PROFILE, Way(exchange_s=0.0002), in_flight=2)
    assert near.of(LARGE).keeps_s == PROFILE.of(LARGE).keeps_s
    thin = seen_from(PROFILE, Way(per_byte_s=1e-6, bytes_per_pixel=0.2), in_flight=2)
    assert thin.of(LARGE).keeps_s[0] == pytest.approx(448 * 252 * 0.2 * 1e-6)
    # the link is one, however many workers there are behind it
    many = seen_from(msgspec.structs.replace(PROFILE, workers=4), Way(per_byte_s=1e-6, bytes_per_pixel=0.2), 2)
    assert many.of(LARGE).keeps_s[0] == pytest.approx(4 * thin.of(LARGE).keeps_s[0])


def test_a_way_that_is_about_the_same_changes_nothing() -> None:
    way = Way(exchange_s=0.010)
    assert Way(exchange_s=0.011).like(way, PIXELS) and way.like(Way(exchange_s=0.011), PIXELS)
    assert not Way(exchange_s=0.013).like(way, PIXELS)
    assert Way(exchange_s=0.0003).like(Way(), PIXELS)
