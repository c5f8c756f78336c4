"""The cameras that a server knows of beside its streams: put together of what is configured, kept, and asked for."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256

from aiohttp import web

from jellyfish.camera.sources.allowed import terms, without_credentials
from jellyfish.config import Allowance, ServedCamera, ServerConfig
from jellyfish.core import SourceState
from jellyfish.errors import InputError
from jellyfish.models.model import Description
from jellyfish.modes.entrance import Entrance
from jellyfish.modes.fetcher_lines import ServerToReach
from jellyfish.modes.fetching import Fetching, Launch, fetcher_process
from jellyfish.server.access import RouteKind, Token
from jellyfish.server.address import in_url
from jellyfish.server.cameras.api import camera_routes
from jellyfish.server.cameras.bounds import CameraBounds
from jellyfish.server.cameras.kept_file import read_kept
from jellyfish.server.cameras.listing import FetchedState
from jellyfish.server.cameras.register import CameraRegister
from jellyfish.server.cameras.roster import Roster
from jellyfish.server.certificates import digest_of
from jellyfish.server.events import SourceChanged
from jellyfish.server.fleet.telling import SourceTerms
from jellyfish.server.service import Service

ANY = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}
"""Addresses that stand for all of this machine's -> one of them."""


def roster_of(config: ServerConfig) -> Roster:
    """The cameras that a server begins with. InputError for files that cannot be used."""
    kept = () if config.cameras_file is None else read_kept(config.cameras_file)
    return Roster.beginning(config.cameras, kept)


def check_cameras(config: ServerConfig, model: Description) -> None:
    """InputError for cameras that a server of this model could not begin with."""
    for folder in config.allowance.folders:
        if not folder.is_dir():
            raise InputError(f"{folder} is no folder: --camera-files names folders below which cameras' files are")
    _bounds(model, config.allowance, config.limits.clients).check(roster_of(config).cameras.values())


def without_secrets(config: ServerConfig) -> ServerConfig:
    """`config` as it may be written down: of its cameras' URLs what people are shown."""
    return replace(config, cameras=tuple(map(_shown, config.cameras)))


class OwnCameras:
    """One server's. Made before it listens, as it has pages of its own."""

    def __init__(
        self, config: ServerConfig, service: Service, entrance: Entrance, launch: Launch = fetcher_process
    ) -> None:
        """InputError for cameras that it cannot have."""
        self._service, self._entrance, self._allowance = service, entrance, config.allowance
        self._launch = launch
        self._fetching = Fetching(self._changed)
        self._register = CameraRegister(roster_of(config), self._check, self._hold, config.cameras_file)
        self._token = secrets.token_urlsafe(32)
        self._url = ""

    @property
    def routes(self) -> list[web.RouteDef]:
        """For who asks about cameras, and changes them."""
        return camera_routes(self._service, self._register, self._fetching.states, without_credentials)

    def sources(self) -> Mapping[str, SourceState]:
        """How the sources are of those that are fetched, by name."""
        return self._fetching.sources()

    def terms(self) -> Mapping[str, SourceTerms]:
        """What is asked of those that are fetched, by name."""
        return self._fetching.terms()

    def configure(self, cameras: tuple[ServedCamera, ...]) -> Callable[[], None]:
        """See `CameraRegister.configure`."""
        return self._register.configure(cameras)

    def certificate_changed(self) -> None:
        """The server may show another one from now on."""
        self._fetching.reach(self._reach())

    @contextlib.asynccontextmanager
    async def fetched(self, host: str, port: int, cores: Sequence[int]) -> AsyncIterator[None]:
        """Fetch what is to be fetched, for the time of the context, in which the server listens there.

        `cores`: the processors that this may take.
        """
        scheme, reached = ("ws" if self._entrance.tls is None else "wss"), ANY.get(host, host)
        self._url = f"{scheme}://{in_url(reached)}:{port}/v1/stream"
        digest = sha256(self._token.encode()).digest()
        token = Token("of the server itself", digest, frozenset({RouteKind.CAMERA}), own=True)
        self._entrance.access.grant(token)
        try:
            async with self._fetching.running(self._reach(), cores, self._launch):
                yield
        finally:
            self._entrance.access.take_back(token)

    def _reach(self) -> ServerToReach:
        certificate = self._entrance.certificate
        return ServerToReach(self._url, self._token, () if certificate is None else (digest_of(certificate),))

    def _check(self, roster: Roster) -> None:
        service = self._service
        _bounds(service.model, self._allowance, service.limits.clients).check(roster.cameras.values())

    def _hold(self, roster: Roster) -> None:
        self._service.settings.replace(roster.settings, roster.sources.keys())
        allowed = {name: replace(source, allowance=self._allowance) for name, source in roster.sources.items()}
        self._fetching.want(allowed)

    def _changed(self, name: str, state: FetchedState) -> None:
        if state.state != SourceState.OPENING:
            self._service.happened(SourceChanged(name, state.state, state.words))


def _bounds(model: Description, allowance: Allowance, most_fetched: int) -> CameraBounds:
    return CameraBounds(model, lambda url: terms(url, allowance), most_fetched)


def _shown(camera: ServedCamera) -> ServedCamera:
    source = camera.source
    return camera if source is None else replace(camera, source=replace(source, url=without_credentials(source.url)))
