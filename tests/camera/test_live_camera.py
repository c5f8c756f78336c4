"""A real camera against a server, both at the test's command, in virtual time."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from jellyfish.camera.live_camera import LiveCamera
from jellyfish.camera.stream_log import StreamLog
from jellyfish.config import SourceConfig
from jellyfish.core import Answer, InputSize, Outcome, Reason, SourceState
from jellyfish.errors import RunError
from jellyfish.results.records import FrameRecord, Timeline
from jellyfish.server.access import Access
from tests.camera.any_server import serving, welcome
from tests.camera.cameras import URL
from tests.camera.sources.live.readings import Play, Scripted, ScriptedReading, freezes, lives, refuses
from tests.server.peer import SMALL, everyone_on, http, running
from tests.server.test_access import TOKENS
from tests.virtual import virtual

SAID = welcome(InputSize(320, 320))


class Kept:
    """See `CameraRecording`."""

    timeline = Timeline(0.0)

    def __init__(self) -> None:
        self.records: list[FrameRecord] = []

    def frame(self, record: FrameRecord, answer: Answer) -> None:
        self.records.append(record)

    def log(self, camera: str) -> StreamLog:
        return StreamLog(camera)

    @property
    def outcomes(self) -> Counter[tuple[Outcome, Reason | None]]:
        return Counter((record.outcome, record.reason) for record in self.records)


class Trial:
    """A camera of a scripted source, and what became of its frames."""

    def __init__(self, *plays: Play, fps: float | None = None, slo_s: float = 0.15) -> None:
        self.scripted, self.kept = Scripted(*plays), Kept()
        self.config = SourceConfig("gate", "rtsp://gate/main", slo_s, fps)
        self.states: list[SourceState] = []

    async def run(self, seconds: float) -> None:
        async with http() as session:
            self.camera = LiveCamera(
                self.config, session, URL, lambda name, state, words: self.states.append(state), self.kept,
                self.scripted.start,
            )  # fmt: skip
            task = asyncio.create_task(self.camera.run())
            await asyncio.sleep(seconds)
            sender = self.camera.sender
            self.told_fps = 0.0 if sender is None else sender.hello.fps
            self.camera.stop()
            await task


@virtual
async def test_frames_are_sent_answered_and_accounted_for_and_goodbye_is_said() -> None:
    trial = Trial(lives)
    async with serving(SAID) as came:
        await trial.run(20.0)
    assert trial.told_fps == pytest.approx(20, abs=0.2)
    assert trial.camera.account.sent == trial.camera.account.compared > 330
    records = trial.kept.records
    assert [record.frame for record in records] == list(range(len(records)))
    assert trial.kept.outcomes[Outcome.ON_TIME, None] > 330
    assert {came.resolution for came in came} == {320}
    assert trial.states == [SourceState.OPENING, SourceState.LIVE, SourceState.STOPPED]


@virtual
async def test_a_rate_that_was_given_need_not_be_measured() -> None:
    trial = Trial(lives, fps=20.0)
    async with serving(SAID):
        await trial.run(1.0)
    assert len(trial.kept.records) > 15
    assert trial.scripted.asked[0].fps == 20


@virtual
async def test_a_deadline_counts_from_capture_not_from_arrival() -> None:
    async def old(reading: ScriptedReading) -> None:
        reading.opens()
        await reading.shows(late_s=0.2)

    trial = Trial(old, fps=20.0)
    async with serving(SAID):
        await trial.run(5.0)
    assert trial.kept.outcomes[Outcome.ON_TIME, None] == 0
    reasons = {record.reason for record in trial.kept.records} - {Reason.DISCONNECTED}
    assert reasons == {Reason.NETWORK}, "it was late before the camera's program had it"
    patient = Trial(old, fps=20.0, slo_s=0.3)
    async with serving(SAID):
        await patient.run(5.0)
    assert {record.e2e_ms is None or record.e2e_ms >= 200 for record in patient.kept.records} == {True}
    assert patient.kept.outcomes[Outcome.ON_TIME, None] > 90


@virtual
async def test_a_picture_that_is_gone_when_it_is_to_be_sent_is_the_cameras_fault() -> None:
    trial = Trial(lives, fps=20.0)
    trial.scripted.gone = set(range(40, 50))
    async with serving(SAID):
        await trial.run(5.0)
    assert trial.kept.outcomes[Outcome.SKIPPED, Reason.CAMERA_BUSY] == 10


@virtual
async def test_the_server_is_told_whether_pictures_come() -> None:
    trial = Trial(freezes, freezes, refuses)
    async with running() as service:
        service.on_change = lambda cause: service.apply(everyone_on(SMALL, "gate"))
        task = asyncio.create_task(trial.run(60.0))
        told: list[str | None] = []
        while not task.done():
            await asyncio.sleep(0.5)
            told += [trial.camera.sender.report().source] if trial.camera.sender is not None else []
        await task
    assert list(dict.fromkeys(told)) == ["live", "silent", "dead"]


@virtual
async def test_a_camera_whose_source_never_shows_anything_asks_no_server_and_can_be_stopped() -> None:
    trial = Trial(refuses)
    async with serving(SAID) as came:
        await trial.run(30.0)
    assert trial.camera.sender is None
    assert not came
    assert trial.states == [SourceState.OPENING, SourceState.DEAD, SourceState.STOPPED]


@virtual
async def test_a_source_that_comes_faster_than_the_server_was_told_is_told_of_anew_and_no_frame_is_lost_count_of() -> (
    None
):
    async def quickens(reading: ScriptedReading) -> None:
        reading.opens()
        await reading.shows(10.0, fps=5.0)
        await reading.shows(fps=20.0)

    trial = Trial(quickens)
    async with serving(SAID):
        await trial.run(60.0)
    assert trial.told_fps == pytest.approx(20, rel=0.1)
    assert [record.frame for record in trial.kept.records] == list(range(trial.camera.frames))
    assert trial.kept.outcomes[Outcome.ON_TIME, None] > 750


@virtual
async def test_one_that_slows_down_keeps_its_stream() -> None:
    async def slows(reading: ScriptedReading) -> None:
        reading.opens()
        await reading.shows(10.0, fps=20.0)
        await reading.shows(fps=5.0)

    trial = Trial(slows)
    async with serving(SAID):
        await trial.run(60.0)
    assert trial.told_fps == pytest.approx(20, rel=0.1)


@virtual
async def test_a_camera_that_the_server_refuses_for_good_ends_and_says_why() -> None:
    trial = Trial(lives, fps=20.0)
    async with running(access=Access(TOKENS)):
        with pytest.raises(RunError, match="HTTP status 401"):
            await trial.run(5.0)
    assert trial.states[-1] is SourceState.STOPPED
