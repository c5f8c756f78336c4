"""Which part of a device each of its fronts has, and what they are told of each other."""

from __future__ import annotations

import pytest

from jellyfish.devices.executor import DeviceGrant
from jellyfish.devices.stream.sharing import LATELY_S, MOST_TOLD, SILENT_S, AskedShare, DeviceSharing, Longest
from jellyfish.modes.worker import shared_out

A, B = "ws://a/v1/stream", "ws://b/v1/stream"


def both() -> DeviceSharing:
    sharing = DeviceSharing(shared_out)
    sharing.come("1", A, 0.0)
    assert sharing.changed(0.0) == {}, "all of it, which it takes for granted"
    sharing.come("2", B, 0.0)
    return sharing


def test_a_second_front_is_given_something_at_once_and_both_are_told_of_each_other() -> None:
    assert both().changed(0.0) == {"1": DeviceGrant(0.5, 0.0, (B,)), "2": DeviceGrant(0.5, 0.0, (A,))}


def test_shares_follow_what_each_could_use() -> None:
    sharing = both()
    sharing.ask("1", AskedShare(0.6, 100.0))
    sharing.ask("2", AskedShare(0.2, 100.0))
    told = sharing.changed(0.0)
    assert told["1"].share == pytest.approx(0.75)
    assert told["1"].share + told["2"].share == pytest.approx(1.0)
    assert sharing.changed(0.1) == {}, "told once"


def test_what_a_front_that_has_gone_had_is_the_others_at_once() -> None:
    sharing = both()
    sharing.changed(0.0)
    sharing.leave("1")
    assert sharing.changed(0.0) == {"2": DeviceGrant()}


def test_a_front_that_says_nothing_has_no_share_until_it_does() -> None:
    sharing = both()
    sharing.changed(0.0)
    late_s = SILENT_S + 0.1
    sharing.heard("2", late_s)
    assert sharing.shares(late_s) == {"2": 1.0}
    assert sharing.changed(late_s) == {"2": DeviceGrant()}
    sharing.heard("1", late_s)
    assert sharing.changed(late_s) == {"2": DeviceGrant(0.5, 0.0, (A,))}, "the other has been told so before"


def test_a_front_may_have_to_wait_for_the_longest_batch_that_others_had_lately() -> None:
    sharing = both()
    sharing.ran("1", 0.05, 1.0)
    sharing.ran("1", 0.02, 1.0)
    sharing.ran("2", 0.01, 1.0)
    told = sharing.changed(1.0)
    assert (told["1"].waiting_s, told["2"].waiting_s) == (0.01, 0.05)


def test_the_longest_is_forgotten() -> None:
    longest = Longest()
    longest.add(3.0, 0.0)
    longest.add(1.0, LATELY_S - 0.1)
    assert longest.lately(LATELY_S + 1.0) == 3.0
    longest.add(1.0, LATELY_S + 1.0)
    assert longest.lately(2 * LATELY_S + 1.0) == 1.0
    assert longest.lately(10 * LATELY_S) == 0.0


def test_a_front_is_not_told_of_itself_nor_of_those_that_say_nothing_nor_of_too_many() -> None:
    sharing = DeviceSharing(shared_out)
    for number in range(40):
        sharing.come(str(number), "" if number % 2 else f"ws://front-{number}/v1/stream", 0.0)
    sharing.come("again", "ws://front-0/v1/stream", 0.0)
    told = sharing.changed(0.0)
    assert len(told["1"].fronts) == MOST_TOLD
    assert "ws://front-0/v1/stream" not in told["0"].fronts
    assert "ws://front-0/v1/stream" not in told["again"].fronts
