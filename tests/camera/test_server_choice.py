"""Which of several servers a client tries next, and when."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jellyfish.camera.retries import FIRST_S, STEADY_S, RetryPace
from jellyfish.camera.server_choice import MOST_NAMED, SOON_S, ServerChoice


def stream_at(host: str, scheme: str = "ws") -> str:
    return f"{scheme}://{host}:8765/v1/stream"


HOME, B, C, D = (stream_at(host) for host in "abcd")


def choice(name: str = "camera", *alternatives: str, home: str = HOME, with_token: bool = False) -> ServerChoice:
    chosen = ServerChoice(name)
    chosen.begin(home, with_token)
    chosen.name(alternatives)
    return chosen


def moved(chosen: ServerChoice, open_s: float = 0.0) -> str:
    """Where the next try is made, of one that is made soon."""
    pause_s = chosen.pause_s(open_s)
    assert pause_s is not None
    assert pause_s <= SOON_S
    return chosen.url


@given(seed=st.text(max_size=8), open_s=st.lists(st.floats(0, 20), max_size=12))
def test_with_one_server_pauses_are_those_of_one_server(seed: str, open_s: list[float]) -> None:
    alone, pace = choice(seed), RetryPace(seed)
    for each_s in open_s:
        assert alone.pause_s(each_s) == pace.pause_s(each_s)
        assert (alone.url, alone.elsewhere) == (HOME, None)


def test_all_others_are_tried_soon_and_then_all_again_after_longer_and_longer_pauses() -> None:
    chosen = choice("camera", B, C)
    assert {chosen.url, moved(chosen, 60.0), moved(chosen)} == {HOME, B, C}
    longest_s = FIRST_S
    for _ in range(4):
        pause_s = chosen.pause_s(0.0)
        assert pause_s is not None
        assert longest_s / 2 <= pause_s <= longest_s
        assert {chosen.url, moved(chosen), moved(chosen)} == {HOME, B, C}
        longest_s *= 2


def test_a_stream_that_lasted_begins_a_new_round_and_short_ones_do_not() -> None:
    chosen = choice("camera", B)
    assert moved(chosen, STEADY_S) == B
    assert moved(chosen, STEADY_S) == HOME
    assert moved(chosen, STEADY_S) == B
    assert chosen.pause_s(STEADY_S - 0.1) is not None  # home and B have both failed since, so this is a pause
    assert len(chosen.others) == 1


def test_after_a_stream_that_lasted_pauses_begin_short_again() -> None:
    chosen = choice("camera", B)
    for _ in range(12):
        chosen.pause_s(0.0)
    moved(chosen, STEADY_S)
    pause_s = chosen.pause_s(0.0)
    assert pause_s is not None
    assert pause_s <= FIRST_S


def test_clients_of_one_server_that_is_gone_spread_evenly_and_each_goes_the_same_way_again() -> None:
    goals = Counter(moved(choice(f"camera-{number}", B, C, D), 60.0) for number in range(3000))
    assert set(goals) == {B, C, D}
    assert all(900 <= many <= 1100 for many in goals.values())
    assert [moved(choice(f"camera-{number}", D, C, B), 60.0) for number in range(20)] == [
        moved(choice(f"camera-{number}", B, C, D), 60.0) for number in range(20)
    ]


def test_clients_of_one_server_that_is_gone_do_not_come_in_the_same_moment() -> None:
    pauses = sorted(choice(f"camera-{number}", B).pause_s(60.0) or 0.0 for number in range(200))
    assert pauses[-1] <= SOON_S
    assert all(sum(start <= each < start + SOON_S / 10 for each in pauses) <= 40 for start in pauses)


def test_whoever_has_named_others_is_known_when_those_are_gone_and_home_always() -> None:
    chosen = choice("camera", B)
    assert moved(chosen, 60.0) == B
    chosen.name((C,))  # B does not name itself, nor does it know of home
    assert {moved(chosen, 60.0), moved(chosen)} == {HOME, C}
    assert chosen.pause_s(0.0) is not None
    assert {chosen.url, *chosen.others} == {HOME, B, C}


def test_who_refuses_for_good_is_not_asked_again_until_none_is_left() -> None:
    chosen = choice("camera", B)
    moved(chosen)
    chosen.strike()
    for _ in range(5):
        assert chosen.pause_s(0.0) is not None
        assert chosen.url == HOME
    chosen.strike()
    assert chosen.pause_s(0.0) is None


def test_a_server_that_was_started_anew_and_knows_no_other_yet_takes_nothing_from_what_is_known() -> None:
    """Of two, each is killed and started again in turn: the camera goes to and fro."""
    chosen = choice("camera", B)
    for expected in (B, HOME, B, HOME):
        assert moved(chosen, 60.0) == expected
        chosen.name([])


def test_only_so_many_addresses_are_kept_the_newest_first() -> None:
    chosen = choice("camera")
    for number in range(3 * MOST_NAMED):
        chosen.name([stream_at(f"other-{number}")])
    assert len(chosen.others) == MOST_NAMED - 1  # one of them is where it is
    assert stream_at(f"other-{3 * MOST_NAMED - 1}") in chosen.others


def test_what_is_known_lasts_over_streams() -> None:
    chosen = choice("camera", B)
    moved(chosen, 60.0)
    chosen.begin(HOME, with_token=False)
    assert (chosen.url, chosen.elsewhere) == (B, B)
    assert chosen.others == [] or set(chosen.others) <= {HOME}


@pytest.mark.parametrize(
    ("home", "with_token", "named", "kept"),
    [
        (stream_at("a"), False, stream_at("b"), True),
        (stream_at("a"), False, stream_at("b", "wss"), True),
        (stream_at("a"), True, stream_at("b", "wss"), True),
        (stream_at("a", "wss"), False, stream_at("b", "wss"), True),
        (stream_at("a", "wss"), False, stream_at("b"), False),
        (stream_at("a", "wss"), False, stream_at("a"), False),
        (stream_at("a", "wss"), True, stream_at("localhost"), False),
        (stream_at("a"), True, stream_at("b"), False),
        (stream_at("a"), True, "ws://a:8766/v1/stream", True),
        (stream_at("a"), True, stream_at("127.0.0.1"), True),
        (stream_at("a"), False, "ws://user:word@b:8765/v1/stream", False),
        (stream_at("a"), False, "http://b:8765/v1/stream", False),
        (stream_at("a"), False, "ws://b:8765/elsewhere", False),
        (stream_at("a"), False, "", False),
    ],
)
def test_no_server_sends_a_client_where_it_is_less_safe(home: str, with_token: bool, named: str, kept: bool) -> None:
    chosen = choice("camera", named, home=home, with_token=with_token)
    assert list(chosen.others) == ([named] if kept else [])
