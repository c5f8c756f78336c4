"""A live source over its faults: noticed by its frames, opened anew for ever; in virtual time."""

from __future__ import annotations

import asyncio
import contextlib
import itertools

import pytest

from jellyfish.camera.retries import FIRST_S, LONGEST_S
from jellyfish.camera.sources.live.source import LiveSource
from jellyfish.camera.sources.live.watch import OPENING_S, SILENT_S
from jellyfish.clock import seconds_now
from jellyfish.config import SourceConfig
from jellyfish.core import InputSize, SourceState
from tests.camera.sources.live.readings import Play, Scripted, crashes, ends, freezes, hangs, lives, refuses
from tests.virtual import virtual

SECRET = "rtsp://user:secret@gate/main"


class Watched:
    """A source, and what it told."""

    def __init__(self, *plays: Play) -> None:
        self.scripted = Scripted(*plays)
        self.frames_s: list[float] = []
        self.states: list[tuple[float, SourceState, str]] = []
        self.source = LiveSource(
            SourceConfig("gate", SECRET),
            lambda shown: self.frames_s.append(seconds_now()),
            lambda state, words: self.states.append((seconds_now(), state, words)),
            self.scripted.start,
        )

    async def run(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.source.run()

    @property
    def seen(self) -> list[SourceState]:
        return [state for _, state, _ in self.states]


@virtual
async def test_frames_are_told_as_they_come() -> None:
    watched = Watched(lives)
    await watched.run(10.02)
    assert len(watched.frames_s) == 201
    assert watched.seen == [SourceState.OPENING, SourceState.LIVE, SourceState.STOPPED]
    assert watched.scripted.readings[0].closed


@virtual
async def test_a_stream_that_freezes_is_noticed_within_five_seconds_and_opened_by_another_reader() -> None:
    watched = Watched(freezes, lives)
    await watched.run(30.0)
    assert watched.seen == [
        SourceState.OPENING,
        SourceState.LIVE,
        SourceState.SILENT,
        SourceState.LIVE,
        SourceState.STOPPED,
    ]
    silent_s = watched.states[2][0]
    assert silent_s == pytest.approx(10 - 0.05 + SILENT_S, abs=0.01)
    assert [reading.closed for reading in watched.scripted.readings] == [True, True]
    assert watched.states[3][0] - silent_s <= FIRST_S


@virtual
async def test_one_that_ends_is_opened_again_by_the_same_reader() -> None:
    watched = Watched(ends, lives)
    await watched.run(30.0)
    assert watched.seen == [
        SourceState.OPENING,
        SourceState.LIVE,
        SourceState.DEAD,
        SourceState.LIVE,
        SourceState.STOPPED,
    ]
    assert len(watched.scripted.readings) == 1


@virtual
async def test_one_whose_reader_dies_gets_another() -> None:
    watched = Watched(crashes, lives)
    await watched.run(30.0)
    assert watched.seen[2:4] == [SourceState.DEAD, SourceState.LIVE]
    assert len(watched.scripted.readings) == 2


@virtual
async def test_one_that_cannot_be_opened_is_tried_for_ever_ever_more_seldom() -> None:
    watched = Watched(*[refuses] * 50, lives)
    await watched.run(600.0)
    tries_s = watched.scripted.opened_s
    assert len(tries_s) == 51
    pauses_s = [later - earlier for earlier, later in itertools.pairwise(tries_s)]
    assert pauses_s[0] <= FIRST_S
    assert max(pauses_s) <= LONGEST_S
    assert min(pauses_s[20:]) >= LONGEST_S / 2
    assert watched.seen == [SourceState.OPENING, SourceState.DEAD, SourceState.LIVE, SourceState.STOPPED]


@virtual
async def test_one_that_hangs_while_it_is_opened_is_killed_and_tried_again() -> None:
    watched = Watched(hangs, lives)
    await watched.run(30.0)
    assert watched.scripted.readings[0].closed
    assert watched.states[1][:2] == (OPENING_S, SourceState.DEAD)
    assert watched.seen[-2] is SourceState.LIVE


@virtual
async def test_no_words_of_it_hold_its_password() -> None:
    watched = Watched(refuses, ends, freezes, hangs, crashes, lives)
    await watched.run(200.0)
    assert "secret" not in f"{watched.states} {watched.scripted.asked} {SourceConfig('gate', SECRET)}"
    assert watched.scripted.asked[0].url == SECRET


@virtual
async def test_a_source_that_has_no_reader_has_no_pictures() -> None:
    watched = Watched(lives)
    assert await watched.source.jpeg(1, InputSize(64, 64)) is None
