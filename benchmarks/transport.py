"""Transport alone: many WebSocket clients against the real server, without decoding and without a network model.

    python benchmarks/transport.py [--clients 96] [--fps 15] [--kilobytes 30] [--seconds 10]

Server and clients are two processes on one machine. Latency is open loop: from the moment a frame was due, on the
client's clock. Processor time is the server process' own, divided by the frames it answered.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import multiprocessing
import os
import random
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection

import aiohttp
import numpy as np
import uvloop
from aiohttp import web
from numpy.typing import NDArray

from jellyfish.config import Limits
from jellyfish.control.problem import DevicePlan, Plan
from jellyfish.core import Detection, Variant
from jellyfish.devices.profile.table import LatencyProfile, VariantLatency
from jellyfish.dispatch.dispatcher import Dispatcher
from jellyfish.protocol import wire
from jellyfish.server.app import create_app
from jellyfish.server.service import Service

VARIANT = Variant(128, "w025e1")
PROFILE = LatencyProfile("none", "none", "", (VariantLatency(VARIANT, (1e-6,) * 8, (1e-6,) * 8),))
IMAGE = np.zeros((1, 1, 3), np.uint8)


class NoDevice:
    """Answers at once that nothing was found."""

    def ready(self, variant: Variant) -> Variant:
        return variant

    async def run(self, variant: Variant, images: Sequence[NDArray[np.uint8]]) -> list[list[Detection]]:
        return [[] for _ in images]

    async def warm(self, variants: object, max_batch: int, progress: object = None) -> None:
        return

    def close(self) -> None:
        return


class NoAccuracy:
    def accuracy(self, variant: Variant) -> float:
        return 0.0


async def no_decoding(jpeg: bytes) -> NDArray[np.uint8]:
    return IMAGE


async def serve(pipe: Connection) -> None:
    """Serve until told to stop; then report processor time."""
    dispatcher = Dispatcher(NoDevice(), PROFILE, VARIANT, 8)
    service = Service([dispatcher], (VARIANT,), NoAccuracy(), no_decoding, Limits())
    plan = {"none": DevicePlan(VARIANT, 8)}
    service.on_change = lambda cause: service.apply(Plan(plan, dict.fromkeys(service.sessions, "none")))
    running = asyncio.create_task(dispatcher.run())
    runner = web.AppRunner(create_app(service), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    gc.freeze()
    pipe.send(runner.addresses[0][1])
    begin_s = time.process_time()
    await asyncio.get_running_loop().run_in_executor(None, pipe.recv)
    pipe.send(time.process_time() - begin_s)
    running.cancel()
    await runner.cleanup()


def serve_process(pipe: Connection) -> None:
    uvloop.run(serve(pipe))


async def client(url: str, name: str, arguments: argparse.Namespace, http: aiohttp.ClientSession) -> list[float]:
    """Seconds from due to answered of each answered frame."""
    loop = asyncio.get_running_loop()
    jpeg = os.urandom(arguments.kilobytes * 1000)
    latencies: list[float] = []
    due: dict[int, float] = {}

    async def send(socket: aiohttp.ClientWebSocketResponse) -> None:
        begin_s = loop.time() + random.random() / arguments.fps
        for frame in range(int(arguments.fps * arguments.seconds)):
            due[frame] = begin_s + frame / arguments.fps
            await asyncio.sleep(due[frame] - loop.time())
            await socket.send_bytes(wire.encode(wire.Frame(frame, 128, due[frame], loop.time(), jpeg)))
        await socket.send_bytes(wire.encode(wire.Bye()))

    async with http.ws_connect(url) as socket:
        await socket.send_bytes(wire.encode(wire.Hello(name, arguments.fps, 1000)))
        async for received in socket:
            now = loop.time()
            match message := wire.decode(received.data):
                case wire.Ping():
                    await socket.send_bytes(wire.encode(wire.Pong(message.server_s, now, now)))
                case wire.Welcome():
                    sending = asyncio.create_task(send(socket))
                case wire.Result() if message.reason is None:
                    latencies.append(now - due[message.frame])
                case wire.Farewell():
                    await sending
    return latencies


async def load(port: int, arguments: argparse.Namespace) -> list[float]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        url = f"ws://127.0.0.1:{port}/v1/stream"
        clients = (client(url, f"client-{number}", arguments, http) for number in range(arguments.clients))
        return [latency for latencies in await asyncio.gather(*clients) for latency in latencies]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=96)
    parser.add_argument("--fps", type=float, default=15)
    parser.add_argument("--kilobytes", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=10)
    arguments = parser.parse_args()
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve_process, args=(theirs,))
    server.start()
    latencies = np.array(uvloop.run(load(ours.recv(), arguments))) * 1000
    ours.send("stop")
    processor_s = ours.recv()
    server.join()
    offered = arguments.clients * int(arguments.fps * arguments.seconds)
    p50, p99 = np.percentile(latencies, [50, 99])
    print(f"{arguments.clients} clients x {arguments.fps:g} fps x {arguments.kilobytes} kB, {arguments.seconds:g} s")
    print(f"offered {offered}, answered {len(latencies)}, lost {offered - len(latencies)}")
    print(f"latency ms: p50 {p50:.2f}  p99 {p99:.2f}  max {latencies.max():.2f}")
    print(f"server: {processor_s / len(latencies) * 1e6:.0f} microseconds of processor time per frame")


if __name__ == "__main__":
    main()
