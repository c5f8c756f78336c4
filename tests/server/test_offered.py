"""Clients are planned for as they send, not as they say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jellyfish.server.offered import OfferedRate


def sent(fps: float, seconds: float, agreed_fps: float = 15.0) -> tuple[OfferedRate, float]:
    rate, now = OfferedRate(agreed_fps), 0.0
    while now < seconds:
        rate.came(now, agreed_fps)
        now += 1 / fps
    return rate, now


def test_who_has_sent_nothing_is_not_there() -> None:
    assert OfferedRate(15.0).fps(100.0, 15.0) == 0.0


def test_a_newcomers_word_is_taken_for_a_moment() -> None:
    rate = OfferedRate(15.0)
    rate.expect(10.0)
    assert rate.fps(11.9, 15.0) == 15.0
    assert rate.fps(12.1, 15.0) == 0.0
    rate.expect(20.0)
    assert not rate.came(21.5, 15.0)
    assert rate.fps(21.6, 15.0) == 15.0


def test_the_first_frame_makes_a_client_count_in_full() -> None:
    rate = OfferedRate(15.0)
    assert rate.came(5.0, 4.0)
    assert rate.fps(5.0, 4.0) == 15.0
    assert rate.fps(5.1, 15.0) == 15.0


@pytest.mark.parametrize("fps", [15.0, 10.0, 8.5])
def test_skipping_up_to_half_of_the_frames_changes_nothing(fps: float) -> None:
    rate, now = sent(fps, 20.0)
    assert rate.fps(now, 15.0) == pytest.approx(15.0, rel=0.05)


def test_sending_less_than_half_counts_as_much_less() -> None:
    rate, now = sent(3.75, 20.0)
    assert rate.fps(now, 15.0) == pytest.approx(7.5, rel=0.3)


@pytest.mark.parametrize(("agreed_fps", "within_s"), [(15.0, 3.5), (240.0, 3.5), (0.2, 60.0)])
def test_silence_takes_a_client_out_and_one_frame_brings_it_back(agreed_fps: float, within_s: float) -> None:
    rate, now = sent(agreed_fps, 10.0, agreed_fps)
    assert rate.fps(now, agreed_fps) == pytest.approx(agreed_fps)
    assert rate.fps(now + within_s, agreed_fps) == 0.0
    assert rate.came(now + within_s, agreed_fps)
    assert rate.fps(now + within_s, agreed_fps) == agreed_fps
    assert not rate.came(now + within_s + 0.01, agreed_fps)


def test_who_sends_as_seldom_as_it_is_asked_to_counts_in_full() -> None:
    rate = OfferedRate(15.0)
    for number in range(20):
        rate.came(number / 4, 4.0)
    assert rate.fps(5.0, 4.0) == 15.0


@given(st.lists(st.tuples(st.floats(0, 5), st.sampled_from([0.5, 4.0, 15.0])), max_size=40))
def test_it_is_never_more_than_was_agreed(steps: list[tuple[float, float]]) -> None:
    rate, now = OfferedRate(15.0), 0.0
    for pause_s, asked_fps in steps:
        now += pause_s
        assert 0.0 <= rate.fps(now, asked_fps) <= 15.0
        rate.came(now, asked_fps)
        assert 0.0 < rate.fps(now, asked_fps) <= 15.0
