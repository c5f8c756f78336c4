"""The load of `benchmarks/peers.py`: frames at a fixed rate, open loop, from a process of its own.

Every frame is sent when it is due, whatever became of the ones before, and is in time when its answer is there within
the SLO from that moment. The same schedule, and the same JPEG, for every system.
"""

from __future__ import annotations

import asyncio
import gc
import random
import time
from dataclasses import dataclass, field
from typing import Protocol, Self

import aiohttp
import msgspec
import numpy as np
import uvloop

from jellyfish.protocol import wire

READY = "worker ready"
"""What a peer's worker writes when its network is warm."""
VARIANT, JPEG, BATCH = "PEERS_VARIANT", "PEERS_JPEG", "PEERS_BATCH"
"""Variables of the environment by which workers, processes that a peer starts, learn what to run and warm up with."""
GRACE_S = 2.0
"""After the last frame: answers that take longer count as none."""
INFER_PATH = "/v2/models/slimmable/infer"
TIMEOUT_S = -0.001
"""What a request of the Open Inference Protocol says, beside the SLO: the way there and back."""
RATE_ASKED = 1.2
"""What a stream says in its hello, in multiples of what it sends on average."""


@dataclass(frozen=True)
class Offer:
    """What to offer: `fps` in all for `seconds`, the first `warm_s` not counted."""

    url: str
    fps: float
    seconds: float
    warm_s: float
    slo_s: float
    streams: int
    poisson: bool
    seed: int
    resolution: int
    jpeg: bytes

    def schedule_s(self) -> list[float]:
        """When each frame is due, from the start."""
        draw = random.Random(self.seed)
        times, now = [], 0.0
        while (now := now + (draw.expovariate(self.fps) if self.poisson else 1 / self.fps)) < self.seconds:
            times.append(now)
        return times


@dataclass
class Answers:
    """What became of the frames that count."""

    sent: int = 0
    in_time: int = 0
    latencies_s: list[float] = field(default_factory=list)
    """Of the answered frames, late ones included."""

    def count(self, latency_s: float | None, slo_s: float) -> None:
        """One more frame, answered after `latency_s` or never."""
        self.sent += 1
        if latency_s is not None:
            self.in_time += latency_s <= slo_s
            self.latencies_s.append(latency_s)

    def __add__(self, other: Answers) -> Answers:
        return Answers(self.sent + other.sent, self.in_time + other.in_time, self.latencies_s + other.latencies_s)

    @property
    def share(self) -> float:
        return self.in_time / max(1, self.sent)

    def latency_ms(self, percentile: float) -> float:
        """nan when nothing was answered."""
        return float(np.percentile(self.latencies_s, percentile)) * 1000 if self.latencies_s else float("nan")


