"""What is wanted of the process that fetches cameras, told to stand-ins in virtual time; and real ones once."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import cast

import aiohttp
import numpy as np
import pytest

from jellyfish.config import AccessConfig, Allowance, Limits, ServedCamera, ServerConfig, SourceConfig
from jellyfish.core import Answer, SourceState
from jellyfish.devices.process import usable_cores
from jellyfish.dispatch.dispatcher import Dispatcher
from jellyfish.media.jpeg import encode_jpeg
from jellyfish.modes.checks import bound
from jellyfish.modes.entrance import Entrance
from jellyfish.modes.fetcher import CameraFetcher, OwnCertificates
from jellyfish.modes.fetcher_lines import (
    FetchCamera,
    FetcherAlive,
    FetcherSaid,
    ForgetCamera,
    FromFetcher,
    ServerToReach,
    SourceTold,
    ToFetcher,
    as_line,
    line_of_fetcher,
    line_of_server,
)
from jellyfish.modes.fetching import SILENT_S, FetcherPipes, Fetching, fetcher_process
from jellyfish.modes.own_cameras import OwnCameras, without_secrets
from jellyfish.program.child_environment import environment_of_child
from jellyfish.server.app import listening
from jellyfish.server.cameras.listing import FetchedState
from jellyfish.server.certificates import own_certificate
from jellyfish.server.events import ServerEvent, SourceChanged
from jellyfish.server.service import Service
from tests.server.peer import MODEL, PROFILE, SMALL, Finding, decode
from tests.virtual import virtual

SERVER = ServerToReach("ws://127.0.0.1:1/v1/stream", "secret-secret", ("ab" * 32,))
GATE, DOOR = SourceConfig("gate", "rtsp://10.0.0.7/"), SourceConfig("door", "/srv/clips/a.mp4")


class StandIn:
    """Fetchers that the test plays, one after the other."""

    def __init__(self) -> None:
        self.told: list[list[ToFetcher]] = []
        self.ended = 0
        self._heard: asyncio.StreamReader | None = None

    @contextlib.asynccontextmanager
    async def launch(self, _: Sequence[int]) -> AsyncIterator[FetcherPipes]:
        self.told.append([])
        self._heard = asyncio.StreamReader()
        try:
            yield FetcherPipes(self, self._heard, 0)
        finally:
            self.ended += 1

    def write(self, data: bytes) -> None:
        self.told[-1] += map(line_of_server, data.splitlines())

    async def drain(self) -> None:
        """There is always room."""

    def says(self, *messages: FromFetcher | bytes) -> None:
        assert self._heard is not None
        for message in messages:
            self._heard.feed_data(message if isinstance(message, bytes) else as_line(message))

    def dies(self) -> None:
        assert self._heard is not None
        self._heard.feed_eof()


@contextlib.asynccontextmanager
async def fetching(*wanted: SourceConfig) -> AsyncIterator[tuple[Fetching, StandIn]]:
    one, stand_in = Fetching(), StandIn()
    one.want({each.name: each for each in wanted})
    async with one.running(SERVER, (), stand_in.launch):
        await asyncio.sleep(0.1)
        yield one, stand_in


@virtual
async def test_it_is_told_where_the_server_is_and_what_is_wanted_and_then_what_changes() -> None:
    async with fetching(GATE) as (one, stand_in):
        assert stand_in.told == [[SERVER, FetchCamera(GATE)]]
        one.want({"gate": GATE, "door": DOOR})
        await asyncio.sleep(0.1)
        faster = replace(GATE, fps=5.0)
        one.want({"gate": faster})
        await asyncio.sleep(0.1)
        another = ServerToReach(SERVER.url, SERVER.token, ("cd" * 32,))
        one.reach(another)
        await asyncio.sleep(0.1)
        assert stand_in.told[0][2:3] == [FetchCamera(DOOR)]
        assert stand_in.told[0][3:6] in (
            [ForgetCamera("gate"), ForgetCamera("door"), FetchCamera(faster)],
            [ForgetCamera("door"), ForgetCamera("gate"), FetchCamera(faster)],
        )
        assert stand_in.told[0][6:] == [another]
    assert stand_in.ended == 1


@virtual
async def test_there_is_none_where_nothing_is_to_be_fetched_until_something_is() -> None:
    async with fetching() as (one, stand_in):
        await asyncio.sleep(3600)
        assert stand_in.told == []
        one.want({"gate": GATE})
        await asyncio.sleep(0.1)
        assert stand_in.told == [[SERVER, FetchCamera(GATE)]]


@virtual
async def test_states_are_known_as_long_as_their_camera_is_wanted() -> None:
    told: list[tuple[str, str]] = []
    one, stand_in = Fetching(lambda name, state: told.append((name, state.state))), StandIn()
    one.want({"gate": GATE})
    async with one.running(SERVER, (), stand_in.launch):
        await asyncio.sleep(1.0)
        stand_in.says(SourceTold("gate", "opening", ""), SourceTold("nobody", "live", ""))
        await asyncio.sleep(1.0)
        stand_in.says(SourceTold("gate", "live", "a"), SourceTold("gate", "live", "a"))
        await asyncio.sleep(1.0)
        stand_in.says(SourceTold("gate", "live", "b"), SourceTold("gate", "stopped", ""))
        await asyncio.sleep(1.0)
        assert one.states() == {"gate": FetchedState("live", "b", 2.0)}
        one.want({"gate": GATE, "door": DOOR})
        assert one.sources() == {"gate": SourceState.LIVE, "door": SourceState.OPENING}
        assert told == [("gate", "opening"), ("gate", "live"), ("gate", "live")]
        one.want({})
        assert one.states() == {}


@virtual
async def test_another_one_is_started_where_it_ends_hangs_or_makes_no_sense() -> None:
    async with fetching(GATE) as (one, stand_in):
        stand_in.dies()
        await asyncio.sleep(1.1)
        assert (len(stand_in.told), stand_in.ended) == (2, 1)
        assert one.states()["gate"].state == "dead" and "has ended" in one.states()["gate"].words
        assert stand_in.told[1] == [SERVER, FetchCamera(GATE)]
        for _ in range(int(3 * SILENT_S)):
            stand_in.says(FetcherAlive())
            await asyncio.sleep(1.0)
        assert len(stand_in.told) == 2
        await asyncio.sleep(SILENT_S + 1.0)
        assert len(stand_in.told) == 3, "it was silent"
        stand_in.says(b"Traceback (most recent call last):\n")
        await asyncio.sleep(2.0)
        assert len(stand_in.told) == 4


@virtual
async def test_one_that_ends_again_and_again_is_started_more_and_more_rarely() -> None:
    async with fetching(GATE) as (_, stand_in):
        for _ in range(200):
            stand_in.dies()
            await asyncio.sleep(0.5)
        assert 100 / 8 - 1 <= len(stand_in.told) <= 100 / 8 + 5


@virtual
async def test_its_log_is_the_servers(caplog: pytest.LogCaptureFixture) -> None:
    async with fetching(GATE) as (_, stand_in):
        stand_in.says(FetcherSaid(30, "jellyfish.camera.stream", "gate: refused"))
        await asyncio.sleep(0.1)
    assert ("jellyfish.camera.stream", 30, "gate: refused") in caplog.record_tuples


def test_lines_hold_what_was_told_paths_too_and_nothing_shows_the_token() -> None:
    bounded = replace(GATE, allowance=Allowance((Path("/srv/clips"),)))
    assert line_of_server(as_line(FetchCamera(bounded))) == FetchCamera(bounded)
    assert line_of_server(as_line(SERVER)) == SERVER and SERVER.token not in repr(SERVER)
    assert line_of_fetcher(as_line(SourceTold("a\nb", "live", "c"))) == SourceTold("a\nb", "live", "c")


def test_what_is_written_down_of_a_configuration_has_no_credentials() -> None:
    source = SourceConfig("gate", "rtsp://me:geheim@10.0.0.7/a?key=geheim")
    config = without_secrets(ServerConfig(cameras=(ServedCamera("gate", source=source), ServedCamera("phone"))))
    assert [each.source and each.source.url for each in config.cameras] == ["rtsp://10.0.0.7/a", None]
    assert "geheim" not in repr(ServerConfig(cameras=(ServedCamera("gate", source=source),)))


def test_no_token_of_the_environment_gets_to_the_fetcher() -> None:
    environment = {"JELLYFISH_ADMINISTRATION_TOKEN": "secret", "JELLYFISH_SERVE_PORT": "1", "PATH": "/bin", "HOME": "/"}
    told = environment_of_child(environment | {"PYTHONPATH": "/more"})
    assert told.pop("PYTHONPATH").endswith("/more")
    assert told == {"PATH": "/bin", "HOME": "/"}


# --- the fetcher itself ----------------------------------------------------------------------------------------------


@virtual
async def test_a_fetcher_tells_what_cannot_be_fetched_goes_on_and_ends_with_its_pipe() -> None:
    output, told = io.BytesIO(), asyncio.StreamReader()
    for message in (
        SERVER,
        FetchCamera(replace(GATE, url="gopher://me:geheim@10.0.0.7/")),
        ForgetCamera("gate"),
        SERVER,
    ):
        told.feed_data(as_line(message))
    asyncio.get_running_loop().call_later(2.5, told.feed_eof)
    await CameraFetcher(output).run(told)
    said = [line_of_fetcher(line) for line in output.getvalue().splitlines()]
    assert [type(each) for each in said].count(FetcherAlive) == 3
    (source,) = (each for each in said if isinstance(each, SourceTold))
    assert (source.name, source.state) == ("gate", "dead") and "gopher: is no source" in source.words
    assert b"geheim" not in output.getvalue() and SERVER.token.encode() not in output.getvalue()


class Shown:
    """The other end of an encrypted connection, which shows a certificate."""

    def __init__(self, certificate: bytes) -> None:
        self._certificate = certificate

    def get_extra_info(self, name: str) -> object:
        return ("127.0.0.1", 8765) if name == "peername" else self

    def getpeercert(self, binary_form: bool) -> bytes:
        return self._certificate


def test_a_server_is_ours_by_one_of_its_certificates_and_no_other() -> None:
    ours = OwnCertificates(sha256(each).hexdigest() for each in (b"old", b"new"))
    for certificate in (b"old", b"new"):
        ours.check(cast(asyncio.Transport, Shown(certificate)))
    for trusted in (ours, OwnCertificates(())):
        with pytest.raises(aiohttp.ServerFingerprintMismatch):
            trusted.check(cast(asyncio.Transport, Shown(b"another")))


# --- real processes and sockets --------------------------------------------------------------------------------------


class Fetched:
    """A server that fetches its cameras itself, which no device but a stand-in looks at."""

    def __init__(self, config: ServerConfig) -> None:
        self.config = config
        self.processes: list[int] = []
        self.states: list[str] = []
        self.happened = asyncio.Event()
        dispatcher = Dispatcher(Finding(Answer()), PROFILE, SMALL, 4)
        self.dispatcher, self.service = dispatcher, Service([dispatcher], MODEL, decode, Limits())
        self.service.on_event, self.service.on_frame = self._event, lambda way: self.happened.set()
        self.service.on_left = lambda session: self.happened.set()
        self.entrance = Entrance(config, {"JELLYFISH_CAMERA_TOKEN": "camera-camera-camera"})
        self.cameras = OwnCameras(config, self.service, self.entrance, self._launch)

    def _event(self, event: ServerEvent) -> None:
        self.states += [event.state] if isinstance(event, SourceChanged) else []
        self.happened.set()

    @contextlib.asynccontextmanager
    async def _launch(self, cores: Sequence[int]) -> AsyncIterator[FetcherPipes]:
        async with fetcher_process(cores) as pipes:
            self.processes.append(pipes.process_id)
            yield pipes

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        batches = asyncio.create_task(self.dispatcher.run())
        access, tls = self.entrance.access, self.entrance.tls
        with bound("0.0.0.0", 0) as sockets:
            async with listening(self.service, sockets=sockets, access=access, tls=tls):
                self.service.ready = True
                async with self.cameras.fetched("0.0.0.0", sockets[0].getsockname()[1], usable_cores()):
                    yield
        batches.cancel()

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait for what happens to make it so, at most half a minute."""
        async with asyncio.timeout(30):
            while not true():
                self.happened.clear()
                await self.happened.wait()

    def answered(self, name: str) -> bool:
        session = self.service.sessions.get(name)
        return session is not None and session.account.answered > 1


async def test_a_server_of_tls_and_tokens_fetches_a_folder_of_pictures_and_again_after_its_process_was_killed(
    tmp_path: Path,
) -> None:
    clips = tmp_path / "clips"
    clips.mkdir()
    for number in range(3):
        (clips / f"{number}.jpg").write_bytes(encode_jpeg(np.full((72, 128, 3), 60 * number, np.uint8)))
    certificate, key = own_certificate(tmp_path / "tls", ["elsewhere.example"])
    server = Fetched(
        ServerConfig(
            cameras=(ServedCamera("clips", source=SourceConfig("clips", str(clips), 20.0, 5.0)),),
            allowance=Allowance((clips,)),
            access=AccessConfig(certificate=certificate, key=key),
        )
    )
    async with server.running():
        await server.until(lambda: server.answered("clips"))
        assert server.service.sessions["clips"].fetched
        os.kill(server.processes[0], signal.SIGKILL)
        await server.until(lambda: "clips" not in server.service.sessions)
        await server.until(lambda: server.answered("clips"))
        assert server.states == ["live", "dead", "live"]
        server.cameras.configure(())()
        await server.until(lambda: not server.service.sessions)
    assert len(server.processes) == 2
    for process_id in server.processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process_id, 0)
