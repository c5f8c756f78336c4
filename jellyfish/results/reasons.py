"""Why frames were not answered on time: what each reason means, and whose fault it is. For reports and docs."""

from __future__ import annotations

from typing import NamedTuple

from jellyfish.core import Outcome, Reason


class Meaning(NamedTuple):
    """Of one reason."""

    outcomes: tuple[Outcome, ...]
    """What frames with it end as."""
    words: str
    whose: str
    """Whose fault it is, and so where to look."""


_LATE, _DROPPED, _SKIPPED, _LOST = Outcome.LATE, Outcome.DROPPED, Outcome.SKIPPED, Outcome.LOST
_CLIENT = "the client: it does not keep to what was agreed"
_LOAD = "nobody's alone: more is asked of the devices than they can do just then"

REASONS: dict[Reason, Meaning] = {
    Reason.EXPIRED: Meaning(
        (_DROPPED,),
        "dropped by the server: its deadline could no longer be met, when it arrived or while it waited",
        "network or server: `uplink_ms` and `queue_ms` of the frames around it tell which took the time",
    ),
    Reason.OVERLOAD: Meaning(
        (_DROPPED,), "dropped by the server: keeping it would have cost more frames than it is worth", _LOAD
    ),
    Reason.QUEUE_FULL: Meaning(
        (_DROPPED,), "dropped by the server: the device's queue was full, and this frame the best to give up", _LOAD
    ),
    Reason.TOO_MANY_IN_FLIGHT: Meaning(
        (_DROPPED,), "dropped by the server: the client had too many unanswered frames", _CLIENT
    ),
    Reason.TOO_FAST: Meaning(
        (_DROPPED,), "dropped by the server: more frames per second than agreed, or than the plan has room for", _CLIENT
    ),
    Reason.BAD_IMAGE: Meaning((_DROPPED,), "dropped by the server: the JPEG could not be decoded", _CLIENT),
    Reason.IMAGE_TOO_LARGE: Meaning(
        (_DROPPED,), "dropped by the server: the JPEG is larger than allowed, or takes too much to decode", _CLIENT
    ),
    Reason.DEVICE_ERROR: Meaning(
        (_DROPPED,), "dropped: the device failed or hung with this frame, or had done so before", "the device"
    ),
    Reason.SHUTDOWN: Meaning(
        (_DROPPED,), "dropped by the server: it was going down", "nobody's: the server was told to stop"
    ),
    Reason.REPLACED: Meaning(
        (_SKIPPED,),
        "skipped by the client: a newer frame took its place before it could be sent",
        "network or server: earlier frames were not answered soon enough; of a device's frames, the device",
    ),
    Reason.STALE: Meaning(
        (_SKIPPED,), "skipped by the client: no size of it could be answered in time when its turn came", "the network"
    ),
    Reason.PAUSED: Meaning(
        (_SKIPPED,), "skipped by the client: the plan had no room for it but for an occasional probe", _LOAD
    ),
    Reason.THINNED: Meaning(
        (_SKIPPED,),
        "skipped by the client: the plan asked for fewer frames per second than it captures",
        "the server's machine: event loop or decoders had too much to do (`host_binds`)",
    ),
    Reason.DISCONNECTED: Meaning(
        (_SKIPPED, _LOST),
        "skipped or, already sent, lost by the client: it had no server",
        "network or server: `outages.jsonl` says what ended the connection",
    ),
    Reason.NO_ANSWER: Meaning(
        (_LOST,),
        "lost: sent, and not answered within a second after the deadline, nor before the run's end",
        "network or server: not known which, as the client does not hear when frames arrive",
    ),
    Reason.NETWORK: Meaning(
        (_LATE, _LOST),
        "late: most of the time went to the client and the network; lost: not known to have arrived",
        "the network",
    ),
    Reason.SERVER: Meaning(
        (_LATE, _LOST),
        "late: most of the time went to the server; lost: it had arrived, but no answer came",
        "the server",
    ),
    Reason.CAMERA_BUSY: Meaning(
        (_LATE, _DROPPED, _SKIPPED),
        "the camera's own work took too long, from capture to sending",
        "the camera; of emulated cameras, their machine: emulate fewer (docs/emulation.md)",
    ),
    Reason.SLOW: Meaning((_LATE,), "late: the device that answers its frames itself took too long", "the device"),
}
