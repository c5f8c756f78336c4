"""A frame on its way through a device's queue, and what comes of it. No I/O."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from jellyfish.core import Answer, Reason, Variant
from jellyfish.devices.executor import Undecoded
from jellyfish.models.model import Image


@dataclass(frozen=True, slots=True)
class Answered:
    """The device ran the frame. Times are on the server's clock, in seconds."""

    answer: Answer
    variant: Variant
    """The one that ran, which need not be the planned one."""
    device: str
    batch: int
    queue_s: float
    execute_s: float
    on_top: bool = False
    """By a worker that shares its processor: plans do not count with what it does."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """The frame was given up before it cost device time (or, with `device_error`, because the device failed)."""

    reason: Reason
    message: str = ""
    """Explains it to the client, where there is more to say."""


@dataclass(eq=False, slots=True)
class Request:
    """One frame that waits for a device. `deadline_s`: when the batch must be finished (server's clock)."""

    client: str
    frame: int
    deadline_s: float
    queued_s: float
    image: Image | Undecoded
    """RGB [height, width, 3], no larger than what the largest network takes, and fitted to its own when it runs; as it
    came where the device decodes."""
    done: asyncio.Future[Answered | Dropped] = field(repr=False)
    variant: Variant | None = None
    """What its client was planned to be served with; None where there is no such plan."""
