"""Connections are counted from the first moment, and nobody keeps others out by saying nothing."""

from jellyfish.config import Limits
from jellyfish.server.gate.admission import AT_ONCE, Admission
from jellyfish.server.gate.inlet import RequestKind

FAR = "203.0.113.7"


def test_the_oldest_newcomer_of_whoever_has_most_makes_room() -> None:
    admission = Admission(Limits(newcomers=4, per_address=None))
    for number in range(3):
        assert admission.opened(f"idle {number}", "10.0.0.1") is None
    assert admission.opened("honest", FAR) is None
    assert admission.opened("one more", FAR) == "idle 0"
    admission.closed("idle 0")
    assert admission.newcomers == 4


def test_an_address_has_its_share_of_newcomers_and_of_streams() -> None:
    admission = Admission(Limits(per_address=2))
    for number in range(2):
        assert admission.opened(number, FAR) is None
        assert admission.begins(number, FAR) is None
    assert admission.opened(2, FAR) is None
    assert "--per-address" in str(admission.begins(2, FAR))
    assert admission.begins(2, "203.0.113.8") is None
    admission.closed(0)
    assert admission.opened(3, FAR) is None
    assert admission.begins(3, FAR) is None


def test_addresses_of_one_network_share() -> None:
    admission = Admission(Limits(per_address=2))
    for number in range(2):
        assert admission.begins(number, f"2001:db8::{number + 1}") is None
    assert "2001:db8::/64 has its 2 streams" in str(admission.begins(2, "2001:db8::3"))
    assert admission.begins(2, "2001:db8:0:1::3") is None
    admission.closed(0)
    assert admission.begins(3, "2001:db8::3") is None


def test_loopback_and_named_proxies_are_not_counted_by_address() -> None:
    for limits, address in (
        (Limits(per_address=1), "127.0.0.5"),
        (Limits(per_address=1, proxies=frozenset({FAR})), FAR),
    ):
        admission = Admission(limits)
        assert [admission.opened(number, address) for number in range(3)] == [None] * 3
    admission = Admission(Limits(per_address=1, count_loopback=True))
    assert [admission.opened(number, "127.0.0.5") for number in range(2)] == [None, 0]


def test_requests_are_let_on_at_their_rate_and_in_their_order() -> None:
    admission = Admission(Limits(joins_per_s=10.0))
    for number in range(100):
        admission.opened(number, FAR if number % 2 else "203.0.113.8")
        admission.asked(number, RequestKind.STREAM)
    admission.opened("health", FAR)
    admission.asked("health", RequestKind.OTHER)
    assert admission.let_on(0.0) == [*range(AT_ONCE), "health"]
    assert admission.wait_s(0.0) == 0.0
    first = [admission.let_on(0.0) for _ in range(5)]
    assert [key for keys in first for key in keys] == list(range(AT_ONCE, 20))
    assert admission.wait_s(0.0) == 0.1
    admission.closed(20)
    assert admission.let_on(0.1) == [21]


def test_streams_are_bounded_and_give_their_places_back() -> None:
    limits = Limits(clients=1, per_address=None)
    admission = Admission(limits)
    for number in range(limits.connections):
        admission.opened(number, FAR)
        assert admission.begins(number, FAR) is None
    admission.opened("late", FAR)
    assert "try again later" in str(admission.begins("late", FAR))
    admission.closed(0)
    assert admission.begins("late", FAR) is None
    for key in (*range(limits.connections), "late"):
        admission.closed(key)
    assert (admission.streams, admission.newcomers) == (0, 0)


def test_who_watches_takes_no_cameras_place_but_one_of_its_address() -> None:
    limits = Limits(clients=1, per_address=3)
    admission = Admission(limits)
    for key in ("first", "second", "third", "fourth"):
        admission.opened(key, FAR)
    assert admission.begins("first", FAR, watching=True) is None is admission.begins("second", FAR, watching=True)
    assert admission.streams == 0 and admission.begins("third", FAR) is None and admission.streams == 1
    assert "has its 3 streams" in str(admission.begins("fourth", FAR, watching=True))
    admission.closed("first")
    assert admission.begins("fourth", FAR, watching=True) is None and admission.streams == 1


def test_who_asks_is_not_the_oldest() -> None:
    admission = Admission(Limits(newcomers=2, per_address=None))
    for key in ("asks", "silent"):
        admission.opened(key, FAR)
    admission.asked("asks", RequestKind.INFERENCE)
    assert admission.opened("one more", FAR) == "silent"


def test_a_request_that_is_being_answered_is_not_cut_for_more_of_its_own_address_but_for_others() -> None:
    admission = Admission(Limits(newcomers=3, per_address=2))
    for key in ("first", "second"):
        admission.opened(key, FAR)
        admission.asked(key, RequestKind.INFERENCE)
    assert admission.let_on(0.0) == ["first", "second"]
    assert admission.opened("third", FAR) == "third"
    admission.closed("third")
    assert admission.opened("other", "203.0.113.8") is None
    assert admission.opened("another", "203.0.113.9") == "first"
    admission.closed("first")
    admission.answered("second")
    assert admission.opened("fourth", FAR) == "second"


def test_requests_for_inference_have_a_rate_of_their_own() -> None:
    admission = Admission(Limits(requests_per_s=0.5, inferences_per_s=100.0))
    for number in range(3):
        for kind in (RequestKind.OTHER, RequestKind.INFERENCE):
            admission.opened((kind, number), FAR)
            admission.asked((kind, number), kind)
    assert [kind for kind, _ in admission.let_on(0.0)] == [RequestKind.INFERENCE] * 3 + [RequestKind.OTHER]


def test_the_servers_own_streams_take_no_place_of_an_address() -> None:
    admission = Admission(Limits(per_address=1))
    assert [admission.begins(number, None) for number in range(5)] == [None] * 5
    assert admission.begins(5, FAR) is None and admission.begins(6, FAR) is not None
    for number in range(5):
        admission.closed(number)
    assert admission.streams == 1