class Caller(Protocol):
    """One system's way to be asked; a context."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *error: object) -> None: ...

    async def ask(self, number: int, due_s: float) -> float | None:
        """Send a frame and wait for its answer: when that came, or None where the server refused."""
        ...


class HttpCaller:
    """A POST per frame, over as many connections as there are open requests."""

    def __init__(self, offer: Offer) -> None:
        self._offer = offer
        self._body, self._headers = offer.jpeg, {"Content-Type": "application/octet-stream"}
        if offer.url.endswith(INFER_PATH):
            self._body, self._headers = inference(offer.jpeg, offer.slo_s + TIMEOUT_S)

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=GRACE_S)
        )
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._http.close()

    async def ask(self, number: int, due_s: float) -> float | None:
        try:
            async with self._http.post(self._offer.url, data=self._body, headers=self._headers) as answer:
                await answer.read()
                return time.monotonic() if answer.status == 200 else None
        except (TimeoutError, aiohttp.ClientError):
            return None


def inference(jpeg: bytes, timeout_s: float) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a request of the Open Inference Protocol, which is answered in JSON as peers' are."""
    size = len(jpeg) + 4
    image = {"name": "image", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": size}}
    parameters = {"timeout": round(1e6 * timeout_s)}
    head = msgspec.json.encode({"inputs": [image], "outputs": [{"name": "json"}], "parameters": parameters})
    return head + len(jpeg).to_bytes(4, "little") + jpeg, {"Inference-Header-Content-Length": str(len(head))}


class StreamCaller:
    """Streams of Jellyfish's own protocol, which take turns; they send whatever the plan says."""

    def __init__(self, offer: Offer) -> None:
        self._offer = offer
        self._streams = [Stream(f"stream-{number}", offer) for number in range(offer.streams)]

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession()
        await asyncio.gather(*(stream.open(self._http) for stream in self._streams))
        return self

    async def __aexit__(self, *error: object) -> None:
        await asyncio.gather(*(stream.close() for stream in self._streams))
        await self._http.close()

    async def ask(self, number: int, due_s: float) -> float | None:
        return await self._streams[number % len(self._streams)].ask(number, due_s)


class Stream:
    """One client of a Jellyfish server."""

    def __init__(self, name: str, offer: Offer) -> None:
        self._offer = offer
        self._hello = wire.Hello(name, RATE_ASKED * offer.fps / offer.streams, offer.slo_s * 1000)
        self._open: dict[int, asyncio.Future[float | None]] = {}
        self._welcomed = asyncio.Event()

    async def open(self, http: aiohttp.ClientSession) -> None:
        self._socket = await http.ws_connect(self._offer.url, compress=0)
        await self._socket.send_bytes(wire.encode(self._hello))
        self._reading = asyncio.create_task(self._read())
        await self._welcomed.wait()

    async def close(self) -> None:
        await self._socket.send_bytes(wire.encode(wire.Bye()))
        await self._reading
        await self._socket.close()

    async def ask(self, number: int, due_s: float) -> float | None:
        offer = self._offer
        self._open[number] = answered = asyncio.get_running_loop().create_future()
        await self._socket.send_bytes(
            wire.encode(wire.Frame(number, offer.resolution, due_s, time.monotonic(), offer.jpeg))
        )
        return await answered

    async def _read(self) -> None:
        async for received in self._socket:
            now = time.monotonic()
            match message := wire.decode(received.data):
                case wire.Result():
                    answered = self._open.pop(message.frame)
                    if not answered.done():  # nobody waits for it any more
                        answered.set_result(now if message.reason is None else None)
                case wire.Ping():
                    await self._socket.send_bytes(wire.encode(wire.Pong(message.server_s, now, now)))
                case wire.Welcome():
                    self._welcomed.set()
                case wire.ErrorMessage():
                    raise ConnectionAbortedError(f"{message.code}: {message.message}")
                case wire.Farewell():
                    return


async def _put(offer: Offer, caller: Caller) -> Answers:
    """Send on schedule; what came of the frames that count."""
    schedule, asked = offer.schedule_s(), []
    begin_s = time.monotonic() + 0.1
    for number, after_s in enumerate(schedule):
        await asyncio.sleep(begin_s + after_s - time.monotonic())
        asked.append(asyncio.create_task(caller.ask(number, begin_s + after_s)))
    await asyncio.wait(asked, timeout=GRACE_S)
    answers = Answers()
    for after_s, task in zip(schedule, asked, strict=True):
        answered_s = task.result() if task.done() else None
        task.cancel()
        if after_s >= offer.warm_s:
            answers.count(None if answered_s is None else answered_s - begin_s - after_s, offer.slo_s)
    return answers


async def _offered(offer: Offer) -> Answers:
    caller: Caller = StreamCaller(offer) if offer.url.startswith("ws") else HttpCaller(offer)
    async with caller:
        return await _put(offer, caller)


def put(offer: Offer) -> Answers:
    """Put the load on the server and wait; for a process of its own."""
    gc.collect()
    gc.freeze()
    return uvloop.run(_offered(offer))
