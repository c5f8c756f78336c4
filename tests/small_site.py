"""A site on this machine: workers, servers (fronts) that share them, and their cameras, all over real sockets. What
answers is no network, and takes the time that it is told.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import msgspec
import numpy as np

from jellyfish.api.camera import Camera, FrameAnswer
from jellyfish.core import Variant
from jellyfish.devices.profile.table import LatencyProfile, VariantLatency
from jellyfish.errors import InputError, RunError
from jellyfish.program.child_environment import environment_of_child

ROOT = Path(__file__).parent.parent
MOST_BATCH = 4
READY_S = 60.0
"""Longest wait for a server that has just been ready."""
MODEL = """
import time

from jellyfish import Answer, Description, Detection, InputSize, Size, Task, Variant, WholeBatches

class Plain:
    description = Description(
        "plain", "1", Task.DETECTION, ("light",), (Size(Variant(160, "plain"), InputSize(160, 160), 0.5),),
        identity="plain 1",
    )

    def engine(self, options):
        return WholeBatches(found)

def found(images, variant):
    time.sleep({each_s} * len(images))
    return [Answer((Detection(0, min(1.0, float(image.mean()) / 255), 0.0, 0.0, 1.0, 1.0),)) for image in images]
"""


class Program:
    """A process of `jellyfish`."""

    def __init__(self, process: asyncio.subprocess.Process, address: str) -> None:
        self.process, self.address = process, address
        self._reading = asyncio.create_task(self._read_on())

    async def _read_on(self) -> None:
        """What it says is of no interest, and must not fill its pipe."""
        assert self.process.stdout is not None
        while await self.process.stdout.read(65_536):
            pass

    async def kill(self) -> None:
        """As `kill -9` does."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        await self._reading


@dataclass
class Site:
    """Where its programs are made from."""

    folder: Path
    programs: list[Program] = field(default_factory=list)

    def write(self, each_s: float) -> None:
        """The model, each of whose images takes so long, and its profile."""
        (self.folder / "plain_model.py").write_text(MODEL.replace("{each_s}", str(each_s)))
        times = tuple(0.001 + each_s * size for size in range(1, MOST_BATCH + 1))
        latency = VariantLatency(Variant(160, "plain"), times, tuple(1.3 * each for each in times))
        profile = LatencyProfile("cpu", "any", "plain 1", (latency,))
        (self.folder / "profile.json").write_bytes(msgspec.json.encode(profile))

    async def worker(self) -> Program:
        """One more device."""
        profile = ("--profile", str(self.folder / "profile.json"))
        return await self._start("worker", "--port", "0", *profile)

    async def front(self, port: int, *workers: Program) -> Program:
        """A server at this port that has no device but these."""
        url = f"ws://127.0.0.1:{port}/v1/stream"
        addresses = ",".join(each.address for each in workers)
        options = ("--device", "none", "--worker", addresses, "--public-url", url)
        return await self._start("serve", "--port", str(port), *options)

    async def _start(self, command: str, *options: str) -> Program:
        model = ("--model", f"{self.folder / 'plain_model.py'}:Plain", "--max-batch", str(MOST_BATCH))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "jellyfish", command, *options, *model,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            env=environment_of_child(os.environ) | {"COLUMNS": "500"}, cwd=ROOT,
        )  # fmt: skip
        try:
            address = await _ready(process)
        except BaseException:
            process.kill()
            raise
        program = Program(process, address)
        self.programs.append(program)
        return program


@contextlib.asynccontextmanager
async def site(folder: Path, each_s: float) -> AsyncIterator[Site]:
    """For the time of the context; all its programs end with it."""
    here = Site(folder)
    here.write(each_s)
    try:
        yield here
    finally:
        for program in here.programs:
            await program.kill()


async def _ready(process: asyncio.subprocess.Process) -> str:
    """Where it can be reached."""
    assert process.stdout is not None
    said = ""
    while line := (await process.stdout.readline()).decode():
        said += line
        if (found := re.match(r"ready(?::| at) (\S+)", line)) is not None:
            return found[1].rstrip(":")
    raise RuntimeError(f"it ended before it was ready:\n{said}")


def free_port() -> int:
    """One that nobody listens at."""
    with contextlib.closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


async def share_of(front: Program, worker: Program) -> float:
    """What a front has of a worker, by its metrics."""
    page = re.sub(r"^ws(.*)/v1/stream$", r"http\1/metrics", front.address)
    async with aiohttp.ClientSession() as http, http.get(page) as answer:
        text = await answer.text()
    name = f'jellyfish_device_share_ratio{{device="{worker.address}"}}'
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"{page} says nothing of {worker.address}")
    return float(found[1])


class SiteCamera:
    """A camera that sends all the time, and what became of each of its frames: (captured, ended, answer)."""

    def __init__(self, name: str, url: str, fps: float, slo_ms: float) -> None:
        self.name, self._url, self._fps, self._slo_ms = name, url, fps, slo_ms
        self.captured = 0
        self.ended: list[tuple[float, float, FrameAnswer]] = []
        self._stopped, self._one_ended = asyncio.Event(), asyncio.Event()

    async def run(self) -> None:
        """Until it is stopped; then all its frames have ended."""
        async with contextlib.AsyncExitStack() as stack:
            camera = await self._opened(stack)
            frames = await stack.enter_async_context(asyncio.TaskGroup())
            while not self._stopped.is_set():
                frames.create_task(self._frame(camera))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(1 / self._fps):
                        await self._stopped.wait()

    async def _opened(self, stack: contextlib.AsyncExitStack) -> Camera:
        """The camera, when its server is ready: on a busy machine it may have lost its worker for a moment."""
        async with asyncio.timeout(READY_S):
            while True:
                try:
                    camera = Camera(self._url, fps=self._fps, slo_ms=self._slo_ms, name=self.name)
                    return await stack.enter_async_context(camera)
                except (InputError, RunError):
                    await asyncio.sleep(0.1)

    def stop(self) -> None:
        """Capture no more."""
        self._stopped.set()

    async def first_on_time_s(self, since_s: float) -> float:
        """When the first answer came that was in time, of a frame captured since then; waits for it."""
        while True:
            ended_s = [end_s for captured_s, end_s, answer in self.ended if captured_s >= since_s and answer.on_time]
            if ended_s:
                return min(ended_s)
            self._one_ended.clear()
            await self._one_ended.wait()

    async def _frame(self, camera: Camera) -> None:
        self.captured += 1
        captured_s = asyncio.get_running_loop().time()
        answer = await camera.infer(np.full((90, 160, 3), self.captured % 256, np.uint8))
        self.ended.append((captured_s, asyncio.get_running_loop().time(), answer))
        self._one_ended.set()


@contextlib.asynccontextmanager
async def streaming(*cameras: SiteCamera) -> AsyncIterator[None]:
    """All of them, for the time of the context; all their frames have ended then."""
    async with asyncio.TaskGroup() as tasks:
        for camera in cameras:
            tasks.create_task(camera.run())
        yield
        for camera in cameras:
            camera.stop()
