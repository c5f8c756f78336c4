"""A running server that is told to read its configuration anew."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jellyfish.config import AccessConfig, CameraSettings, Limits, ServedCamera, ServerConfig
from jellyfish.errors import InputError, RunError
from jellyfish.lab.simulation.network import HOST, PORT, URL
from jellyfish.models.model import Description
from jellyfish.modes.entrance import Entrance
from jellyfish.modes.own_cameras import OwnCameras
from jellyfish.modes.reloading import Asked, Reloading, reloaded_by_signal
from jellyfish.protocol import wire
from jellyfish.server.administration import Administration, Changes
from jellyfish.server.service import Service
from tests.server.peer import MODEL, Peer, http, running
from tests.virtual import virtual

DOOR, CHIEF = "door-door-door-door", "chief-chief-chief-chief"
OPTIONS = {
    "model": "slimmable",
    "weights": None,
    "target": 99.9,
    "max_clients": 128,
    "port": 8765,
    "tokens": None,
    "tls_certificate": None,
}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def tokens_in(path: Path, *cameras: str) -> Path:
    entries = [f'[[token]]\nname = "{name}"\ntoken = "{name}"\n' for name in cameras]
    path.write_text("".join(entries) + f'[[token]]\nname = "chief"\ntoken = "{CHIEF}"\nmay = ["administration"]\n')
    return path


class Configured:
    """What a server's file says, which a test changes."""

    def __init__(self, tokens: Path | None) -> None:
        self.config = ServerConfig(access=AccessConfig(tokens))
        self.options: dict[str, Any] = dict(OPTIONS)
        self.wrong: str | None = None
        self.reloading: Reloading | None = None
        self.entrance = Entrance(self.config)
        self.served: list[ServerConfig] = []

    def asked(self) -> Asked:
        if self.wrong is not None:
            raise InputError(self.wrong)
        return Asked(self.config, dict(self.options))

    def serves(self, service: Service) -> None:
        self.reloading = Reloading(self.asked(), self.asked, self.entrance, service, self._served)

    def reload(self) -> Changes:
        assert self.reloading is not None
        return self.reloading.reload()

    async def change_model(self) -> str:
        assert self.reloading is not None
        return await self.reloading.change_model()

    async def _served(self, config: ServerConfig) -> Description:
        self.served.append(config)
        if config.model == "broken":
            raise RunError("it fails on a frame")
        return MODEL

    @property
    def administration(self) -> Administration:
        return Administration(self.reload, self.change_model)


@virtual
async def test_target_and_limits_are_taken_while_streams_go_on_and_what_takes_a_restart_is_told(
    tmp_path: Path,
) -> None:
    told_of = Configured(tokens_in(tmp_path / "tokens.toml", DOOR))
    async with (
        running(access=told_of.entrance.access) as service,
        http() as session,
        session.ws_connect(URL, headers=bearer(DOOR)) as socket,
    ):
        service.target = 99.9
        told_of.serves(service)
        peer = Peer(socket, asyncio.get_running_loop().time)
        await peer.send(wire.Hello("door", 15, 100.0))
        await peer.until(wire.Welcome)
        care = service.sessions["door"].learnt
        told_of.config = replace(
            told_of.config, target=95.0, port=1, limits=Limits(clients=1, image_side=100, idle_s=1.0), max_batch=3
        )
        told_of.options |= {"target": 95.0, "port": 1, "max_clients": 1}
        assert told_of.reload() == Changes(("max_clients", "target"), ("port",))
        assert (service.target, service.limits) == (95.0, Limits(clients=1)), "what takes a restart is as it was"
        learnt = service.sessions["door"].learnt
        assert learnt is not None and care is not None and learnt is not care and learnt.care == care.care
        async with session.ws_connect(URL, headers=bearer(DOOR)) as another:
            second = Peer(another, asyncio.get_running_loop().time)
            await second.send(wire.Hello("second", 15, 100.0))
            assert (await second.until(wire.ErrorMessage)).code == "full"
        await peer.send_frame(1)
        assert (await peer.until(wire.Result)).frame == 1
        assert told_of.reload() == Changes((), ("port",))


@virtual
async def test_other_servers_are_taken_anew_and_it_is_not_one_of_them() -> None:
    told_of = Configured(None)
    mine, other = "ws://one:8765/v1/stream", "ws://two:8765/v1/stream"
    told_of.options |= {"alternative": "", "public_url": None}
    async with running() as service, http() as session:
        told_of.serves(service)
        told_of.config = replace(told_of.config, public_url=mine, alternatives=(mine, other))
        told_of.options |= {"alternative": f"{mine},{other}", "public_url": mine}
        assert told_of.reload() == Changes(("alternative", "public_url"), ())
        async with session.ws_connect(URL) as socket:
            peer = Peer(socket, asyncio.get_running_loop().time)
            await peer.send(wire.Hello("camera", 15, 100.0))
            assert (await peer.until(wire.Welcome)).alternatives == (other,)


