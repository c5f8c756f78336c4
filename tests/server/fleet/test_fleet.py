"""`GET /v1/fleet` over real routes, in virtual time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from jellyfish.control.room import RoomFound, RoomSearch
from jellyfish.core import SourceState
from jellyfish.lab.simulation.network import HOST, PORT
from jellyfish.protocol import wire
from jellyfish.server.access import Access, AccessRules, RouteKind
from jellyfish.server.fleet import fleet as fleet_module
from jellyfish.server.fleet.fleet import GONE_S, FleetHistory
from jellyfish.server.fleet.routes import fleet_route
from jellyfish.server.fleet.telling import SourceTerms
from jellyfish.server.service import Service
from tests.server.peer import LARGE, Peer, everyone_on, http, running, welcomed
from tests.server.test_access import DOOR, GATE, bearer, token
from tests.virtual import virtual

FLEET = f"http://{HOST}:{PORT}/v1/fleet"


class Served:
    """A server whose fleet is watched."""

    def __init__(self) -> None:
        self.sources: dict[str, SourceState] = {}
        self.planning_s = 0.0
        self.room = RoomSearch()

    def states(self) -> Mapping[str, SourceState]:
        return self.sources

    def asked(self) -> dict[str, SourceTerms]:
        return {name: SourceTerms(None if name == "own" else 10.0, 0.15) for name in self.sources}

    @contextlib.asynccontextmanager
    async def running(self, access: Access | None = None) -> AsyncIterator[Service]:
        made: list[FleetHistory] = []

        def routes(service: Service) -> list[Any]:
            made.append(FleetHistory(service, lambda: self.planning_s, self.room, self.states, self.asked))
            return [fleet_route(made[0])]

        async with running(access=access, routes=routes) as service, made[0].watching():
            yield service


async def fleet(headers: dict[str, str] | None = None) -> dict[str, Any]:
    async with http() as session, session.get(FLEET, headers=headers) as answer:
        assert answer.status == 200
        told: dict[str, Any] = await answer.json()
        return told


async def camera(name: str) -> dict[str, Any]:
    return next(each for each in (await fleet())["cameras"] if each["name"] == name)


async def sends(peer: Peer, seconds: int, missed: dict[str, int] | None = None) -> None:
    """10 frames a second, and a report each second: those answered were in time."""
    for second in range(seconds):
        for frame in range(10):
            await peer.send_frame(10 * second + frame + 1)
            await peer.until(wire.Result)
            await asyncio.sleep(0.09)
        captured, missing = 10 * second + 10 + sum((missed or {}).values()), {"skipped": missed} if missed else {}
        await peer.send(wire.Report(captured, on_time=10 * second + 10, missed=missing))


@virtual
async def test_a_camera_is_told_of_as_it_was_asked_to_send_and_as_it_fared() -> None:
    served = Served()
    async with served.running() as service, welcomed("gate", slo_ms=200.0) as peer:
        service.apply(everyone_on(LARGE, "gate"))
        served.planning_s = 0.0
        await sends(peer, 10, {"stale": 2, "thinned": 1})
        served.planning_s = 0.5
        await asyncio.sleep(1.5)
        told = await camera("gate")
        assert {key: told[key] for key in ("source", "fetched", "slo_ms", "fps", "planned_fps", "variant", "size")} == {
            "source": "unknown", "fetched": False, "slo_ms": 200.0, "fps": 15.0, "planned_fps": 15.0,
            "variant": "w100-448", "size": [448, 256],
        }  # fmt: skip
        assert told["mapped"] and told["importance"] == 1.0 and not told["estimated"]
        assert told["on_time"] == {"minute": pytest.approx(100 * 100 / 103, abs=1e-3), "hour": told["on_time"]["hour"]}
        assert 18 < told["age_ms"]["p50"] <= told["age_ms"]["p99"] < 60
        assert len(told["uplink_history"]) >= 10 and told["uplink_history"][-1] == told["uplink_kbps"]
        misses = {(each["why"], each["reason"]): each["frames"] for each in told["missed"]}
        assert misses == {("network", "stale"): 2, ("host", "thinned"): 1}
        whole = await fleet()
        assert whole["on_time"]["minute"] == told["on_time"]["minute"]
        assert whole["devices"][0]["name"] == "cpu" and whole["devices"][0]["state"] == "working"
        assert 0 < whole["planning_share"] <= 0.1


@virtual
async def test_a_device_is_busy_for_the_share_of_the_time_that_its_batches_take() -> None:
    async with Served().running() as service, welcomed("gate") as peer:
        service.apply(everyone_on(LARGE, "gate"))
        await sends(peer, 5)
        assert 0.15 < (await fleet())["devices"][0]["busy_share"] < 0.3  # 20 ms each


@virtual
async def test_a_camera_that_broke_off_is_told_of_as_gone_for_a_while() -> None:
    served = Served()
    async with served.running():
        async with welcomed("gate") as peer, welcomed("passer-by") as other:
            await sends(other, 1)
            await sends(peer, 4)
        await asyncio.sleep(20.0)
        assert [each["name"] for each in (await fleet())["cameras"]] == ["gate"]
        told = await camera("gate")
        assert (told["source"], told["size"], told["uplink_kbps"]) == ("dead", None, None)
        assert ("network", "disconnected") in {(each["why"], each["reason"]) for each in told["missed"]}
        await asyncio.sleep(GONE_S)
        assert (await fleet())["cameras"] == []


@virtual
async def test_a_camera_that_said_goodbye_is_gone_and_one_that_is_back_is_there_once() -> None:
    served = Served()
    async with served.running():
        async with welcomed("gate") as peer:
            await sends(peer, 2)
        async with welcomed("gate") as peer:
            await sends(peer, 3)
            told = await fleet()
            assert [each["name"] for each in told["cameras"]] == ["gate"]
            assert told["cameras"][0]["source"] == "unknown"
            await peer.send(wire.Bye())
            await peer.until(wire.Farewell)
        await asyncio.sleep(2.0)
        assert (await fleet())["cameras"] == []


@virtual
async def test_fetched_cameras_are_told_of_though_they_have_never_come() -> None:
    served = Served()
    served.sources = {"door": SourceState.DEAD}
    async with served.running():
        await asyncio.sleep(3.0)
        told = await camera("door")
        assert (told["source"], told["fetched"], told["on_time"]["minute"]) == ("dead", True, None)
        assert (told["fps"], told["slo_ms"], told["size"]) == (10.0, 150.0, None)
        assert [(each["why"], each["reason"], each["frames"] >= 20) for each in told["missed"]] == [
            ("source", "dead", True)
        ]


@virtual
async def test_a_fetched_camera_of_its_own_rate_is_expected_to_go_on_at_it() -> None:
    served = Served()
    served.sources = {"own": SourceState.LIVE}
    async with served.running() as service:
        async with welcomed("own") as peer:
            service.settings.replace({}, ["own"])
            await sends(peer, 3)
            await peer.send(wire.Bye())
            await peer.until(wire.Farewell)
        served.sources = {"own": SourceState.DEAD}
        await asyncio.sleep(10.0)
        missed = {(each["why"], each["reason"]): each["frames"] for each in (await camera("own"))["missed"]}
        assert 100 < missed["source", "dead"] <= 165  # at 15 a second


@virtual
async def test_a_client_says_how_its_source_is() -> None:
    async with Served().running(), welcomed("gate") as peer:
        await sends(peer, 1)
        await peer.send(wire.Report(10, on_time=10, source="silent"))
        await asyncio.sleep(3.0)
        told = await camera("gate")
        assert told["source"] == "silent"
        assert ("source", "silent") in {(each["why"], each["reason"]) for each in told["missed"]}


@virtual
async def test_a_watcher_is_told_of_the_cameras_that_he_may_watch() -> None:
    rules = AccessRules(
        (token(DOOR, RouteKind.WATCH), token(GATE, RouteKind.WATCH, cameras=("gate*",))),
        without_token=frozenset({RouteKind.CAMERA}),
    )
    async with Served().running(Access(rules)), welcomed("gate-1"), welcomed("door"):
        assert [each["name"] for each in (await fleet(bearer(DOOR)))["cameras"]] == ["door", "gate-1"]
        assert [each["name"] for each in (await fleet(bearer(GATE)))["cameras"]] == ["gate-1"]
        async with http() as session, session.get(FLEET) as answer:
            assert answer.status == 401


@virtual
async def test_a_server_without_cameras_tells_of_none() -> None:
    async with Served().running():
        told = await fleet()
        assert told["cameras"] == [] and told["on_time"] == {"minute": None, "hour": None}


@virtual
async def test_there_is_room_for_as_many_cameras_as_the_planner_found(monkeypatch: pytest.MonkeyPatch) -> None:
    served = Served()
    async with served.running(), welcomed("gate", slo_ms=150.0) as peer:
        await sends(peer, 2)
        assert (await fleet())["room"]["cameras"] is None
        assert served.room.wanted(asyncio.get_running_loop().time())
        await asyncio.sleep(1.0)
        monkeypatch.setattr(RoomSearch, "found", RoomFound(3, True, 15.0, 0.61, 0.58))
        room = (await fleet())["room"]
        assert {key: room[key] for key in ("cameras", "fps", "slo_ms", "f1")} == {
            "cameras": 3, "fps": 15.0, "slo_ms": 150.0, "f1": 0.58,
        }  # fmt: skip
        assert room["words"].startswith("Room for 3 more like those here: 15 frames a second, answered within 150 ms")


@virtual
async def test_a_fetched_camera_is_one_though_its_former_connection_is_half_dead() -> None:
    served = Served()
    served.sources = {"gate": SourceState.LIVE}
    async with served.running() as service, welcomed("gate") as former, welcomed("gate") as peer:
        service.settings.replace({}, ["gate"])
        await sends(former, 1)
        await sends(peer, 2)
        told = (await fleet())["cameras"]
        assert [(each["name"], each["source"], each["fetched"]) for each in told] == [("gate", "live", True)]
        assert told[0]["age_ms"]["p50"] is not None


@virtual
async def test_of_cameras_that_broke_off_no_more_are_remembered_than_can_be_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fleet_module, "MOST_GONE", 3)
    async with Served().running():
        for number in range(5):
            async with welcomed(f"camera-{number}") as peer:
                await sends(peer, 3)
        told = [each["name"] for each in (await fleet())["cameras"]]
        assert told == ["camera-2", "camera-3", "camera-4"]
