"""Whose frame is decoded next."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jellyfish.server.decoding_queue import LARGE_MEGAPIXELS, LEAST_MEGAPIXELS, DecodingQueue, WaitingFrame

NEVER_S = 1e9


def frame(client: str, megapixels: float = 0.1, deadline_s: float = NEVER_S, number: int = 0) -> WaitingFrame[int]:
    return WaitingFrame(client, megapixels, deadline_s, number)


def waiting(*frames: WaitingFrame[int]) -> DecodingQueue[int]:
    queue: DecodingQueue[int] = DecodingQueue(1000)
    assert all(queue.put(each) for each in frames)
    return queue


def taken(queue: DecodingQueue[int], count: int, large: bool = True) -> str:
    frames = [queue.take(large) for _ in range(count)]
    return "".join("-" if each is None else each.client for each in frames)


def test_clients_take_turns_whoever_has_more_frames() -> None:
    queue = waiting(*(frame("a") for _ in range(4)), frame("b"), frame("b"), frame("c"))
    assert taken(queue, 8) == "abcabaa-"


def test_a_client_that_had_a_large_picture_waits_for_as_many_small_ones() -> None:
    queue = waiting(frame("a", 1.0), frame("a", 1.0), *(frame("b", 0.25) for _ in range(6)))
    assert taken(queue, 8) == "abbbbabb"


def test_frames_of_a_client_keep_their_order() -> None:
    queue = waiting(*(frame("a", number=number) for number in range(3)))
    assert [each.owner for each in (queue.take(True), queue.take(True), queue.take(True)) if each] == [0, 1, 2]


def test_nobody_saves_up_turns() -> None:
    queue = waiting(*(frame("a", 1.0) for _ in range(9)))
    assert taken(queue, 5) == "aaaaa"
    for _ in range(3):
        queue.put(frame("b", 1.0))
    assert taken(queue, 7) == "bababaa"


def test_who_has_had_a_large_picture_and_comes_again_is_behind_those_that_wait() -> None:
    queue = waiting(frame("a", 5.0), frame("b", 0.5))
    assert taken(queue, 1) == "a"
    queue.put(frame("a", 5.0))
    queue.put(frame("b", 0.5))
    assert taken(queue, 3) == "bba"


def test_large_pictures_are_passed_over_where_they_may_not_be_taken() -> None:
    queue = waiting(frame("a", LARGE_MEGAPIXELS), frame("b", 0.5 * LARGE_MEGAPIXELS), frame("a"))
    assert taken(queue, 3, large=False) == "b--"
    assert taken(queue, 2) == "aa"


def test_frames_that_are_too_late_are_handed_back() -> None:
    late, early = frame("a", deadline_s=2.0), frame("b", deadline_s=3.0)
    queue = waiting(late, early)
    assert queue.expired(1.9) == []
    assert queue.expired(2.0) == [late]
    assert (taken(queue, 2), len(queue)) == ("b-", 0)


def test_it_is_bounded() -> None:
    queue: DecodingQueue[int] = DecodingQueue(2)
    assert [queue.put(frame(name)) for name in "abc"] == [True, True, False]
    assert queue.remove(frame("a")) is False
    assert len(queue.clear()) == 2
    assert [queue.put(frame(name)) for name in "abc"] == [True, True, False]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0.0, 5.0)), min_size=1, max_size=80))
def test_while_two_clients_wait_neither_gets_more_than_one_picture_ahead(puts: list[tuple[str, float]]) -> None:
    queue = waiting(*(frame(client, megapixels) for client, megapixels in puts))
    left = {client: sum(each == client for each, _ in puts) for client in "abc"}
    given_to = dict.fromkeys("abc", 0.0)
    while (each := queue.take(True)) is not None:
        others = [given_to[client] for client, count in left.items() if count]
        assert given_to[each.client] <= min(others) + 1e-9
        given_to[each.client] += max(LEAST_MEGAPIXELS, each.megapixels)
        left[each.client] -= 1
    assert not any(left.values()) and len(queue) == 0
