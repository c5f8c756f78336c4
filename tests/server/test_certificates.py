"""TLS on real sockets: a certificate of the server's own, taken by who trusts it; another one while it runs."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from jellyfish.camera.credentials import TOKEN_VARIABLE, http_session
from jellyfish.camera.reaching import require_ready
from jellyfish.config import AccessConfig, Limits, ReachConfig, ServerConfig
from jellyfish.dispatch.dispatcher import Dispatcher
from jellyfish.errors import InputError
from jellyfish.lab.simulation.timed_executor import TimedExecutor
from jellyfish.modes import entrance as entrance_module
from jellyfish.modes.checks import bound
from jellyfish.modes.entrance import Entrance
from jellyfish.protocol import wire
from jellyfish.server.app import listening
from jellyfish.server.certificates import fingerprint, load, own_certificate, server_context
from jellyfish.server.service import Service
from tests.server.peer import MODEL, PROFILE, SMALL, Peer, decode

pytest.importorskip("cryptography")
TOKEN = "0123456789abcdef"


@pytest.fixture
def own(tmp_path: Path) -> tuple[Path, Path]:
    return own_certificate(tmp_path / "one", ["localhost", "127.0.0.1"])


@contextlib.asynccontextmanager
async def encrypted(certificate: Path, key: Path) -> AsyncIterator[tuple[str, Entrance]]:
    """The URL of a server that asks for `TOKEN`, and its entrance."""
    config = ServerConfig(access=AccessConfig(certificate=certificate, key=key))
    entrance = Entrance(config, {"JELLYFISH_CAMERA_TOKEN": TOKEN})
    service = Service([Dispatcher(TimedExecutor(PROFILE), PROFILE, SMALL, 4)], MODEL, decode, Limits())
    with bound("127.0.0.1", 0) as sockets:
        async with listening(service, sockets=sockets, access=entrance.access, tls=entrance.tls):
            service.ready = True
            yield f"wss://127.0.0.1:{sockets[0].getsockname()[1]}/v1/stream", entrance


async def test_a_stream_is_opened_with_tls_and_a_token(own: tuple[Path, Path]) -> None:
    async with (
        encrypted(*own) as (url, _),
        http_session(ReachConfig(ca_file=own[0]), url, {TOKEN_VARIABLE: TOKEN}) as http,
    ):
        await require_ready(http, url)
        async with http.ws_connect(url) as socket:
            peer = Peer(socket, asyncio.get_running_loop().time)
            await peer.send(wire.Hello("camera", 15, 100.0))
            assert (await peer.until(wire.Welcome)).max_in_flight == Limits().in_flight


async def test_who_does_not_trust_the_certificate_does_not_connect(own: tuple[Path, Path], tmp_path: Path) -> None:
    another, _ = own_certificate(tmp_path / "two", ["localhost", "127.0.0.1"])
    async with encrypted(*own) as (url, _):
        for reach in (ReachConfig(), ReachConfig(ca_file=another)):
            async with http_session(reach, url, {}) as http:
                with pytest.raises(InputError, match=r"its certificate is not trusted .* --ca-file"):
                    await require_ready(http, url)
        async with http_session(ReachConfig(any_certificate=True), url, {}) as http:
            await require_ready(http, url)
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await http.ws_connect(url)
            assert refused.value.status == 401
        async with http_session(ReachConfig(), url.replace("wss", "ws"), {}) as http:
            with pytest.raises(InputError, match="give wss://"):
                await require_ready(http, url.replace("wss", "ws"))


async def test_another_certificate_is_shown_from_now_on_and_open_streams_go_on(
    own: tuple[Path, Path], tmp_path: Path
) -> None:
    new, new_key = own_certificate(tmp_path / "new", ["127.0.0.1"])
    async with encrypted(*own) as (url, entrance):
        before = http_session(ReachConfig(ca_file=own[0]), url, {TOKEN_VARIABLE: TOKEN})
        after = http_session(ReachConfig(ca_file=new), url, {TOKEN_VARIABLE: TOKEN})
        async with before, after, before.ws_connect(url) as open_stream:
            entrance.read_again(ServerConfig(access=AccessConfig(certificate=new, key=new_key)))
            await require_ready(after, url)
            peer = Peer(open_stream, asyncio.get_running_loop().time)
            await peer.send(wire.Hello("camera", 15, 100.0))
            await peer.until(wire.Welcome)


def test_a_certificate_of_its_own_is_kept_and_made_anew_for_other_names(tmp_path: Path) -> None:
    certificate, key = own_certificate(tmp_path, ["localhost", "::1"])
    first = fingerprint(certificate)
    assert key.stat().st_mode & 0o077 == 0
    assert fingerprint(own_certificate(tmp_path, ["::1", "localhost"])[0]) == first
    assert fingerprint(own_certificate(tmp_path, ["localhost", "gpu"])[0]) != first
    certificate.write_text("no certificate")
    assert fingerprint(own_certificate(tmp_path, ["localhost"])[0]) != first


def test_files_that_are_no_certificate_and_its_key_are_refused_and_nothing_is_changed(
    own: tuple[Path, Path], tmp_path: Path
) -> None:
    certificate, key = own
    _, other_key = own_certificate(tmp_path / "two", ["localhost"])
    (nonsense := tmp_path / "nonsense.pem").write_text("nonsense")
    context = server_context(certificate, key)
    for wrong, its_key, said in (
        (certificate, other_key, "is not the key of the certificate"),
        (nonsense, key, "no certificate and its key in PEM"),
        (certificate, None, "no certificate and its key"),
        (tmp_path / "none", key, "No such file"),
        (certificate, tmp_path / "none", "No such file"),
    ):
        with pytest.raises(InputError, match=said):
            load(context, wrong, its_key)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def notes(host: str, environment: dict[str, str], access: AccessConfig | None = None, proxy: str = "") -> str:
    limits = Limits(proxies=frozenset({proxy} if proxy else ()))
    config = ServerConfig(host, limits=limits, access=access or AccessConfig())
    entrance = Entrance(config, environment)
    return "\n".join((*entrance.warnings(config), *entrance.notes(config)))


def test_a_server_that_others_reach_without_a_token_says_so_loudly(
    own: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = {"JELLYFISH_CAMERA_TOKEN": TOKEN}
    for near in ("127.0.0.1", "::1", "localhost"):
        assert notes(near, {}) == "" == notes(near, token)
    assert "it asks for no token" in notes("0.0.0.0", {}) and "it asks for no token" in notes("gpu.example", {})
    assert "unencrypted" in notes("0.0.0.0", token)
    assert notes("0.0.0.0", token, AccessConfig(certificate=own[0], key=own[1])) == ""
    assert notes("0.0.0.0", token, proxy="192.0.2.1") == ""
    open_to_watch = tmp_path / "tokens.toml"
    open_to_watch.write_text(f'without_token = ["watch"]\n[[token]]\nname = "door"\ntoken = "{TOKEN}"\n')
    assert "may watch its cameras" in notes("0.0.0.0", {}, AccessConfig(open_to_watch, certificate=own[0], key=own[1]))
    monkeypatch.setattr(entrance_module, "kept_in", lambda: tmp_path)
    told = notes("0.0.0.0", token, AccessConfig(self_signed=True))
    assert "SHA-256" in told and "--ca-file" in told and "browser" in told