@virtual
async def test_cameras_are_taken_anew_all_or_none(tmp_path: Path) -> None:
    told_of = Configured(tokens_in(tmp_path / "tokens.toml", DOOR))
    gate, yard = ServedCamera("gate", CameraSettings(min_score=0.5)), ServedCamera("yard", CameraSettings(importance=2))
    told_of.config = replace(told_of.config, cameras=(gate,))
    async with running(access=told_of.entrance.access) as service:
        cameras = OwnCameras(told_of.config, service, told_of.entrance)
        told_of.reloading = Reloading(told_of.asked(), told_of.asked, told_of.entrance, service, cameras=cameras)
        assert service.settings.of("gate").min_score == 0.5
        assert told_of.reload() == Changes((), ())
        told_of.config = replace(told_of.config, cameras=(yard,))
        assert told_of.reload() == Changes(("cameras",), ())
        assert (service.settings.of("gate").min_score, service.settings.of("yard").importance) == (0.0, 2)
        wrong = ServedCamera("x", CameraSettings(classes=("cra",)))
        told_of.config = replace(told_of.config, cameras=(wrong,), target=95.0)
        with pytest.raises(InputError, match="do you mean car"):
            told_of.reload()
        assert service.settings.of("yard").importance == 2 and service.target is None
        told_of.config = replace(told_of.config, cameras=(gate,))
        (tmp_path / "tokens.toml").write_text("nonsense")
        with pytest.raises(InputError, match="no file of tokens"):
            told_of.reload()
        assert service.settings.of("gate").min_score == 0.0, "nothing of it is taken"


@virtual
async def test_tokens_are_read_anew_and_if_anything_is_wrong_nothing_is_changed(tmp_path: Path) -> None:
    path = tokens_in(tmp_path / "tokens.toml", DOOR)
    told_of = Configured(path)
    rules = told_of.entrance.access.rules
    async with running(access=told_of.entrance.access) as service:
        told_of.serves(service)
        path.write_text("nonsense")
        told_of.config = replace(told_of.config, target=95.0)
        with pytest.raises(InputError, match="is no file of tokens"):
            told_of.reload()
        assert told_of.entrance.access.rules is rules and service.target is None
        told_of.wrong = "the file is wrong"
        with pytest.raises(InputError, match="the file is wrong"):
            told_of.reload()
        told_of.wrong = None
        tokens_in(path, DOOR, "gate-gate-gate-gate")
        assert told_of.reload() == Changes((), ())
        assert len(told_of.entrance.access.rules.tokens) == 3


@virtual
async def test_a_server_that_loses_its_last_token_says_so_once(tmp_path: Path) -> None:
    told_of = Configured(tokens_in(tmp_path / "tokens.toml", DOOR))
    told_of.config = replace(told_of.config, host="0.0.0.0")
    async with running(access=told_of.entrance.access) as service:
        told_of.serves(service)
        told_of.config = replace(told_of.config, access=AccessConfig())
        changes = told_of.reload()
        (warning,) = changes.warnings
        assert "ANYBODY" in warning and f"WARNING: {warning}" in changes.in_words()
        assert told_of.reload().warnings == ()


@virtual
async def test_an_administrator_has_it_read_anew_and_nobody_else(tmp_path: Path) -> None:
    told_of = Configured(tokens_in(tmp_path / "tokens.toml", DOOR))
    url = f"http://{HOST}:{PORT}/v1/admin/reload"
    access, administration = told_of.entrance.access, told_of.administration
    async with running(access=access, administration=administration) as service, http() as session:
        told_of.serves(service)
        for headers, status in (({}, 401), (bearer(DOOR), 403), (bearer(CHIEF), 200)):
            async with session.post(url, headers=headers) as answer:
                assert answer.status == status
                answered = await answer.json()
        assert answered == {"changed": [], "takes_restart": [], "with_model": []}
        async with session.get(url, headers=bearer(CHIEF)) as answer:
            assert answer.status == 405
        told_of.wrong = "the file is wrong"
        async with session.post(url, headers=bearer(CHIEF)) as answer:
            assert (answer.status, await answer.json()) == (409, {"error": "nothing is changed: the file is wrong"})


@virtual
async def test_the_model_is_changed_apart_from_the_rest_and_by_an_administrator_alone(tmp_path: Path) -> None:
    told_of = Configured(tokens_in(tmp_path / "tokens.toml", DOOR))
    url = f"http://{HOST}:{PORT}/v1/admin/model"
    access, administration = told_of.entrance.access, told_of.administration
    async with running(access=access, administration=administration) as service, http() as session:
        told_of.serves(service)
        told_of.config = replace(told_of.config, model="better", max_batch=3)
        told_of.options |= {"model": "better", "max_batch": 3}
        assert told_of.reload() == Changes((), ("max_batch",), ("model",))
        assert told_of.served == []
        for headers, status in (({}, 401), (bearer(DOOR), 403), (bearer(CHIEF), 200)):
            async with session.post(url, headers=headers) as answer:
                assert answer.status == status
                answered = await answer.json()
        assert answered == {"serves": "tested 1, 2 sizes"}
        assert [(each.model, each.max_batch) for each in told_of.served] == [("better", 8)]
        assert told_of.reload() == Changes((), ("max_batch",))
        told_of.config = replace(told_of.config, model="broken")
        async with session.post(url, headers=bearer(CHIEF)) as answer:
            assert (answer.status, await answer.json()) == (409, {"error": "nothing is changed: it fails on a frame"})


async def test_a_hangup_has_it_read_anew_unless_that_is_a_terminals_end(monkeypatch: pytest.MonkeyPatch) -> None:
    said: asyncio.Queue[str] = asyncio.Queue()
    before = signal.getsignal(signal.SIGHUP)
    answers = [Changes(("target",)), InputError("wrong"), Changes((), (), ("model",))]

    def reload() -> Changes:
        answer = answers.pop(0)
        if isinstance(answer, InputError):
            raise answer
        return answer

    async def change_model() -> str:
        return "a better one"

    administration = Administration(reload, change_model)
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    async with reloaded_by_signal(administration, said.put_nowait):
        for expected in (["read anew: target"], ["nothing is changed: wrong"], ["the model is to be", "serves with a"]):
            signal.raise_signal(signal.SIGHUP)
            for words in expected:
                assert words in await said.get()
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    async with reloaded_by_signal(administration, said.put_nowait):
        assert signal.getsignal(signal.SIGHUP) == before
