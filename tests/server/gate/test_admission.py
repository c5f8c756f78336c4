"""Connections are counted from the first moment, and nobody keeps others out by saying nothing."""

from jellyfish.config import Limits
from jellyfish.server.gate.admission import AT_ONCE, Admission

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
        admission.asked(number, for_stream=True)
    admission.opened("health", FAR)
    admission.asked("health", for_stream=False)
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
