"""What a running server does when it is told to read its configuration anew: by SIGHUP, or by an administrator."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from jellyfish.config import ServerConfig
from jellyfish.errors import InputError, JellyfishError
from jellyfish.models.model import Description
from jellyfish.modes.entrance import Entrance
from jellyfish.modes.own_cameras import OwnCameras
from jellyfish.server.administration import Administration, Changes
from jellyfish.server.service import Service

AT_RUN_TIME = frozenset(
    {
        "target",
        *("max_clients", "max_message_kb", "max_in_flight", "hello_timeout_s", "silence_timeout_s"),
        *("requests_share", "request_timeout_ms"),
        *("per_address", "proxy", "tokens", "allow_host", "allow_origin", "tls_certificate", "tls_key"),
        *("alternative", "public_url"),
    }
)
"""Options that a running server takes anew."""
LIMITS_AT_RUN_TIME = (
    *("clients", "message_bytes", "in_flight", "hello_timeout_s", "silence_timeout_s", "per_address", "proxies"),
    *("requests_share", "request_deadline_s"),
)
"""Those of its limits that some of these are."""
WITH_MODEL = frozenset({"model", "weights", "profile"})
"""Options that it takes when it changes its model. All others take a restart."""
CAMERAS = "cameras"
"""What is said about cameras, which no option is; it is taken anew, too."""
ChangeModel = Callable[[ServerConfig], Awaitable[Description]]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a server is asked to be."""

    config: ServerConfig
    options: Mapping[str, Any]
    """By name, defaults included."""


class Reloading:
    """One running server's."""

    def __init__(
        self,
        asked: Asked,
        again: Callable[[], Asked],
        entrance: Entrance,
        service: Service,
        change_model: ChangeModel | None = None,
        cameras: OwnCameras | None = None,
    ) -> None:
        self._asked, self._again, self._cameras = asked, again, cameras
        self._entrance, self._service, self._change_model = entrance, service, change_model

    def reload(self) -> Changes:
        """Take anew what can be, all of it or, where something is wrong (InputError), nothing."""
        asked = self._again()
        names = sorted(name for name, value in asked.options.items() if value != self._asked.options.get(name))
        changed = [name for name in names if name in AT_RUN_TIME and not self._begins_tls(name)]
        config = self._with(asked.config)
        changed += [CAMERAS] if config.cameras != self._asked.config.cameras else []
        known = self._entrance.warnings(self._asked.config)
        take_cameras = None if self._cameras is None else self._cameras.configure(config.cameras)
        self._entrance.read_again(config)
        if self._cameras is not None and take_cameras is not None:
            take_cameras()
            self._cameras.certificate_changed()
        warnings = tuple(each for each in self._entrance.warnings(config) if each not in known)
        self._service.keep_to(config.limits)
        self._service.aim_at(config.target)
        self._service.alternatives = config.elsewhere
        taken = {name: asked.options[name] for name in changed if name in asked.options}
        self._asked = Asked(config, {**self._asked.options, **taken})
        with_model = tuple(name for name in names if name in WITH_MODEL)
        left = tuple(name for name in names if name not in changed and name not in with_model)
        return Changes(tuple(changed), left, with_model, warnings)

    async def change_model(self) -> str:
        """Serve with the model that the configuration names now, or with its files as they are now; what serves then.

        JellyfishError, and all as before, where that is not to be.
        """
        if self._change_model is None:
            raise InputError("the model of this server cannot be changed")
        asked, running = self._again(), self._asked.config
        named = asked.config
        config = replace(running, model=named.model, weights=named.weights, profile=named.profile)
        served = await self._change_model(config)
        taken = {name: asked.options[name] for name in WITH_MODEL if name in asked.options}
        self._asked = Asked(config, {**self._asked.options, **taken})
        return f"{served}, {len(served.sizes)} sizes"

    def _begins_tls(self, name: str) -> bool:
        return self._entrance.tls is None and name in ("tls_certificate", "tls_key")

    def _with(self, newest: ServerConfig) -> ServerConfig:
        """The configuration in force, with what can be changed as it is in `newest`."""
        running = self._asked.config
        newest_limits = {name: getattr(newest.limits, name) for name in LIMITS_AT_RUN_TIME}
        limits = replace(running.limits, **newest_limits)
        access = newest.access
        if access.tls != running.access.tls or access.self_signed != running.access.self_signed:
            mine = running.access
            access = replace(access, certificate=mine.certificate, key=mine.key, self_signed=mine.self_signed)
        return replace(
            running,
            target=newest.target,
            limits=limits,
            access=access,
            cameras=newest.cameras,
            public_url=newest.public_url,
            alternatives=newest.alternatives,
        )


@contextlib.asynccontextmanager
async def reloaded_by_signal(administration: Administration, say: Callable[[str], None]) -> AsyncIterator[None]:
    """For the time of the context SIGHUP has the configuration read anew, and the model changed if it names another;
    `say` is told what came of it.

    Not where the server was started from a terminal, whose end the signal tells of, nor where it is ignored.
    """
    if not _may_be_told():
        yield
        return
    loop, heard = asyncio.get_running_loop(), asyncio.Event()
    before = signal.getsignal(signal.SIGHUP)
    loop.add_signal_handler(signal.SIGHUP, heard.set)
    answering = loop.create_task(_answer(heard, administration, say))
    try:
        yield
    finally:
        answering.cancel()
        loop.remove_signal_handler(signal.SIGHUP)
        signal.signal(signal.SIGHUP, before)


async def _answer(heard: asyncio.Event, administration: Administration, say: Callable[[str], None]) -> None:
    """Do what signals ask for, one after the other; those that come meanwhile count as one."""
    while True:
        await heard.wait()
        heard.clear()
        try:
            changes = administration.reload()
            say(changes.in_words())
            if changes.with_model:
                say(f"serves with {await administration.change_model()}")
        except JellyfishError as error:
            say(f"nothing is changed: {error}")


def _may_be_told() -> bool:
    on_main = threading.current_thread() is threading.main_thread()
    return on_main and not sys.stdin.isatty() and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
