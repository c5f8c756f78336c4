"""Each way to miss has one word for where to look."""

from __future__ import annotations

import pytest

from jellyfish.core import Reason
from jellyfish.server.attained import LATE, NOT_SENT
from jellyfish.server.fleet.blame import Blame, Circumstances, TimeSplit, blamed

SLOW_NETWORK, SLOW_SERVER, SLOW_CAMERA = (
    TimeSplit(0.01, 0.3, 0.05),
    TimeSplit(0.01, 0.02, 0.3),
    TimeSplit(0.3, 0.02, 0.02),
)


def at(split: TimeSplit = SLOW_SERVER, over: bool = False, mapped: bool = True, thinned: bool = False) -> Circumstances:
    return Circumstances(split, over, mapped, thinned)


@pytest.mark.parametrize("reason", [Reason.EXPIRED, Reason.REPLACED, Reason.NO_ANSWER, LATE])
def test_of_what_was_late_that_is_to_blame_which_took_the_time(reason: str) -> None:
    splits = {SLOW_NETWORK: Blame.NETWORK, SLOW_SERVER: Blame.SERVER, SLOW_CAMERA: Blame.CAMERA}
    assert {split: blamed(reason, at(split)) for split in splits} == splits
    assert blamed(reason, at(TimeSplit())) is Blame.NETWORK


@pytest.mark.parametrize("reason", [Reason.EXPIRED, Reason.SERVER])
def test_a_server_whose_machine_has_too_much_to_do_is_not_short_of_devices(reason: str) -> None:
    assert blamed(reason, at()) is Blame.SERVER
    assert blamed(reason, at(over=True)) is Blame.HOST


def test_a_slow_network_stays_one_beside_a_busy_server() -> None:
    assert blamed(Reason.EXPIRED, at(SLOW_NETWORK, over=True)) is Blame.NETWORK


def test_frames_that_were_not_sent_are_put_down_to_the_plan_if_it_asked_for_less() -> None:
    assert blamed(NOT_SENT, at(mapped=False)) is Blame.OVERLOAD
    assert blamed(NOT_SENT, at(thinned=True)) is Blame.HOST
    assert blamed(NOT_SENT, at()) is Blame.NETWORK


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_its_word(reason: Reason) -> None:
    expected = {
        Blame.OVERLOAD: {Reason.OVERLOAD, Reason.QUEUE_FULL, Reason.PAUSED},
        Blame.HOST: {Reason.THINNED},
        Blame.NETWORK: {Reason.STALE, Reason.NETWORK, Reason.DISCONNECTED},
        Blame.SERVER: {Reason.EXPIRED, Reason.REPLACED, Reason.NO_ANSWER, Reason.SERVER, Reason.DEVICE_ERROR,
                       Reason.SHUTDOWN},
    }  # fmt: skip
    word = next((blame for blame, reasons in expected.items() if reason in reasons), Blame.CAMERA)
    assert blamed(reason.value, at()) is word


def test_what_a_client_makes_up_is_its_own() -> None:
    assert blamed("because", at()) is Blame.CAMERA
