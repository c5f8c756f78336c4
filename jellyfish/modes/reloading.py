"""What a running server does when it is told to read its configuration anew: by SIGHUP, or by an administrator."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from jellyfish.config import ServerConfig
from jellyfish.errors import InputError
from jellyfish.modes.entrance import Entrance
from jellyfish.server.administration import Changes
from jellyfish.server.service import Service

AT_RUN_TIME = frozenset(
    {
        "target",
        *("max_clients", "max_message_kb", "max_in_flight", "hello_timeout_s", "silence_timeout_s"),
        *("per_address", "proxy", "tokens", "allow_host", "allow_origin", "tls_certificate", "tls_key"),
    }
)
"""Options that a running server takes anew. All others take a restart."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a server is asked to be."""

    config: ServerConfig
    options: Mapping[str, Any]
    """By name, defaults included."""


class Reloading:
    """One running server's."""

    def __init__(self, asked: Asked, again: Callable[[], Asked], entrance: Entrance, service: Service) -> None:
        self._asked, self._again = asked, again
        self._entrance, self._service = entrance, service

    def reload(self) -> Changes:
        """Take anew what can be, all of it or, where something is wrong (InputError), nothing."""
        asked = self._again()
        names = sorted(name for name, value in asked.options.items() if value != self._asked.options.get(name))
        changed = [name for name in names if name in AT_RUN_TIME and not self._begins_tls(name)]
        config = self._with(asked.config)
        self._entrance.read_again(config)
        self._service.keep_to(config.limits)
        self._service.aim_at(config.target)
        taken = {name: asked.options[name] for name in changed}
        self._asked = Asked(config, {**self._asked.options, **taken})
        return Changes(tuple(changed), tuple(name for name in names if name not in changed))

    def _begins_tls(self, name: str) -> bool:
        return self._entrance.tls is None and name in ("tls_certificate", "tls_key")

    def _with(self, newest: ServerConfig) -> ServerConfig:
        """The configuration in force, with what can be changed as it is in `newest`."""
        running = self._asked.config
        limits = replace(newest.limits, image_side=running.limits.image_side)
        access = newest.access
        if access.tls != running.access.tls or access.self_signed != running.access.self_signed:
            mine = running.access
            access = replace(access, certificate=mine.certificate, key=mine.key, self_signed=mine.self_signed)
        return replace(running, target=newest.target, limits=limits, access=access)


@contextlib.asynccontextmanager
async def reloaded_by_signal(reload: Callable[[], Changes], say: Callable[[str], None]) -> AsyncIterator[None]:
    """For the time of the context SIGHUP has the configuration read anew; `say` is told what came of it.

    Not where the server was started from a terminal, whose end the signal tells of, nor where it is ignored.
    """
    if not _may_be_told():
        yield
        return
    loop = asyncio.get_running_loop()
    before = signal.getsignal(signal.SIGHUP)
    loop.add_signal_handler(signal.SIGHUP, lambda: say(told(reload)))
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
        signal.signal(signal.SIGHUP, before)


def _may_be_told() -> bool:
    on_main = threading.current_thread() is threading.main_thread()
    return on_main and not sys.stdin.isatty() and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN


def told(reload: Callable[[], Changes]) -> str:
    """What came of reading the configuration anew, in words."""
    try:
        return reload().in_words()
    except InputError as error:
        return f"nothing is changed: {error}"
