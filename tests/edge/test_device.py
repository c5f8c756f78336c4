"""A device in virtual time against the real server application: always in time, whatever becomes of the cloud."""

from __future__ import annotations

import asyncio
import logging

import pytest

from jellyfish.core import Outcome, Reason
from jellyfish.edge.fusion.filters import Periodic
from jellyfish.link.trace import BandwidthTrace
from tests.edge.devices import LOCAL_S, Robot, SmallNetwork, cloud
from tests.virtual import virtual

FLAPPING = BandwidthTrace((0.0, 0.7, 1.1, 1.9), (20e6, 0.0, 20e6, 0.0), "flapping")
SLOW = BandwidthTrace((0.0,), (2e6,), "2mbps")


@virtual
async def test_with_the_cloud_near_every_fifth_frame_is_sent_and_what_it_saw_is_answered() -> None:
    async with cloud():
        robot = Robot()
        await robot.run(1.0, 4.0)
    assert robot.complete(60)
    assert robot.outcomes == {Outcome.ON_TIME: 60}
    assert robot.fates["used"] == 12
    assert robot.device.cloud.agrees
    f1 = robot.device.score.f1()
    assert (f1.local, f1.cloud_instant) == (0.0, 1.0)
    assert f1.fused is not None and f1.fused > 0.9
    assert all(record.cloud_lag in (1, 2) for record in robot.records if record.cloud == "used")


@pytest.mark.parametrize("delay_s", [0.15, 1.0])
@virtual
async def test_a_far_cloud_is_used_late_and_delays_nothing(delay_s: float) -> None:
    async with cloud():
        robot = Robot(delay_s=delay_s, patience_s=4.0)
        await robot.run(1.0, 21.0)
    assert robot.complete(400)
    assert robot.outcomes == {Outcome.ON_TIME: 400}
    assert robot.slowest_ms == pytest.approx(1000 * LOCAL_S, abs=0.01)
    lags = [record.cloud_lag for record in robot.records if record.cloud_lag is not None]
    assert lags and min(lags) >= 2 * delay_s * 20
    fused = robot.device.score.f1().fused
    assert fused is not None and fused > 0.3


@pytest.mark.parametrize("trace", [SLOW, FLAPPING])
@virtual
async def test_a_bad_link_delays_nothing(trace: BandwidthTrace) -> None:
    async with cloud():
        robot = Robot(trace=trace)
        await robot.run(1.0, 9.0)
    assert robot.complete(160)
    assert robot.outcomes == {Outcome.ON_TIME: 160}
    assert robot.slowest_ms == pytest.approx(1000 * LOCAL_S, abs=0.01)
    assert robot.fates["used"] > 5


@virtual
async def test_without_any_cloud_the_device_answers_alone() -> None:
    robot = Robot()
    await robot.run(1.0, 4.0)
    assert robot.complete(60)
    assert robot.outcomes == {Outcome.ON_TIME: 60}
    assert set(robot.fates) == {"replaced"}
    assert robot.device.cloud.agrees is None
    assert robot.device.score.f1().fused == 0.0


@virtual
async def test_a_connection_that_is_cut_loses_what_was_on_it_and_comes_back() -> None:
    async with cloud():
        robot = Robot(delay_s=0.05)
        run = asyncio.create_task(robot.run(1.0, 6.0))
        for moment_s in (2.03, 3.53):
            await asyncio.sleep(moment_s - asyncio.get_running_loop().time())
            for _ in range(100):
                if robot.device.cloud._requests.outstanding:
                    break
                await asyncio.sleep(0.01)
            assert robot.connector is not None
            robot.connector.cut()
        await run
    assert robot.complete(100)
    assert robot.outcomes == {Outcome.ON_TIME: 100}
    assert robot.fates["lost"] >= 2
    assert robot.fates["used"] > 10
    assert robot.device.cloud.agrees


@virtual
async def test_the_cloud_may_come_later_than_the_device() -> None:
    robot = Robot()
    run = asyncio.create_task(robot.run(1.0, 12.0))
    await asyncio.sleep(3.0)
    async with cloud():
        await run
    assert robot.complete(220)
    assert robot.fates["used"] > 5
    used = [record.captured_s for record in robot.records if record.cloud == "used"]
    assert min(used) > 2.5


@virtual
async def test_a_network_slower_than_the_camera_answers_the_newest_frames() -> None:
    async with cloud():
        robot = Robot(fps=200.0, filter=Periodic(40))
        await robot.run(1.0, 2.0)
    assert robot.complete(200)
    assert robot.outcomes[Outcome.ON_TIME] == pytest.approx(100, abs=2)
    assert {record.reason for record in robot.records if record.outcome is Outcome.SKIPPED} == {Reason.REPLACED}
    assert robot.slowest_ms <= 1000 * 2 * LOCAL_S


@virtual
async def test_an_answer_after_the_deadline_is_late() -> None:
    robot = Robot(slo_ms=5.0)
    await robot.run(1.0, 2.0)
    assert robot.complete(20)
    assert {(record.outcome, record.reason) for record in robot.records} == {(Outcome.LATE, Reason.SLOW)}


def test_a_network_that_fails_costs_its_frame_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    @virtual
    async def run() -> Robot:
        robot = Robot(network=SmallNetwork(fails_on=frozenset({3, 4, 5})))
        await robot.run(1.0, 2.0)
        return robot

    with caplog.at_level(logging.WARNING):
        robot = run()
    assert robot.complete(20)
    assert robot.outcomes == {Outcome.ON_TIME: 17, Outcome.DROPPED: 3}
    assert {record.reason for record in robot.records if record.outcome is Outcome.DROPPED} == {Reason.DEVICE_ERROR}
    assert caplog.text.count("failed on a frame") == 1


@virtual
async def test_an_answer_that_comes_too_late_to_be_of_use_is_given_up() -> None:
    async with cloud():
        robot = Robot(delay_s=0.6, patience_s=1.0)
        await robot.run(1.0, 13.0)
    assert robot.complete(240)
    assert robot.fates["used"] == 0
    assert robot.fates["lost"] + robot.fates["dropped"] > 3
    assert robot.outcomes == {Outcome.ON_TIME: 240}


@virtual
async def test_a_device_that_is_stopped_has_an_outcome_for_every_frame() -> None:
    async with cloud():
        robot = Robot(fps=20)
        assert not robot.device.stop()
        task = asyncio.create_task(robot.run(1.0, 100.0))
        await asyncio.sleep(3.01)
        assert robot.device.stop()
        await task
    assert robot.complete(41)
    assert robot.device.cloud.agrees


@virtual
async def test_a_device_that_is_cancelled_in_the_middle_has_an_outcome_for_every_frame() -> None:
    async with cloud():
        robot = Robot(fps=20, filter=Periodic(1))
        task = asyncio.create_task(robot.run(1.0, 100.0))
        await asyncio.sleep(3.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert robot.complete(41)
