"""The load of the other benchmarks: light clients in a process of their own, open loop, with frames encoded beforehand.

Every client sends each frame when it is due, whatever became of the ones before; only a plan that has no room for it
makes it pause between probes, and one with a rate makes it leave some out. Latency counts from the moment a frame was
due, on the client's clock.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp
import numpy as np
import uvloop

from jellyfish.camera.frames import scaled_jpeg
from jellyfish.camera.reporting import ReportTally
from jellyfish.camera.sources.file import VideoSource
from jellyfish.camera.thinning import Thinner
from jellyfish.core import InputSize, Outcome, Reason
from jellyfish.protocol import wire
from jellyfish.protocol.served_model import served_model

CLIP_FRAMES, CLIP_FPS = 45, 15.0
"""Frames encoded per resolution; clients go round them, each from a place of its own."""
START_S = 0.2
"""From the last client's welcome to the first frame."""
JOINING_AT_ONCE = 16
"""Connections that wait for their welcome; servers have few places for those."""
REPORT_PERIOD_S = 1.0
FAREWELL_LIMIT_S = 10.0
"""A server that has not answered all so long after the goodbye never will."""

Frames = dict[int, list[bytes]]
"""Resolution -> JPEGs."""


@dataclass(frozen=True)
class Load:
    """What to offer: `clients` x `fps` for `seconds`, after `warm_s` that are sent but not counted."""

    url: str
    clients: int
    fps: float
    slo_s: float
    seconds: float
    warm_s: float = 2.0
    reports: bool = False
    """Whether each tells once a second how its frames fared, as cameras do."""
    name: str = "client"

    @property
    def offered_fps(self) -> float:
        return self.clients * self.fps


@dataclass
class Tally:
    """What became of the frames that count: captured = on_time + late + sum of dropped."""

    captured: int = 0
    on_time: int = 0
    late: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    """Reason -> frames; `paused` and `thinned` were not sent, nor those whose connection the server had ended
    (`disconnected`); `no_answer` were never answered."""
    latencies_s: list[float] = field(default_factory=list)
    variants: Counter[str] = field(default_factory=Counter)
    """Variant -> frames answered on time."""

    @property
    def miss_rate(self) -> float:
        return 1 - self.on_time / max(1, self.captured)

    def latency_ms(self, percentile: float) -> float:
        """Of the answered frames, late ones included; nan when there are none."""
        return float(np.percentile(self.latencies_s, percentile)) * 1000 if self.latencies_s else float("nan")

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.captured + other.captured,
            self.on_time + other.on_time,
            self.late + other.late,
            self.dropped + other.dropped,
            self.latencies_s + other.latencies_s,
            self.variants + other.variants,
        )


