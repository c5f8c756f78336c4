"""Cameras that come and go beside each other: what goes wrong with one costs no other anything."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from jellyfish.camera.sources.live.source_process import SourceReading
from jellyfish.clock import seconds_now
from jellyfish.config import SourceConfig
from jellyfish.core import InputSize, SourceState
from jellyfish.errors import InputError
from jellyfish.modes.camera_set import AGAIN_S, CameraSet
from tests.camera.any_server import serving, welcome
from tests.camera.cameras import URL
from tests.camera.sources.live.readings import Play, Scripted, lives, refuses
from tests.server.peer import http
from tests.virtual import virtual

SAID = welcome(InputSize(320, 320))


def camera(name: str, url: str = "rtsp://user:secret@gate/main") -> SourceConfig:
    return SourceConfig(name, url, fps=20.0)


class Site:
    """A set of cameras whose readers play, in the order of their start."""

    def __init__(self, *plays: Play) -> None:
        self.plays = list(plays)
        self.sources: list[Scripted] = []
        self.told: list[tuple[str, SourceState, str]] = []

    async def start(self) -> SourceReading:
        self.sources.append(Scripted(self.plays.pop(0)))
        return await self.sources[-1].start()

    @contextlib.asynccontextmanager
    async def cameras(self) -> AsyncIterator[CameraSet]:
        async with (
            serving(SAID),
            http() as session,
            CameraSet(session, URL, lambda *told: self.told.append(told), start=self.start) as cameras,
        ):
            yield cameras


@virtual
async def test_cameras_come_and_go_each_for_itself() -> None:
    site = Site(lives, refuses, lives)
    async with site.cameras() as cameras:
        for name in ("gate", "yard", "roof"):
            await cameras.add(camera(name))
            await asyncio.sleep(1.0)
        await asyncio.sleep(2.0)
        assert cameras.states() == {"gate": SourceState.LIVE, "yard": SourceState.DEAD, "roof": SourceState.LIVE}
        began_s = seconds_now()
        await cameras.remove("gate")
        assert seconds_now() - began_s < 1.0
        assert cameras.states().keys() == {"yard", "roof"}
        await cameras.add(camera("yard 2", "nowhere.mp4"))
    assert {name for name, state, _ in site.told if state is SourceState.STOPPED} == {"gate", "yard", "roof", "yard 2"}
    assert all(source.readings[-1].closed for source in site.sources[:3])


@virtual
async def test_one_that_is_removed_as_soon_as_it_was_added_costs_the_others_nothing() -> None:
    async with Site(lives, lives).cameras() as cameras:
        await cameras.add(camera("gate"))
        await asyncio.sleep(1.0)
        await cameras.add(camera("yard"))
        await cameras.remove("yard")
        await asyncio.sleep(1.0)
        assert cameras.states() == {"gate": SourceState.LIVE}


@virtual
async def test_a_name_is_had_once_and_a_url_must_mean_something() -> None:
    async with Site(lives).cameras() as cameras:
        await cameras.add(camera("gate"))
        with pytest.raises(InputError, match="already"):
            await cameras.add(camera("gate"))
        with pytest.raises(InputError, match="ftp: is no source") as refused:
            await cameras.add(camera("yard", "ftp://user:secret@gate"))
        assert "secret" not in str(refused.value)
        with pytest.raises(InputError, match="no camera 'yard'"):
            await cameras.remove("yard")


@virtual
async def test_a_fault_of_ours_is_one_cameras_and_it_is_begun_anew(caplog: pytest.LogCaptureFixture) -> None:
    def wrong(frame: object) -> None:
        raise AssertionError

    site = Site(lives, lives, lives)
    async with site.cameras() as cameras:
        await cameras.add(camera("gate"))
        await cameras.add(camera("yard"))
        await asyncio.sleep(1.0)
        sender = cameras.cameras["gate"].sender
        assert sender is not None
        sender.captured = wrong  # type: ignore[assignment]
        await asyncio.sleep(AGAIN_S + 2)
        assert cameras.states() == {"gate": SourceState.LIVE, "yard": SourceState.LIVE}
    assert ("gate", SourceState.DEAD, "a fault of this program: AssertionError") in site.told
    assert "yard" not in {name for name, state, _ in site.told if state is SourceState.DEAD}
    assert "secret" not in caplog.text
