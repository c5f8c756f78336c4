"""What a server tells as it runs, of itself and its clients: a line for each event, for people or for machines."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial

from rich.console import Console

from jellyfish.clock import seconds_now
from jellyfish.config import LogFormat
from jellyfish.devices.worker_thread import WorkerThread
from jellyfish.server.conditions import ClientFared, Conditions, DevicePace
from jellyfish.server.events import LogRecorded, ServerEvent, as_json, in_words
from jellyfish.server.service import Service
from jellyfish.server.sparing_events import SparingEvents

MOST_WAITING = 256
"""Lines that wait to be written; what is more is not."""
PERIOD_S = 60.0
LOOK_S = 1.0
"""How often devices and plan are looked at."""


def line_of(event: ServerEvent, log_format: LogFormat) -> str:
    """A line about something that happens now."""
    now = datetime.now().astimezone()
    if log_format is LogFormat.JSON:
        return as_json(event, now.isoformat(timespec="milliseconds"))
    return f"{now:%Y-%m-%d %H:%M:%S} {in_words(event)}"


class JsonRecords(logging.Formatter):
    """Warnings of the program, as lines like those of events. A traceback stays within its line."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        words = record.getMessage()
        if record.exc_info:
            words += "\n" + self.formatException(record.exc_info)
        return line_of(LogRecorded(record.levelname.lower(), record.name, words), LogFormat.JSON)


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


def to(console: Console) -> LineWriter:
    """Lines on a console, as they are: nothing of what clients say is taken for markup."""
    return LineWriter(partial(console.out, highlight=False))


async def tell(service: Service, writer: LineWriter, log_format: LogFormat = LogFormat.LINES) -> None:
    """Have what happens to `service` and its clients written until cancelled."""
    sparing, conditions = SparingEvents(service.limits.clients), Conditions()

    def told(event: ServerEvent) -> None:
        for each in sparing.told(event, seconds_now()):
            writer.line(line_of(each, log_format))

    service.on_event = told
    minute_s = seconds_now() + PERIOD_S
    while True:
        await asyncio.sleep(LOOK_S)
        for event in _news(service, conditions):
            told(event)
        if seconds_now() >= minute_s:
            minute_s += PERIOD_S
            for event in _minute(service, conditions):
                told(event)


def _news(service: Service, conditions: Conditions) -> Iterator[ServerEvent]:
    now = seconds_now()
    paces = {
        name: DevicePace(str(each.state), each.statistics().slow_down) for name, each in service.dispatchers.items()
    }
    yield from conditions.devices(paces, now)
    sending = [session for session in service.sessions.values() if session.offered_fps(now) > 0]
    yield from conditions.places(len(sending), sum(not session.plan.mapped for session in sending), now)


def _minute(service: Service, conditions: Conditions) -> Iterator[ServerEvent]:
    if (minute := service.last_minute()) is not None:
        yield minute
    if service.target is not None:
        target = service.target
        fared = [(session, session.attained) for session in service.sessions.values()]
        yield from conditions.minute(
            (session.client, ClientFared(attained.ended, attained.on_time), session.target or target)
            for session, attained in fared
        )