class Client:
    """One stream. `open`, then `run` once."""

    def __init__(self, name: str, load: Load, first: int) -> None:
        self._name, self._load, self._first = name, load, first
        self._frames: Frames = {}
        self.inputs: Mapping[int, InputSize] = {}
        """What the network takes, by the welcome."""
        self._tally = Tally()
        self._due: dict[int, float] = {}
        self._count_from_s = 0.0
        self._thinner = Thinner()
        self._next_probe_s = 0.0
        self._plan: wire.PlanMessage | None = None
        self._welcomed = asyncio.Event()
        self._reported = ReportTally()
        self._report_s = 0.0

    async def open(self, http: aiohttp.ClientSession) -> None:
        """Connect and read from then on; returns with the welcome."""
        self._socket = await http.ws_connect(self._load.url, compress=0)
        await self._socket.send_bytes(wire.encode(wire.Hello(self._name, self._load.fps, self._load.slo_s * 1000)))
        self._reading = asyncio.create_task(self._read())
        welcomed = asyncio.create_task(self._welcomed.wait())
        self._report_s = asyncio.get_running_loop().time()
        await asyncio.wait([self._reading, welcomed], return_when=asyncio.FIRST_COMPLETED)
        welcomed.cancel()
        if self._reading.done():
            await self._reading
            raise ConnectionAbortedError(f"{self._name}: the connection ended before the welcome")

    async def run(self, begin_s: float, frames: Frames) -> Tally:
        """Send for the load's time from `begin_s`, then say goodbye; the farewell comes when all is answered."""
        self._frames = frames
        loop, fps = asyncio.get_running_loop(), self._load.fps
        self._count_from_s = begin_s + self._load.warm_s
        for number in range(round((self._load.warm_s + self._load.seconds) * fps)):
            due_s = begin_s + number / fps
            await asyncio.sleep(due_s - loop.time())
            await self._send(number, due_s)
            if self._load.reports and due_s >= self._report_s + REPORT_PERIOD_S:
                self._report_s = due_s
                with contextlib.suppress(ConnectionError):
                    await self._socket.send_bytes(wire.encode(self._reported.report))
        with contextlib.suppress(ConnectionError):
            await self._socket.send_bytes(wire.encode(wire.Bye()))
        with contextlib.suppress(ConnectionError, TimeoutError):
            await asyncio.wait_for(self._reading, FAREWELL_LIMIT_S)
        await self._socket.close()
        self._tally.dropped["no_answer"] += sum(due_s >= self._count_from_s for due_s in self._due.values())
        return self._tally

    async def _send(self, number: int, due_s: float) -> None:
        """Send the frame that is due, as the plan wants it."""
        assert self._plan is not None
        counts = due_s >= self._count_from_s
        self._tally.captured += counts
        self._reported.captured()
        if self._reading.done():
            self._tally.dropped["disconnected"] += counts
            return
        if not self._thinner.takes(due_s, self._plan.fps):
            self._tally.dropped["thinned"] += counts
            self._reported.ended(Outcome.SKIPPED, Reason.THINNED, None)
            return
        if not self._plan.mapped:
            if due_s < self._next_probe_s:
                self._tally.dropped["paused"] += counts
                self._reported.ended(Outcome.SKIPPED, Reason.PAUSED, None)
                return
            self._next_probe_s = due_s + self._plan.probe_interval_ms / 1000
        self._due[number] = due_s
        resolution = self._plan.resolution
        jpegs = self._frames[resolution]
        jpeg = jpegs[(self._first + number) % len(jpegs)]
        now = asyncio.get_running_loop().time()
        with contextlib.suppress(ConnectionError):  # then it has no answer
            await self._socket.send_bytes(wire.encode(wire.Frame(number, resolution, due_s, now, jpeg)))

    async def _read(self) -> None:
        """Take in everything the server says until its farewell."""
        loop = asyncio.get_running_loop()
        async for received in self._socket:
            now = loop.time()
            match message := wire.decode(received.data):
                case wire.Result():
                    self._answered(message, now)
                case wire.Ping():
                    await self._socket.send_bytes(wire.encode(wire.Pong(message.server_s, now, now)))
                case wire.PlanMessage():
                    self._plan = message
                case wire.Welcome():
                    self._plan, self.inputs = message.plan, served_model(message).inputs
                    self._welcomed.set()
                case wire.ErrorMessage():
                    raise ConnectionAbortedError(f"{self._name}: {message.code}: {message.message}")
                case wire.Farewell():
                    return

    def _answered(self, result: wire.Result, now: float) -> None:
        due_s = self._due.pop(result.frame)
        if self._load.reports:
            self._enter(result, self._load.slo_s - (now - due_s))
        if due_s < self._count_from_s:
            return
        if result.reason is not None:
            self._tally.dropped[result.reason.value] += 1
            return
        latency_s = now - due_s
        self._tally.latencies_s.append(latency_s)
        if latency_s > self._load.slo_s:
            self._tally.late += 1
            return
        self._tally.on_time += 1
        self._tally.variants[result.variant] += 1

    def _enter(self, result: wire.Result, slack_s: float) -> None:
        """For the report."""
        if result.reason is not None:
            self._reported.ended(Outcome.DROPPED, result.reason, None)
        elif slack_s < 0:
            self._reported.ended(Outcome.LATE, Reason.SERVER, slack_s)
        else:
            self._reported.ended(Outcome.ON_TIME, None, slack_s)


async def offer(load: Load, clip: Clip, seed: int = 0) -> Tally:
    """Put `load` on the server. Clients' phases are random, the same for every call with the same seed."""
    phases = random.Random(seed)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        clients = [Client(f"{load.name}-{number}", load, 7 * number) for number in range(load.clients)]
        places = asyncio.Semaphore(JOINING_AT_ONCE)
        await asyncio.gather(*(_opened(client, http, places) for client in clients))
        frames = await asyncio.to_thread(clip.frames, clients[0].inputs)
        start_s = asyncio.get_running_loop().time() + START_S
        running = [client.run(start_s + phases.random() / load.fps, frames) for client in clients]
        return sum(await asyncio.gather(*running), start=Tally())


async def _opened(client: Client, http: aiohttp.ClientSession, places: asyncio.Semaphore) -> None:
    async with places:
        await client.open(http)


class Clip:
    """A video's first seconds, encoded for whatever a server takes, once."""

    def __init__(self, video: Path) -> None:
        with VideoSource(video) as source:
            self._images = [source.frame_at(number / CLIP_FPS)[1] for number in range(CLIP_FRAMES)]
        self._encoded: dict[InputSize, list[bytes]] = {}

    def frames(self, inputs: Mapping[int, InputSize]) -> Frames:
        """The frames for each of the sizes that a welcome tells."""
        for size in inputs.values():
            if size not in self._encoded:
                self._encoded[size] = [scaled_jpeg(image, size) for image in self._images]
        return {resolution: self._encoded[size] for resolution, size in inputs.items()}


def _fleet_process(pipe: Connection, video: Path) -> None:
    clip = Clip(video)
    pipe.send("ready")
    while (load := pipe.recv()) is not None:
        pipe.send(uvloop.run(offer(load, clip)))


class Fleet:
    """The process with the clients; idle between two loads."""

    def __init__(self, video: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_fleet_process, args=(theirs, video), daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        self._pipe.recv()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._pipe.send(None)
        else:
            self._process.terminate()
        self._process.join()

    @property
    def pid(self) -> int:
        """Of the process."""
        assert self._process.pid is not None
        return self._process.pid

    async def offer(self, load: Load) -> Tally:
        """Put `load` on the server from the other process; EOFError if that one died."""
        self._pipe.send(load)
        return await asyncio.to_thread(self._receive)

    def _receive(self) -> Tally:
        while not self._pipe.poll(0.5):
            if not self._process.is_alive():
                raise EOFError("the process with the clients died; its error is above")
        tally: Tally = self._pipe.recv()
        return tally
