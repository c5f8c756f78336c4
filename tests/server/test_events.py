"""What is told of clients: who joins, leaves, is refused and why, and how they fared; never more than one can read."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from jellyfish.config import Limits
from jellyfish.protocol import wire
from jellyfish.server.events import (
    LONGEST,
    ClientJoined,
    ClientLeft,
    ClientRefused,
    DeviceChanged,
    DeviceSuspect,
    EventsLeftOut,
    MinutePassed,
    PlacesMissing,
    ServerEvent,
    TargetMissed,
    as_json,
    in_words,
)
from jellyfish.server.service import Service
from jellyfish.server.sparing_events import REFUSED_AT_ONCE, SparingEvents
from tests.server.peer import LARGE, connected, everyone_on, refused, running, welcomed
from tests.virtual import virtual

JOINED = ClientJoined("camera", "10.0.0.7", 15, 100)
REFUSED = ClientRefused("camera", "10.0.0.7", "full", "the server has its 1 clients; try again later")


def heard(service: Service) -> list[ServerEvent]:
    """What will have been told of the clients of `service`."""
    told: list[ServerEvent] = []
    service.on_event = told.append
    return told


@virtual
async def test_a_client_that_comes_and_goes_is_told_with_what_became_of_its_frames() -> None:
    async with running() as service:
        told = heard(service)
        async with welcomed("front door", slo_ms=250) as peer:
            service.apply(everyone_on(LARGE, "front door"))
            await peer.send_frame(0)
            await peer.until(wire.Result)
            minute = service.last_minute()
            await peer.send(wire.Bye())
            await peer.until(wire.Farewell)
    joined, left = told
    assert isinstance(joined, ClientJoined)
    assert (joined.client, joined.fps, joined.slo_ms) == ("front door", 15, 250)
    assert isinstance(left, ClientLeft)
    assert (left.client, left.code, left.frames, left.on_time) == ("front door", "bye", 1, 1)
    assert minute == MinutePassed(clients=1, frames=1, on_time=1, sizes={LARGE.name: 1})
    assert service.last_minute() is None  # nobody is there, and nothing has ended since


@virtual
async def test_a_connection_that_ends_is_told_and_its_frames_count_in_the_minute() -> None:
    async with running() as service:
        told = heard(service)
        async with welcomed() as peer:
            await peer.send_frame(0)
            await peer.until(wire.Result)
        await asyncio.sleep(1)
        assert [(event.code, event.frames) for event in told if isinstance(event, ClientLeft)] == [("gone", 1)]
        minute = service.last_minute()
        assert minute is not None and (minute.clients, minute.frames) == (0, 1)


@virtual
async def test_who_is_refused_is_told_with_the_reason_and_whoever_says_nothing_without_a_name() -> None:
    async with running(Limits(clients=1)) as service, welcomed("first"):
        told = heard(service)
        async with connected() as second:
            await refused(second, second.send(wire.Hello("second", 15, 100)))
        async with connected() as silent:
            await refused(silent, asyncio.sleep(0))
        await asyncio.sleep(1)
    assert [(event.client, event.code) for event in told if isinstance(event, ClientRefused)] == [
        ("second", "full"),
        ("", "silent"),
    ]


def test_refusals_are_told_sparingly_with_their_number_and_take_nobody_elses_lines() -> None:
    sparing = SparingEvents(clients=4)
    told = [event for _ in range(1000) for event in sparing.told(REFUSED, 0.0)]
    assert len(told) == REFUSED_AT_ONCE
    assert sparing.told(JOINED, 0.0) == [EventsLeftOut(1000 - len(told)), JOINED]
    assert sparing.told(REFUSED, 1.0) == [REFUSED]


def test_who_joins_again_and_again_does_not_fill_a_log() -> None:
    sparing = SparingEvents(clients=4)
    told = [event for number in range(3600) for event in sparing.told(JOINED, number / 10)]
    assert len([event for event in told if event == JOINED]) <= 8 + 360
    minute = MinutePassed(0, 0, 0, {})
    assert sparing.told(minute, 360.0)[-1] == minute


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (JOINED, "camera joined from 10.0.0.7: 15 fps, 100 ms"),
        (REFUSED, "camera from 10.0.0.7 refused (full: the server has its 1 clients; try again later)"),
        (ClientRefused("", "::1", "silent", "no hello"), "::1 refused (silent: no hello)"),
        (
            ClientLeft("camera", "::1", "bye", "it said goodbye", 61.7, 925, 924),
            "camera left after 62 s (bye: it said goodbye); 99.9 % of 925 frames on time",
        ),
        (MinutePassed(1, 0, 0, {}), "1 client; no frames; 1 without a place"),
        (
            MinutePassed(4, 3600, 3600, {"w100e2-320": 1, "w075e2-320": 2}),
            "4 clients; 100 % of 3,600 frames on time; 2 x w075e2-320, 1 x w100e2-320, 1 without a place",
        ),
        (EventsLeftOut(7), "7 more such lines left out"),
        (DeviceChanged("cuda:0", "hanging", "working"), "cuda:0 is hanging (was working)"),
        (DeviceSuspect("cpu", 2.34, True), "cpu takes 2.3 times its profiled time"),
        (DeviceSuspect("cpu", 1.1, False), "cpu is no longer suspect: it takes 1.1 times its profiled time"),
        (PlacesMissing(9, 2), "the plan has no place for 2 of 9 clients: they may only probe"),
        (PlacesMissing(9, 0), "the plan has a place for each of 9 clients"),
        (
            TargetMissed(2, "door", 900, 890, 99.9),
            "target of 99.9 % missed by 2 clients in the last minute, most by door 98.9 % of 900 frames",
        ),
    ],
)
def test_events_in_words(event: ServerEvent, words: str) -> None:
    assert in_words(event) == words


def test_words_of_clients_bring_no_control_characters_and_no_long_lines() -> None:
    line = in_words(ClientRefused("", "::1", "bad", "\x1b[31m\n" + 1000 * "x"))
    assert "\x1b" not in line and "\n" not in line
    assert len(line) == LONGEST


def test_a_line_for_machines_is_one_object_with_its_time_whatever_clients_are_called() -> None:
    line = as_json(ClientRefused('"\n{', "10.0.0.7", "full", "no"), "2026-11-30T08:00:00.000+00:00")
    assert "\n" not in line
    assert msgspec.json.decode(line) == {
        "time": "2026-11-30T08:00:00.000+00:00", "event": "client_refused", "client": '"\n{', "address": "10.0.0.7",
        "code": "full", "why": "no",
    }  # fmt: skip


def test_a_form_for_machines_names_each_event() -> None:
    assert msgspec.json.decode(msgspec.json.encode(JOINED)) == {
        "event": "client_joined", "client": "camera", "address": "10.0.0.7", "fps": 15.0, "slo_ms": 100.0,
    }  # fmt: skip
