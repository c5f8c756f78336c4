"""What a server knows of a camera's frames, against the camera's own ledger, in virtual time; and thinner plans."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from typing import Any

import msgspec
import pytest

from jellyfish.control.problem import Plan
from jellyfish.core import InputSize, Outcome, Reason
from jellyfish.lab.simulation.timed_executor import Disturbance
from jellyfish.link.trace import BandwidthTrace
from jellyfish.protocol import wire
from jellyfish.server.service import Service
from jellyfish.server.session import HELD_UP_S, Session
from tests.camera.cameras import Setup
from tests.camera.test_camera import agrees
from tests.server.peer import LARGE, SMALL, connected, everyone_on, running, welcomed
from tests.virtual import run_virtual, virtual

HARD = BandwidthTrace((0.0, 3.0, 4.0, 6.0, 6.5), (8e6, 0.0, 2e6, 0.5e6, 8e6), "hard")
"""An outage and a slow time: frames are skipped and dropped."""


def stumbling() -> Disturbance:
    """One batch in 15 takes six times as long: its frames are late."""
    batches = itertools.count(1)
    return lambda variant, batch: 6.0 if next(batches) % 15 == 0 else 1.0


def followed(service: Service) -> list[Session]:
    """Everyone is planned on the large network; the sessions that come, kept when they have gone."""
    sessions: list[Session] = []

    def on_change(cause: str) -> None:
        sessions.extend(session for session in service.sessions.values() if session not in sessions)
        service.apply(everyone_on(LARGE, *service.sessions))

    service.on_change = on_change
    return sessions


def own(setup: Setup) -> tuple[int, int, dict[str, int]]:
    """The ledger's own counts of a run of one stream: captured, on time, missed by reason."""
    missed = Counter(record.reason.value for record in setup.records if record.reason is not None)
    return setup.ledger.frames, setup.outcomes[Outcome.ON_TIME, None], dict(missed)


@virtual
async def test_at_the_farewell_the_server_knows_of_each_frame_what_the_ledger_knows() -> None:
    async with running(disturbance=stumbling()) as service:
        sessions = followed(service)
        setup = Setup(trace=HARD, delay_s=0.01)
        await setup.run(1.0, 9.0)
    attained = sessions[0].attained
    assert setup.complete(160)
    assert agrees(setup)
    assert not attained.estimated
    assert (attained.captured, attained.on_time, attained.missed_by_reason) == own(setup)
    assert {outcome for outcome, _ in setup.outcomes} >= {Outcome.ON_TIME, Outcome.DROPPED, Outcome.SKIPPED}
    assert attained.slack == setup.ledger.report.slack


@virtual
async def test_a_camera_that_is_stuck_at_its_end_reports_what_it_has_not_sent() -> None:
    async with running() as service:
        sessions = followed(service)
        setup = Setup()
        encoded = setup.frames.encoded

        async def stuck_later(picture: Any, size: InputSize) -> bytes:
            if asyncio.get_running_loop().time() > 8.5:
                await asyncio.sleep(30.0)
            return await encoded(picture, size)

        setup.frames.encoded = stuck_later
        await setup.run(1.0, 9.0)
    attained = sessions[0].attained
    assert setup.complete(160)
    assert (attained.captured, attained.on_time, attained.missed_by_reason) == own(setup)
    assert setup.outcomes[Outcome.SKIPPED, Reason.STALE] == 2  # one was in hand, one waited


@virtual
async def test_while_frames_come_the_server_is_no_more_than_a_second_behind() -> None:
    async with running() as service:
        sessions = followed(service)
        setup = Setup()
        task = asyncio.create_task(setup.run(1.0, 9.0))
        await asyncio.sleep(0.5)
        for _ in range(6):
            await asyncio.sleep(1.0)
            now = asyncio.get_running_loop().time()
            known = sessions[0].attained
            assert setup.ledger.frames - known.captured <= 21 or now < 2.5
        assert not known.estimated
        await task


@virtual
async def test_of_a_camera_that_does_not_report_the_server_knows_it_within_two_frames() -> None:
    async with running(disturbance=stumbling()) as service:
        sessions = followed(service)
        setup = Setup(trace=HARD, delay_s=0.01)
        setup.camera.report = lambda: None
        await setup.run(1.0, 9.0)
    captured, on_time, missed = own(setup)
    attained = sessions[0].attained
    assert attained.estimated
    assert abs(attained.captured - captured) <= 2
    assert abs(attained.on_time - on_time) <= 2
    assert abs(sum(attained.missed_by_reason.values()) - sum(missed.values())) <= 2
    assert {Reason.EXPIRED.value, "not_sent"} <= attained.missed_by_reason.keys()


@virtual
async def test_a_stream_opened_anew_is_reported_from_its_welcome_on() -> None:
    setup = Setup()
    async with running() as service:
        followed(service)
        task = asyncio.create_task(setup.run(1.0, 10.0))
        await asyncio.sleep(3.0)
        await service.drain()
    await asyncio.sleep(2.0)
    async with running() as service:
        sessions = followed(service)
        await task
    attained = sessions[0].attained
    assert not attained.estimated
    assert 80 <= attained.captured < setup.ledger.frames == 180
    assert attained.on_time == attained.captured


