"""What those who watch cost the cameras: 16 watchers on 4 cameras, one of them never reading.

    python -m benchmarks.watchers [--rounds 5] [--seconds 30] [--clients 4] [--variant w050e2-256] [--track]

In turns: nobody watches; 16 watch (8 WebSockets, every other one with pictures, 7 of server-sent events, and one that
asks for pictures and never reads); and the control, in which the same watchers get as many messages of that size from a
process of their own, so that what receiving costs the processors is the same, and what is left is what watching does to
the server. Everybody has a token.

Bars, in the median of the paired rounds against the control: misses at most +.5 points, p99 at most 1.15 times. The
server's memory: at most 20 MB and 100 kB a watcher more at the end than after the first round.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import secrets
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from statistics import median, quantiles

import aiohttp
from aiohttp import web

from benchmarks.behind_proxy import Figures, Place, bench, free_ports, started, wait_ready
from benchmarks.bystanders import Bystanders, marked

SOCKETS, EVENTS = 8, 7
"""And one that never reads."""
ARMS = ("nobody", "watched", "control")
ANSWER_BYTES, PICTURE_BYTES, PICTURES_FPS, FPS = 1200, 15_000, 5, 15
"""In the control."""
MOST_MEMORY_MB = 20.0


class Told:
    """What all watchers of a round have got."""

    def __init__(self) -> None:
        self.messages = self.bytes = self.lost = 0
        self.ages_ms: list[float] = []
        """From capture until a watcher has the answer."""

    def take(self, text: bytes, more: int = 0) -> None:
        self.messages += 1
        self.bytes += len(text) + more
        answer = json.loads(text)
        self.lost += answer.get("lost", 0)
        if "captured" in answer:
            self.ages_ms.append(1000 * (time.time() - datetime.fromisoformat(answer["captured"]).timestamp()))


async def over_socket(http: aiohttp.ClientSession, url: str, told: Told) -> None:
    async with http.ws_connect(url, max_msg_size=0) as socket:
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                told.take(message.data.encode())
            elif message.type is aiohttp.WSMsgType.BINARY:
                length = int.from_bytes(message.data[:4], "little")
                told.take(message.data[4 : 4 + length], len(message.data) - length)


async def of_events(http: aiohttp.ClientSession, url: str, told: Told) -> None:
    async with http.get(url, timeout=aiohttp.ClientTimeout(total=None)) as answer:
        async for line in answer.content:
            if line.startswith(b"data: "):
                told.take(line.removeprefix(b"data: "))


async def never_reading(port: int, token: str) -> None:
    """It asks for all pictures, comes back when it is cut off, and reads nothing."""
    words = f"GET /v1/watch?pictures=1&pictures_fps=60 HTTP/1.1\r\nHost: localhost:{port}\r\nUpgrade: websocket\r\n"
    words += "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
        writer.write(f"{words}Authorization: Bearer {token}\r\n\r\n".encode())
        await asyncio.sleep(45.0)
        assert reader
        writer.close()


@contextlib.asynccontextmanager
async def watched(port: int, token: str) -> AsyncIterator[Told]:
    """Sixteen watch for the time of the context."""
    told, url = Told(), f"http://127.0.0.1:{port}/v1/watch"
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, headers={"Authorization": f"Bearer {token}"}) as http:
        watching = [over_socket(http, url + "?pictures=1" * (number % 2), told) for number in range(SOCKETS)]
        watching += [of_events(http, url, told) for _ in range(EVENTS)]
        tasks = [asyncio.create_task(each) for each in (*watching, never_reading(port, token))]
        yield told
        assert not any(task.done() for task in tasks), "a watcher was sent away"
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def stand_in(port: int, cameras: int) -> None:
    """In a process of its own: tells whoever watches as much as the server does, of nothing."""
    told = {"camera": "c", "frame": 1, "variant": "w100e1-320", "detections": ["x" * ANSWER_BYTES]}
    text, picture = json.dumps(told).encode(), bytes(PICTURE_BYTES)
    with_picture = len(text).to_bytes(4, "little") + text + picture

    async def watch(request: web.Request) -> web.StreamResponse:
        if "Upgrade" not in request.headers:
            events = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await events.prepare(request)
            return await told_evenly(events, lambda: events.write(b"data: %b\n\n" % text), None)
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        pictures = "pictures" in request.query
        show = (lambda: socket.send_bytes(with_picture)) if pictures else None
        return await told_evenly(socket, lambda: socket.send_str(text.decode()), show)

    async def told_evenly(response: web.StreamResponse, say, show) -> web.StreamResponse:  # type: ignore[no-untyped-def]
        due_s, frame = time.monotonic(), 0
        with contextlib.suppress(ConnectionError):
            while True:
                for _ in range(cameras):
                    await (show if show is not None and frame % (FPS // PICTURES_FPS) == 0 else say)()
                due_s, frame = due_s + 1 / FPS, frame + 1
                await asyncio.sleep(due_s - time.monotonic())
        return response

    app = web.Application()
    app.router.add_get("/v1/watch", watch)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


def memory_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def in_words(told: Told) -> str:
    if not told.ages_ms:
        return f", {told.messages} messages"
    p50, p99 = quantiles(told.ages_ms, n=100)[49], quantiles(told.ages_ms, n=100)[98]
    return (
        f", {told.messages} messages of {told.bytes / max(1, told.messages):.0f} bytes told {p50:.0f} ms "
        f"(p99 {p99:.0f}) after capture, {told.lost} lost by those who read"
    )


async def measure(place: Place, token: str, pid: int, arguments: argparse.Namespace) -> dict[str, list[Figures]]:
    found: dict[str, list[Figures]] = {arm: [] for arm in ARMS}
    memory: list[float] = []
    for number in range(arguments.rounds):
        for arm in ARMS[number % 3 :] + ARMS[: number % 3]:
            bystanders = Bystanders()
            async with contextlib.AsyncExitStack() as stack:
                told = Told()
                if arm != "nobody":
                    port = place.server if arm == "watched" else place.discarding
                    told = await stack.enter_async_context(watched(port, token))
                figures = await bench(place, "straight", arguments, seed=number)
            found[arm].append(figures)
            print(
                f"round {number + 1}, {arm:8}: missed {figures.missed_percent:.2f} %, F1 {figures.f1:.3f}, p50 "
                f"{figures.p50_ms:.1f} ms, p99 {figures.p99_ms:.1f} ms{in_words(told)}{marked(bystanders.share())}",
                flush=True,
            )
        await asyncio.sleep(10.0)
        memory.append(memory_mb(pid))
        print(f"round {number + 1}: the server takes {memory[-1]:.0f} MB", flush=True)
    if memory[-1] - memory[0] > MOST_MEMORY_MB + 0.1 * (SOCKETS + EVENTS + 1):
        sys.exit(f"the server grew from {memory[0]:.0f} to {memory[-1]:.0f} MB")
    return found


def judged(found: dict[str, list[Figures]]) -> bool:
    """Print what the medians of the paired differences say; whether the bars hold."""
    holds = True
    for other in ("nobody", "control"):
        pairs = list(zip(found["watched"], found[other], strict=True))
        missed = median(mine.missed_percent - its.missed_percent for mine, its in pairs)
        f1 = median(mine.f1 - its.f1 for mine, its in pairs)
        p50 = median(mine.p50_ms / its.p50_ms for mine, its in pairs)
        p99 = median(mine.p99_ms / its.p99_ms for mine, its in pairs)
        print(
            f"watched against {other}: missed {missed:+.2f} points, F1 {f1:+.3f}, p50 {p50:.2f} times, "
            f"p99 {p99:.2f} times"
        )
        holds = holds and (other == "nobody" or (missed <= 0.5 and p99 <= 1.15))
    return holds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--variant", help="one size for all: then what is compared is watching alone, not the plans")
    parser.add_argument("--track", action="store_true", help="the server follows objects, too")
    parser.add_argument("--stand-in", type=int, metavar="PORT", help="be the control's process")
    arguments = parser.parse_args()
    if arguments.stand_in is not None:
        asyncio.run(stand_in(arguments.stand_in, arguments.clients))
    with tempfile.TemporaryDirectory(prefix="watchers-") as name:
        place, token = Place(Path(name), *free_ports(4)), secrets.token_hex(32)
        place.token_file.write_text(token)
        (place.folder / "tokens.toml").write_text(
            f'[[token]]\nname = "all"\ntoken = "{token}"\nmay = ["camera", "watch"]\n'
        )
        serve = ["serve", "--port", str(place.server), "--tokens", f"{name}/tokens.toml"]
        serve += ["--variant", arguments.variant] if arguments.variant else []
        serve += ["--track"] if arguments.track else []
        control = [
            "-m",
            "benchmarks.watchers",
            "--stand-in",
            str(place.discarding),
            "--clients",
            str(arguments.clients),
        ]
        with (
            started([sys.executable, "cli.py", *serve], place.folder, "server") as server,
            started([sys.executable, *control], place.folder, "control"),
        ):
            wait_ready(place, server)
            holds = judged(asyncio.run(measure(place, token, server.pid, arguments)))
    print("the bars hold" if holds else "the bars do not hold")
    sys.exit(0 if holds else 1)


if __name__ == "__main__":
    main()
