"""When a lost connection is tried again."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jellyfish.camera.retries import FIRST_S, LONGEST_S, STEADY_S, RetryPace, is_hopeless, is_hopeless_status


def pauses(pace: RetryPace, count: int) -> list[float]:
    return [pace.pause_s(0.0) for _ in range(count)]


def test_pauses_double_up_to_the_longest_and_are_the_same_again_for_the_same_seed() -> None:
    first = pauses(RetryPace("camera-0"), 8)
    for number, pause_s in enumerate(first):
        longest_s = min(LONGEST_S, FIRST_S * 2**number)
        assert longest_s / 2 <= pause_s <= longest_s
    assert first == pauses(RetryPace("camera-0"), 8)
    assert first != pauses(RetryPace("camera-1"), 8)


@given(seed=st.text(max_size=8), away_s=st.floats(0, 60))
def test_a_server_that_was_away_is_found_within_the_bound(seed: str, away_s: float) -> None:
    pace, tried_s = RetryPace(seed), 0.0
    while tried_s < away_s:
        tried_s += pace.pause_s(0.0)
    assert tried_s - away_s <= min(2 * away_s + FIRST_S, LONGEST_S)


def test_many_clients_do_not_come_back_at_once() -> None:
    """Of 100 clients that lost the same server, no fiftieth of the first second sees more than a tenth."""
    arrivals = sorted(t for n in range(100) for t in itertools.accumulate(pauses(RetryPace(f"camera-{n}"), 4)) if t < 1)
    for start_s in arrivals:
        assert sum(start_s <= each < start_s + 0.005 for each in arrivals) <= 10


def test_a_stream_that_was_open_for_a_while_is_tried_again_quickly() -> None:
    pace = RetryPace("camera")
    pauses(pace, 6)
    assert pace.pause_s(STEADY_S - 0.1) > FIRST_S
    assert pace.pause_s(STEADY_S) <= FIRST_S
    assert pace.pause_s(0.0) <= 2 * FIRST_S


@pytest.mark.parametrize(
    ("code", "open_s", "hopeless"),
    [
        ("unknown_version", 0.0, True),
        ("message_too_large", 0.0, True),
        ("bad_message", STEADY_S, False),
        ("full", 0.0, False),
        ("draining", 0.0, False),
        ("silent", 0.0, False),
        ("new_in_version_9", 0.0, False),
    ],
)
def test_what_would_only_happen_again_is_hopeless(code: str, open_s: float, hopeless: bool) -> None:
    assert is_hopeless(code, open_s) is hopeless


@pytest.mark.parametrize(("status", "hopeless"), [(404, True), (403, True), (429, False), (503, False), (200, False)])
def test_statuses_that_ask_for_another_try_are_not_hopeless(status: int, hopeless: bool) -> None:
    assert is_hopeless_status(status) is hopeless
