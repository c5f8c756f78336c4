"""What a server's own log counts of its cameras' frames."""

from __future__ import annotations

import asyncio

from jellyfish.modes.outcome_log import OutcomeLog
from jellyfish.protocol import wire
from jellyfish.results.outcome_lines import OutcomeLine
from jellyfish.results.records import Timeline
from jellyfish.server.fleet.blame import TimeSplit
from jellyfish.server.service import Service
from tests.server.peer import running, welcomed
from tests.virtual import virtual

UNIX_S = 1.8e9


class Looks:
    """What each look finds."""

    def __init__(self, service: Service) -> None:
        self._service, self._lines = service, list[OutcomeLine]()
        self._log = OutcomeLog(self._lines.extend, Timeline(0.0, UNIX_S))

    def at(self, now: float) -> list[tuple[str, str, str | None, int, bool]]:
        self._lines.clear()
        self._log.look(self._service, now)
        assert all((line.t_s, line.unix_s, line.slo_ms) == (now, UNIX_S + now, 100.0) for line in self._lines)
        return [(line.client, line.outcome, line.reason, line.frames, line.estimated) for line in self._lines]


@virtual
async def test_each_look_counts_what_has_ended_since_the_one_before() -> None:
    async with running() as service:
        looks = Looks(service)
        async with welcomed("gate") as peer:
            await asyncio.sleep(1)
            assert looks.at(1.0) == []
            await peer.send(wire.Report(captured=5, missed={"skipped": {"stale": 3}}))
            await asyncio.sleep(0.1)
            assert looks.at(1.5) == [("gate", "skipped", "stale", 3, False)]
            assert looks.at(2.0) == []
            await peer.send_frame(6)
            await peer.until(wire.Result)
            await peer.send(wire.Report(captured=7, on_time=1, missed={"skipped": {"stale": 3, "replaced": 1}}))
            await asyncio.sleep(0.1)
            assert looks.at(2.5) == [("gate", "on_time", None, 1, False), ("gate", "skipped", "replaced", 1, False)]
            await peer.send(wire.Report(captured=8, on_time=1, missed={"skipped": {"stale": 5, "replaced": 1}}))
            await asyncio.sleep(0.1)
        await asyncio.sleep(0.1)
        assert not service.sessions
        assert looks.at(3.0) == [("gate", "skipped", "stale", 2, False)]  # of a camera that has gone since
        assert looks.at(3.5) == []


@virtual
async def test_a_camera_without_reports_is_counted_by_the_server_and_marked_so() -> None:
    async with running() as service, welcomed("gate") as peer:
        looks = Looks(service)
        await peer.send_frame(0)
        await peer.until(wire.Result)
        await asyncio.sleep(1)
        await peer.send_frame(3)
        await peer.until(wire.Result)
        assert looks.at(1.0) == [("gate", "on_time", None, 2, True), ("gate", "skipped", "not_sent", 2, True)]
        assert looks.at(1.5) == []


@virtual
async def test_a_miss_tells_where_it_comes_from() -> None:
    async with running() as service, welcomed("gate") as peer:
        lines: list[OutcomeLine] = []
        splits = {"gate": TimeSplit(0.01, 0.02, 0.5)}
        log = OutcomeLog(lines.extend, Timeline(0.0, UNIX_S), lambda session: splits[session.client])
        await asyncio.sleep(1)
        await peer.send(wire.Report(captured=9, missed={"skipped": {"stale": 1, "replaced": 2}}))
        await asyncio.sleep(0.1)
        log.look(service, 1.5)
        splits["gate"] = TimeSplit(0.01, 0.6, 0.5)
        await peer.send(wire.Report(captured=9, missed={"skipped": {"stale": 1, "replaced": 5}}))
        await asyncio.sleep(0.1)
        log.look(service, 2.0)
        assert [(line.reason, line.blame, line.frames) for line in lines] == [
            ("stale", "network", 1), ("replaced", "server", 2), ("replaced", "network", 3)
        ]  # fmt: skip
