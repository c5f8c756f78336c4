"""What a server tells of its clients as it runs: a line for each event, and one a minute."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import datetime

from jellyfish.clock import seconds_now
from jellyfish.devices.worker_thread import WorkerThread
from jellyfish.server.events import ServerEvent, in_words
from jellyfish.server.service import Service
from jellyfish.server.sparing_events import SparingEvents

MOST_WAITING = 256
"""Lines that wait to be written; what is more is not."""
PERIOD_S = 60.0


class LineWriter:
    """Writes on a thread of its own: whoever reads slowly, or no more, holds up no frame."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write, self._room = write, threading.BoundedSemaphore(MOST_WAITING)
        self._thread = WorkerThread("telling", begin=lambda: None)

    def line(self, text: str) -> None:
        """Have it written, if there is room for it. Returns at once."""
        if self._room.acquire(blocking=False):
            self._thread.submit(self._write, text).add_done_callback(lambda done: self._room.release())

    def close(self) -> None:
        """Write what waits, and no more. Returns at once."""
        self._thread.close()


async def tell(service: Service, writer: LineWriter) -> None:
    """Have what happens to the clients of `service` written until cancelled."""
    sparing = SparingEvents(service.limits.clients)

    def told(event: ServerEvent) -> None:
        for each in sparing.told(event, seconds_now()):
            writer.line(f"{datetime.now():%Y-%m-%d %H:%M:%S} {in_words(each)}")

    service.on_event = told
    while True:
        await asyncio.sleep(PERIOD_S)
        if (minute := service.last_minute()) is not None:
            told(minute)
