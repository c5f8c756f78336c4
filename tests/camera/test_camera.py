"""A camera against the real server application, in virtual time over a shaped link."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from jellyfish.camera.retries import FIRST_S
from jellyfish.camera.sizing import PlannedSizer, Sizer
from jellyfish.config import Limits
from jellyfish.core import LabelledObject, Outcome, Reason, Variant
from jellyfish.errors import InputError, RunError
from jellyfish.link.trace import BandwidthTrace
from jellyfish.results.records import FrameRecord
from tests.camera.cameras import PlainSource, Setup
from tests.server.peer import LARGE, PROFILE, SMALL, everyone_on, running, welcomed
from tests.virtual import virtual

ON_TIME = (Outcome.ON_TIME, None)
OBJECT = LabelledObject(1, 0, 0.1, 0.1, 0.3, 0.3)


def agrees(setup: Setup) -> bool:
    return setup.camera.farewell is not None and setup.ledger.agrees(setup.camera.farewell)


@virtual
async def test_on_a_good_link_every_frame_is_answered_on_time_and_the_server_agrees() -> None:
    async with running() as service:
        service.on_change = lambda cause: service.apply(everyone_on(SMALL, "camera"))
        setup = Setup(trace=BandwidthTrace((0.0,), (10e6,), "10mbps"))
        await setup.run(1.0, 4.0)
    assert setup.complete(60)
    assert setup.outcomes == {ON_TIME: 60}
    assert agrees(setup)
    assert setup.camera.farewell is not None
    assert setup.camera.farewell.received == 60


@virtual
async def test_the_latency_of_a_frame_is_that_of_link_and_device() -> None:
    async with running() as service:
        service.on_change = lambda cause: service.apply(everyone_on(SMALL, "camera"))
        setup = Setup(delay_s=0.01)
        await setup.run(1.0, 2.0)
    record = setup.records[-1]
    assert record.e2e_ms == pytest.approx(10 + 2 + 10, abs=0.5)
    assert record.execute_ms == pytest.approx(2, abs=0.1)
    assert record.uplink_ms == pytest.approx(10, abs=0.5)


@virtual
async def test_frames_are_sent_at_the_planned_resolution_of_each_moment() -> None:
    async with running() as service:
        service.on_change = lambda cause: service.apply(everyone_on(SMALL, "camera"))
        setup = Setup()
        task = asyncio.create_task(setup.run(1.0, 5.0))
        await asyncio.sleep(3.0)
        service.apply(everyone_on(LARGE, "camera"))
        await task
    sent = {record.frame: record.resolution for record in setup.records}
    assert set(list(sent.values())[:35]) == {128}
    assert set(list(sent.values())[-10:]) == {448}
    assert {record.variant for record in setup.records[-10:]} == {LARGE.name}


@virtual
async def test_labelled_frames_are_scored_whether_answered_or_not() -> None:
    async with running() as service:
        service.on_change = lambda cause: service.apply(everyone_on(SMALL, "camera"))
        setup = Setup(source=PlainSource(labels=[[OBJECT]]))
        await setup.run(0.0, 2.0)
    assert {ON_TIME, (Outcome.SKIPPED, Reason.DISCONNECTED)} <= setup.outcomes.keys()
    assert {(record.tp, record.fp, record.fn) for record in setup.records} == {(0, 0, 1)}
    assert setup.ledger.streaming is not None
    assert setup.ledger.streaming.counts == (0, 0, 40)


@virtual
async def test_an_outage_leaves_no_backlog_and_is_over_within_a_second() -> None:
    """5 s without a single bit: only the frames in flight when it began are sent late."""
    async with running() as service:
        service.on_change = lambda cause: service.apply(everyone_on(SMALL, "camera"))
        outage = BandwidthTrace((0.0, 4.0, 9.0), (10e6, 0.0, 10e6), "outage")
        setup = Setup(trace=outage)
        await setup.run(1.0, 13.0)
    assert setup.complete(240)
    assert agrees(setup)
    in_outage = [record for record in setup.records if 4.0 <= record.captured_s < 8.9]
    old = [record for record in in_outage if record.outcome not in (Outcome.SKIPPED, Outcome.ON_TIME)]
    assert len(old) <= 3
    assert {record.reason for record in in_outage if record.outcome is Outcome.SKIPPED} <= {
        Reason.REPLACED,
        Reason.STALE,
    }
    back_s = min(
        setup.ended_s[record.frame]
        for record in setup.records
        if record.outcome is Outcome.ON_TIME and record.captured_s > 4.2
    )
    assert 9.0 < back_s <= 10.0
    after = [record for record in setup.records if record.captured_s >= 10.0]
    assert all(record.outcome is Outcome.ON_TIME for record in after)


@virtual
async def test_a_link_that_becomes_slow_costs_size_and_frames_but_answers_keep_coming() -> None:
    """A tenth of what the planned size asks for: smaller frames, some skipped, most answers in time."""
    async with running() as service:
        service.on_change = lambda cause: service.apply(everyone_on(LARGE, "camera"))
        setup = Setup(trace=BandwidthTrace((0.0, 5.0), (20e6, 400e3), "falls"), slo_ms=150, fps=10)
        await setup.run(1.0, 9.9)
    slow = [record for record in setup.records if record.captured_s >= 6.0]
    assert setup.complete(89)
    assert max(record.resolution or 0 for record in slow) < 448
    assert sum(record.outcome is Outcome.ON_TIME for record in slow) >= 0.8 * len(slow)


@virtual
async def test_a_camera_backs_off_as_the_sizer_says_that_it_was_given() -> None:
    async with running() as service:
        service.on_change = lambda cause: service.apply(everyone_on(LARGE, "camera"))
        slow = BandwidthTrace((0.0, 5.0), (20e6, 400e3), "falls")
        setup = Setup(trace=slow, slo_ms=150, fps=10, sizer=PlannedSizer())
        await setup.run(1.0, 9.9)
    assert setup.complete(89)
    assert {record.resolution for record in setup.records} == {448, None}


@virtual
async def test_a_server_that_goes_and_comes_back_is_found_again() -> None:
    setup = Setup()
    async with running() as service:
        service.on_change = lambda cause: service.apply(everyone_on(SMALL, "camera"))
        task = asyncio.create_task(setup.run(1.0, 15.0))
        await asyncio.sleep(3.0)
        await service.drain()
    gone_s = asyncio.get_running_loop().time()
    await asyncio.sleep(2.0)
    async with running() as service:
        service.on_change = lambda cause: service.apply(everyone_on(SMALL, "camera"))
        await task
    assert setup.complete(280)
    assert agrees(setup)
    between = [record for record in setup.records if gone_s < record.captured_s < gone_s + 2.0]
    assert {(record.outcome, record.reason) for record in between} == {(Outcome.SKIPPED, Reason.DISCONNECTED)}
    assert set(setup.outcomes) <= {ON_TIME, (Outcome.SKIPPED, Reason.DISCONNECTED), (Outcome.LOST, Reason.DISCONNECTED)}
    assert setup.camera.refusal is not None
    back_s = gone_s + 2.0 + (2 * 2.0 + FIRST_S)  # see `retries`
    after = [record for record in setup.records if record.captured_s >= back_s + 0.25]
    assert {record.outcome for record in after} == {Outcome.ON_TIME}


@virtual
async def test_frames_on_their_way_to_a_server_that_goes_are_lost() -> None:
    setup = Setup(delay_s=0.05, slo_ms=500)
    async with running() as service:
        service.on_change = lambda cause: service.apply(everyone_on(SMALL, "camera"))
        task = asyncio.create_task(setup.run(1.0, 4.0))
        await asyncio.sleep(3.0)
        await service.drain()
    await task
    assert setup.complete(60)
    assert setup.outcomes[Outcome.LOST, Reason.DISCONNECTED] in (1, 2, 3)
    assert setup.camera.farewell is None
    assert "draining" in str(setup.camera.refusal)


@virtual
async def test_a_server_that_falls_silent_is_taken_for_gone_and_connected_to_anew() -> None:
    setup = Setup()
    async with running() as service:
        service.on_change = lambda cause: service.apply(everyone_on(SMALL, *service.sessions))
        task = asyncio.create_task(setup.run(1.0, 20.0))
        await asyncio.sleep(3.0)
        setup.connector.stop_reading()
        await asyncio.sleep(5.0)
        assert 4.5 <= (setup.camera.away_s(asyncio.get_running_loop().time()) or 0) <= 5.5
        await task
    assert setup.complete(380)
    assert 1 <= setup.outcomes[Outcome.LOST, Reason.NO_ANSWER] <= 3
    (outage,) = setup.outages
    assert 2.5 <= outage.began_s <= 3.1 and 13.0 <= outage.began_s + outage.lasted_s <= 14.0
    assert {r.outcome for r in setup.records if 4 < r.captured_s < 12} == {Outcome.SKIPPED}
    assert {r.outcome for r in setup.records if r.captured_s > 15} == {Outcome.ON_TIME}


@pytest.mark.parametrize("delay_s", [0.0, 0.1])
@virtual
async def test_a_refusal_is_heard_however_long_the_way_back(delay_s: float) -> None:
    async with running(Limits(clients=1)), welcomed("first"):
        setup = Setup(delay_s=delay_s)
        await setup.run(1.0, 2.0)
    assert setup.complete(20)
    assert setup.outcomes == {(Outcome.SKIPPED, Reason.DISCONNECTED): 20}
    assert setup.camera.refusal is not None
    assert "full" in setup.camera.refusal


@virtual
async def test_nobody_there_at_all_skips_everything() -> None:
    setup = Setup()
    await setup.run(1.0, 2.0)
    assert setup.outcomes == {(Outcome.SKIPPED, Reason.DISCONNECTED): 20}
    assert setup.camera.farewell is None


@virtual
async def test_a_paused_camera_probes_four_times_a_second() -> None:
    async with running() as service:

        def on_change(cause: str) -> None:
            service.observe(0.0)
            service.apply(everyone_on(SMALL))  # the session is seen, and stays without a place

        service.on_change = on_change
        setup = Setup(fps=40)
        await setup.run(1.0, 6.0)
    assert setup.complete(200)
    assert agrees(setup)
    assert setup.outcomes[ON_TIME] == 20
    assert setup.outcomes[Outcome.SKIPPED, Reason.PAUSED] == 180


@virtual
async def test_two_cameras_of_one_name_are_both_served() -> None:
    async with running() as service:
        service.on_change = lambda cause: service.apply(everyone_on(SMALL, "camera", "camera#2"))
        setups = Setup(), Setup()
        await asyncio.gather(*(setup.run(1.0, 3.0) for setup in setups))
        assert not service.sessions
    for setup in setups:
        assert setup.outcomes == {ON_TIME: 40}
        assert agrees(setup)


@virtual
async def test_a_camera_keeps_to_the_servers_window() -> None:
    """The way takes longer than a frame interval, so a wider window would be used."""
    async with running(Limits(in_flight=1)) as service:
        service.on_change = lambda cause: service.apply(everyone_on(SMALL, "camera"))
        setup = Setup(delay_s=0.05, slo_ms=300)
        await setup.run(1.0, 3.0)
    assert setup.complete(40)
    assert set(setup.outcomes) == {ON_TIME, (Outcome.SKIPPED, Reason.REPLACED)}
    assert agrees(setup)


@virtual
async def test_a_video_that_breaks_ends_the_run_with_every_frame_accounted_for() -> None:
    async with running():
        setup = Setup(source=PlainSource(fails_at_s=1.0))
        with pytest.raises(ExceptionGroup) as raised:
            await setup.run(1.0, 60.0)
    assert raised.group_contains(InputError, match="damaged")
    assert setup.complete(20)


@virtual
async def test_a_disk_that_is_full_ends_the_run_at_once() -> None:
    async with running():
        setup = Setup()
        first = setup.ledger._emit

        def emit(record: FrameRecord, detections: object) -> None:
            first(record, ())
            if len(setup.records) == 1:
                raise RunError(f"{Path('frames.jsonl')}: cannot be written")

        setup.ledger._emit = emit
        with pytest.raises(ExceptionGroup) as raised:
            await setup.run(1.0, 60.0)
    assert raised.group_contains(RunError, match="cannot be written")
    assert asyncio.get_running_loop().time() < 3.0


@pytest.mark.parametrize("phase_ms", range(0, 500, 20))
@virtual
async def test_the_farewell_is_heard_whenever_the_last_ping_comes(phase_ms: int) -> None:
    setup = Setup(delay_s=0.02)
    async with running() as service:
        service.on_change = lambda cause: service.apply(everyone_on(SMALL, *service.sessions))
        await setup.run(1.0, 1.5 + phase_ms / 1000)
    assert setup.camera.farewell is not None
    assert setup.ledger.agrees(setup.camera.farewell)


@virtual
async def test_a_device_that_hangs_does_not_keep_a_camera_from_one_that_does_not() -> None:
    """The server gives up the frames that it has when they are due: the camera goes on, and is served again."""
    hangs = True

    def disturbance(variant: Variant, batch: int) -> float:
        return 3.0 / PROFILE.of(variant).p50_s[batch - 1] if hangs else 1.0

    async with running(disturbance=disturbance) as service:
        service.on_change = lambda cause: service.apply(everyone_on(SMALL, "camera"))
        setup = Setup(slo_ms=100, arrivals=True)
        task = asyncio.create_task(setup.run(1.0, 7.0))
        await asyncio.sleep(1.5)
        hangs = False
        await task
    assert setup.complete(120)
    assert agrees(setup)
    in_doubt = [record for record in setup.records if 1.2 < record.captured_s < 2.5]
    assert any(record.resolution for record in in_doubt), "frames are sent past the deadlines of those that are stuck"
    stuck = [record for record in setup.records if record.reason is Reason.EXPIRED]
    assert len(stuck) >= 1
    for record in stuck:
        assert setup.ended_s[record.frame] == pytest.approx(record.captured_s + 0.1, abs=0.01)
    assert {record.outcome for record in setup.records if record.captured_s > 4.5} == {Outcome.ON_TIME}


@virtual
async def test_a_camera_that_backs_off_asks_for_arrivals_and_uses_them() -> None:
    class Listening(Sizer):
        heard: list[float]

        def arrived(self, bandwidth_bps: float, back_s: float) -> None:
            super().arrived(bandwidth_bps, back_s)
            self.heard.append(back_s)

    sizer = Listening(20.0, 0.1)
    sizer.heard = []
    async with running() as service:
        service.on_change = lambda cause: service.apply(everyone_on(LARGE, "camera"))
        setup = Setup(delay_s=0.01, sizer=sizer, arrivals=True)
        await setup.run(1.0, 2.0)
    assert setup.complete(20)
    assert sizer.heard == [pytest.approx(0.01, abs=0.001)] * 20


def slow(seconds: float) -> Callable[..., Awaitable[Any]]:
    """An offload that takes so long for whatever it does."""

    async def offload(function: Callable[..., Any], *arguments: Any) -> Any:
        await asyncio.sleep(seconds)
        return function(*arguments)

    return offload


@virtual
async def test_a_camera_that_cannot_keep_up_says_so_and_ends_in_time() -> None:
    """Decoding alone takes three frame intervals: the schedule stands, what was not looked at is the camera's miss."""
    loop = asyncio.get_running_loop()
    async with running() as service:
        service.on_change = lambda cause: service.apply(everyone_on(SMALL, "camera"))
        setup = Setup(fps=20, offload=slow(0.15), source=PlainSource(labels=[[OBJECT]]))
        await setup.run(1.0, 5.0)
        assert loop.time() < 7.0
    assert setup.complete(80)
    misses = {reason for (_, reason), count in setup.outcomes.items() if reason is not None}
    assert misses == {Reason.CAMERA_BUSY}
    assert all(record.fn is not None for record in setup.records)


@virtual
async def test_what_a_camera_takes_for_encoding_is_told_of_each_frame() -> None:
    async with running() as service:
        service.on_change = lambda cause: service.apply(everyone_on(SMALL, "camera"))
        setup = Setup(fps=10, slo_ms=150, offload=slow(0.01))
        await setup.run(1.0, 3.0)
    assert setup.complete(20)
    assert [record.camera_ms for record in setup.records] == pytest.approx([10.0] * 20)


@virtual
async def test_a_camera_that_is_stopped_waits_for_what_is_open_and_says_goodbye() -> None:
    async with running() as service:
        service.on_change = lambda cause: service.apply(everyone_on(SMALL, "camera"))
        setup = Setup(fps=20)
        assert not setup.camera.stop()
        task = asyncio.create_task(setup.run(1.0, 100.0))
        await asyncio.sleep(3.01)
        assert setup.camera.stop()
        await task
        assert asyncio.get_running_loop().time() < 3.2
    assert setup.complete(41)
    assert setup.outcomes == {ON_TIME: 41}
    assert agrees(setup)
