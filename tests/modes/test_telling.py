"""Lines about clients: written on a thread of their own, and one a minute."""

from __future__ import annotations

import asyncio
import threading

from jellyfish.modes.telling import MOST_WAITING, PERIOD_S, LineWriter, tell
from jellyfish.protocol import wire
from tests.server.peer import running, welcomed
from tests.virtual import virtual


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