async def _beside_a_liar(lies: bool) -> tuple[list[tuple[object, ...]], object]:
    """A camera's frames, and what the server knows of them, while another client tells nonsense or nothing."""
    async with running() as service, welcomed("liar") as peer:
        sessions = followed(service)
        setup = Setup(trace=HARD)
        task = asyncio.create_task(setup.run(1.0, 9.0))
        nonsense = {"lost": {"network": 2**53 - 1, "made_up": 7}}
        for number in range(40):
            await asyncio.sleep(0.2)
            if lies:
                await peer.send(wire.Report(2**53 - 1 - number, number, nonsense))
        await task
        liar, camera = sorted(sessions, key=lambda session: session.client != "liar")
        assert liar.attained.estimated
        assert liar.attained.captured == 0
    return [(r.frame, r.outcome, r.reason, r.e2e_ms) for r in setup.records], camera.attained


def test_a_client_that_lies_changes_nothing_for_the_others() -> None:
    assert run_virtual(_beside_a_liar(lies=True)) == run_virtual(_beside_a_liar(lies=False))


@virtual
async def test_what_a_client_aims_at_is_kept_for_whoever_plans() -> None:
    async with running() as service, connected() as peer:
        await peer.send(wire.Hello("camera", 15, 100.0, target=95.0))
        welcome = await peer.until(wire.Welcome)
        assert welcome.reports
        assert service.sessions["camera"].target == 95.0


# --- fewer frames than the camera takes -------------------------------------------------------------------


def thinned_plan(plan: Plan, fps: dict[str, float]) -> Plan:
    return msgspec.structs.replace(plan, fps=fps)


@virtual
async def test_a_plan_of_fewer_frames_is_kept_to_evenly_and_the_rest_is_thinned() -> None:
    async with running() as service:
        thin = thinned_plan(everyone_on(SMALL, "camera"), {"camera": 8.0})
        service.on_change = lambda cause: service.apply(thin)
        setup = Setup(fps=20)
        await setup.run(1.0, 11.0)
    assert setup.complete(200)
    assert agrees(setup)
    assert setup.outcomes == {(Outcome.ON_TIME, None): 80, (Outcome.SKIPPED, Reason.THINNED): 120}
    sent = sorted(record.captured_s for record in setup.records if record.reason is None)
    assert {round(later - earlier, 3) for earlier, later in itertools.pairwise(sent)} == {0.1, 0.15}
    assert {record.wait_ms for record in setup.records if record.reason is None} == {0.0}


@virtual
async def test_a_plan_without_a_rate_takes_every_frame_again() -> None:
    async with running() as service:
        everyone = everyone_on(SMALL, "camera")
        service.on_change = lambda cause: service.apply(thinned_plan(everyone, {"camera": 5.0}))
        setup = Setup(fps=20)
        task = asyncio.create_task(setup.run(1.0, 5.0))
        await asyncio.sleep(3.0)
        service.apply(everyone)
        await task
    thinned = [record.captured_s for record in setup.records if record.reason is Reason.THINNED]
    assert len(thinned) in (30, 31)  # whether a frame is taken is settled when the one before is
    assert max(thinned) < 3.1


@virtual
async def test_fewer_frames_leave_the_link_room_for_larger_ones() -> None:
    sizes = {}
    async with running() as service:
        for fps in (None, 4.0):
            rate = {} if fps is None else {"camera": fps}
            service.on_change = lambda cause, rate=rate: service.apply(thinned_plan(everyone_on(LARGE, "camera"), rate))
            setup = Setup(fps=20, slo_ms=400, trace=BandwidthTrace((0.0,), (2e6,), "2mbps"))
            start_s = asyncio.get_running_loop().time() + 1.0
            await setup.run(start_s, start_s + 5.0)
            assert agrees(setup)
            sizes[fps] = Counter(record.resolution for record in setup.records if record.reason is None)
    assert sizes[4.0].most_common(1)[0][0] > sizes[None].most_common(1)[0][0]


@pytest.mark.parametrize("planned_fps", [None, 5.0])
@virtual
async def test_a_client_that_sends_more_than_the_plans_rate_is_held_to_it(planned_fps: float | None) -> None:
    async with running() as service, welcomed(slo_ms=100) as peer:
        rate = {} if planned_fps is None else {"camera": planned_fps}
        service.apply(thinned_plan(everyone_on(SMALL, "camera"), rate))
        assert (await peer.until(wire.PlanMessage)).fps == planned_fps
        reasons = []
        for number in range(60):
            await peer.send_frame(number)
            reasons.append((await peer.until(wire.Result)).reason)
            await asyncio.sleep(1 / 15)
    at_once = 4 + HELD_UP_S * 15
    answered = 60 if planned_fps is None else round(at_once + 1.25 * 5.0 * 4)
    assert reasons.count(None) == pytest.approx(answered, abs=1)
    assert set(reasons) <= {None, Reason.TOO_FAST}


@virtual
async def test_a_client_without_a_place_is_told_of_probes_alone() -> None:
    async with running() as service, welcomed() as peer:
        service.apply(thinned_plan(everyone_on(SMALL), {"camera": 5.0}))
        await peer.send(wire.Bye())
        assert service.sessions["camera"].plan.fps is None
