"""Lines about clients: written on a thread of their own, and one a minute."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import sys
import threading

from rich.console import Console

from jellyfish.config import LogFormat
from jellyfish.modes.saying import Saying
from jellyfish.modes.telling import MOST_WAITING, PERIOD_S, JsonRecords, LineWriter, tell
from jellyfish.protocol import wire
from tests.server.peer import running, welcomed
from tests.virtual import virtual


class Whole(LineWriter):
    """Keeps what it is to write, as it is."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def line(self, text: str) -> None:
        self.lines.append(text)


class Listening(LineWriter):
    """Keeps what it is to write."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def line(self, text: str) -> None:
        self.lines.append(text.split(" ", 2)[2])


@virtual
async def test_clients_are_told_and_a_line_a_minute_as_long_as_there_are_any() -> None:
    writer = Listening()
    async with running() as service:
        task = asyncio.create_task(tell(service, writer))
        await asyncio.sleep(2.5 * PERIOD_S)
        assert writer.lines == []
        async with welcomed("door") as peer:
            await peer.send_frame(0)
            await peer.until(wire.Result)
            await peer.send(wire.Bye())
            await peer.until(wire.Farewell)
        await asyncio.sleep(2 * PERIOD_S)
        task.cancel()
    joined, left, minute = writer.lines
    assert joined.startswith("door joined from ")
    assert left.startswith("door left after 0 s (bye: ")
    assert minute == "0 clients; 100 % of 1 frames on time"


@virtual
async def test_lines_for_machines_tell_of_devices_and_of_clients_without_a_place() -> None:
    writer = Whole()
    async with running(disturbance=lambda variant, batch: 3.0) as service:
        task = asyncio.create_task(tell(service, writer, LogFormat.JSON))
        async with welcomed("door") as peer:
            for number in range(120):
                await peer.send_frame(number)
                await peer.until(wire.Result)
                await asyncio.sleep(0.1)
        task.cancel()
    told = [json.loads(line) for line in writer.lines]
    assert [each["event"] for each in told][:1] == ["client_joined"]
    slow = next(each for each in told if each["event"] == "device_suspect")
    assert slow["suspect"] and slow["slow_down"] > 1.5
    missing = next(each for each in told if each["event"] == "places_missing")
    assert (missing["clients"], missing["without_place"]) == (1, 1)
    assert all(each["time"].startswith("20") for each in told)


def test_a_warning_of_the_program_is_a_line_of_the_same_kind_with_its_traceback() -> None:
    try:
        raise OSError("no disk")
    except OSError:
        record = logging.LogRecord("jellyfish.x", logging.WARNING, "x.py", 1, "it %s", ("failed",), sys.exc_info())
    line = JsonRecords().format(record)
    told = json.loads(line)
    assert "\n" not in line
    assert (told["event"], told["level"], told["logger"]) == ("log", "warning", "jellyfish.x")
    assert told["message"].startswith("it failed\nTraceback") and "no disk" in told["message"]


def test_a_server_says_the_same_of_itself_in_words_and_as_json() -> None:
    def said(log_format: LogFormat) -> list[str]:
        written = io.StringIO()
        saying = Saying(Console(file=written, width=40), log_format)
        with saying.progress() as report:
            for done in range(3):
                report("measuring", done, 3)
        saying.ready("ws://127.0.0.1:1/v1/stream", "street", "cpu")
        saying.note("anybody may use this server [really]")
        saying.words("stopped")
        return written.getvalue().splitlines()

    words = said(LogFormat.LINES)
    assert words[0] == "measuring ..." and words[-1] == "stopped"
    told = [json.loads(line) for line in said(LogFormat.JSON)]
    assert [each.get("words") for each in told] == [
        "measuring ...", None, "note: anybody may use this server [really]", "stopped",
    ]  # fmt: skip
    assert told[1]["url"] == "ws://127.0.0.1:1/v1/stream"


def test_a_reader_that_is_stuck_holds_nothing_up_and_only_so_much_waits_for_it() -> None:
    goes_on, through, written = threading.Event(), threading.Event(), []

    def write(text: str) -> None:
        goes_on.wait(20)
        written.append(text)
        if text == "after":
            through.set()

    writer = LineWriter(write)
    for number in range(3 * MOST_WAITING):
        writer.line(str(number))
    assert written == []
    goes_on.set()
    while not through.is_set():
        writer.line("after")
        through.wait(0.01)
    assert written[:MOST_WAITING] == [str(number) for number in range(MOST_WAITING)]
    assert set(written[MOST_WAITING:]) == {"after"}


def test_a_reader_that_is_gone_is_no_error_and_takes_no_room() -> None:
    tries = threading.Semaphore(0)

    def gone(text: str) -> None:
        tries.release()
        raise BrokenPipeError

    writer = LineWriter(gone)
    for _ in range(2 * MOST_WAITING):
        writer.line("nobody reads this")
        assert tries.acquire(timeout=20)
