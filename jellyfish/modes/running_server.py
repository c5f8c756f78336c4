"""A server in this process, as those see it who only use it: a camera's machine has none, and not its packages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jellyfish.config import ServerConfig
from jellyfish.devices.profile.table import LatencyProfile
from jellyfish.models.model import Description
from jellyfish.modes.window_log import OnWindow
from jellyfish.server.fleet.blame import TimeSplit
from jellyfish.server.service import Service
from jellyfish.server.session import Session

if TYPE_CHECKING:  # it loads what a camera's machine has not
    from jellyfish.modes.own_cameras import OwnCameras

SplitOf = Callable[[Session], TimeSplit]


def nothing_known(session: Session) -> TimeSplit:
    """Of a server that does not look."""
    return TimeSplit()


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that answers."""

    url: str
    service: Service
    profiles: tuple[LatencyProfile, ...]
    devices: str
    """The devices in words, with the workers that each is divided into."""
    model: Description
    """What is served."""
    grpc_address: str | None = None
    """Where requests for inference are taken over gRPC."""
    notes: Callable[[], list[str]] = list
    """What else a person should know of its devices so far."""
    change_model: Callable[[ServerConfig], Awaitable[Description]] | None = None
    """Has it serve with the model that a configuration names, see `jellyfish.modes.changing`."""
    cameras: OwnCameras | None = None
    """Those that it knows of beside its streams."""
    split: SplitOf = nothing_known
    """Where the frames of a client spent their time lately."""


Serving = Callable[
    [ServerConfig, OnWindow, Callable[[str, int, int], None]], AbstractAsyncContextManager[RunningServer]
]
"""Starts a server for the time of a context: `jellyfish.modes.serving`."""
