"""What is told of a server's state: when it begins and when it ends, once each, and not what passes at once."""

from __future__ import annotations

from jellyfish.server.conditions import LASTS_S, ClientFared, Conditions, DevicePace
from jellyfish.server.events import DeviceChanged, DeviceSuspect, PlacesMissing, TargetMissed


def test_a_device_that_fails_and_works_again_is_told_at_once_and_once_each() -> None:
    conditions = Conditions()
    states = ["working", "working", "hanging", "hanging", "working"]
    told = [
        event
        for second, state in enumerate(states)
        for event in conditions.devices({"cpu": DevicePace(state, 1.0)}, float(second))
    ]
    assert told == [DeviceChanged("cpu", "hanging", "working"), DeviceChanged("cpu", "working", "hanging")]


def test_a_device_is_slow_when_it_has_been_for_a_while_and_until_it_is_clearly_quicker() -> None:
    conditions = Conditions()
    told = []
    for second, slow_down in enumerate([1.0, 2.0, 1.0, *[1.6] * 7, *[1.4] * 7, *[1.2] * 7]):
        told += conditions.devices({"cpu": DevicePace("working", slow_down)}, float(second))
    assert told == [DeviceSuspect("cpu", 1.6, True), DeviceSuspect("cpu", 1.2, False)]


def test_clients_without_a_place_are_told_when_that_lasts_and_when_it_is_over() -> None:
    conditions, told = Conditions(), []
    for second in range(30):
        without = 2 if second == 3 or 8 <= second < 20 else 0
        told += [(second, event) for event in conditions.places(4, without, float(second))]
    assert told == [(8 + LASTS_S, PlacesMissing(4, 2)), (20 + LASTS_S, PlacesMissing(4, 0))]


def test_a_missed_target_is_one_line_a_minute_with_whoever_has_fared_worst() -> None:
    conditions = Conditions()
    first = [("a", ClientFared(900, 900), 99.0), ("b", ClientFared(900, 880), 99.0), ("c", ClientFared(10, 0), 99.0)]
    assert conditions.minute(first) == [TargetMissed(1, "b", 900, 880, 99.0)]
    second = [("a", ClientFared(1000, 950), 99.0), ("b", ClientFared(1800, 1779), 99.0)]
    assert conditions.minute(second) == [TargetMissed(1, "a", 100, 50, 99.0)]
    assert conditions.minute(second) == []  # nothing has ended since
    both = [("a", ClientFared(1100, 950), 99.0), ("b", ClientFared(1900, 1809), 99.0)]
    assert conditions.minute(both) == [TargetMissed(2, "a", 100, 0, 99.0)]


def test_devices_that_come_and_go_are_told_of_but_not_those_that_it_begins_with() -> None:
    conditions, working = Conditions(), DevicePace("working", 1.0)
    told = [
        conditions.devices(dict.fromkeys(here, working), float(second))
        for second, here in enumerate([["a"], ["a", "b"], ["b"], [], ["a"]])
    ]
    assert told == [
        [],
        [DeviceChanged("b", "working", "gone")],
        [DeviceChanged("a", "gone", "working")],
        [DeviceChanged("b", "gone", "working")],
        [DeviceChanged("a", "working", "gone")],
    ]
