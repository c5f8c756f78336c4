"""Where to look when frames were missed: one word for each way to miss. Pure; docs/fleet.md says the same in prose."""

from __future__ import annotations

import enum
from typing import NamedTuple

from jellyfish.core import Reason
from jellyfish.server.attained import LATE, NOT_SENT


class Blame(enum.StrEnum):
    """Where a miss comes from."""

    NETWORK = "network"
    """Between camera and server."""
    SERVER = "server"
    """A device, or the way to it."""
    OVERLOAD = "overload"
    """More is asked of the devices than they can do."""
    HOST = "host"
    """The server's own machine: event loop or decoders have too much to do."""
    SOURCE = "source"
    """No pictures come out of the camera."""
    CAMERA = "camera"
    """What sends the camera's frames is too slow, or does not keep to what was agreed."""


class TimeSplit(NamedTuple):
    """Where frames spent their time, in seconds of as many frames in each."""

    camera_s: float = 0.0
    """From capture to sending."""
    network_s: float = 0.0
    """There and back."""
    server_s: float = 0.0

    @property
    def most(self) -> Blame:
        """What took most of it; the network where nothing is known, for then no frames came."""
        if self.camera_s + self.network_s + self.server_s == 0:
            return Blame.NETWORK
        if self.server_s >= max(self.network_s, self.camera_s):
            return Blame.SERVER
        return Blame.NETWORK if self.network_s >= self.camera_s else Blame.CAMERA


class Circumstances(NamedTuple):
    """How things were while the frames were missed."""

    split: TimeSplit
    """Of the camera's frames that were late or too late, else of all that came lately."""
    host_over: bool
    """Whether the server's machine had more to do than it can."""
    mapped: bool
    """Whether the camera had a place in the plan."""
    thinned: bool
    """Whether its plan asked for fewer frames than it captures."""


_ALWAYS: dict[str, Blame] = {
    Reason.OVERLOAD: Blame.OVERLOAD,
    Reason.QUEUE_FULL: Blame.OVERLOAD,
    Reason.PAUSED: Blame.OVERLOAD,
    Reason.THINNED: Blame.HOST,
    Reason.TOO_MANY_IN_FLIGHT: Blame.CAMERA,
    Reason.TOO_FAST: Blame.CAMERA,
    Reason.BAD_IMAGE: Blame.CAMERA,
    Reason.IMAGE_TOO_LARGE: Blame.CAMERA,
    Reason.CAMERA_BUSY: Blame.CAMERA,
    Reason.SLOW: Blame.CAMERA,
    Reason.DEVICE_ERROR: Blame.SERVER,
    Reason.SHUTDOWN: Blame.SERVER,
    Reason.STALE: Blame.NETWORK,
    Reason.NETWORK: Blame.NETWORK,
    Reason.DISCONNECTED: Blame.NETWORK,
}
"""Reasons that tell by themselves."""
_FOR_TIME: set[str] = {Reason.EXPIRED, Reason.REPLACED, Reason.NO_ANSWER, LATE}
"""Those of frames that want of time has cost: what took it tells whose fault that is."""


def blamed(reason: str, at: Circumstances) -> Blame:
    """Where frames that were missed for `reason` come from; a reason that a client has made up is the client's."""
    if reason in _FOR_TIME:
        return _at_server(at) if at.split.most is Blame.SERVER else at.split.most
    if reason == Reason.SERVER:
        return _at_server(at)
    if reason == NOT_SENT:
        return _unsent(at)
    return _ALWAYS.get(reason, Blame.CAMERA)


def _at_server(at: Circumstances) -> Blame:
    return Blame.HOST if at.host_over else Blame.SERVER


def _unsent(at: Circumstances) -> Blame:
    """Of a client that sends no reports: what its plan was tells why it sent less."""
    if not at.mapped:
        return Blame.OVERLOAD
    return Blame.HOST if at.thinned else Blame.NETWORK
