"""Transport alone: many WebSocket clients against the real server, without decoding and without a network model.

    python -m benchmarks.transport [--clients 96] [--fps 15] [--kilobytes 30] [--seconds 10]

Server and clients are two processes on one machine. Latency is open loop: from the moment a frame was due, on the
client's clock. Processor time is the server process' own, divided by the frames it answered.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import time

import aiohttp
import numpy as np
import uvloop

from benchmarks.null_server import NullServer
from jellyfish.protocol import wire


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
    with NullServer(resolution=128) as server:
        begin_s = time.process_time()
        latencies = np.array(uvloop.run(load(server.port, arguments))) * 1000
        clients_s = time.process_time() - begin_s
        processor_s = server.stop()
    offered = arguments.clients * int(arguments.fps * arguments.seconds)
    p50, p99 = np.percentile(latencies, [50, 99])
    print(f"{arguments.clients} clients x {arguments.fps:g} fps x {arguments.kilobytes} kB, {arguments.seconds:g} s")
    print(f"offered {offered}, answered {len(latencies)}, lost {offered - len(latencies)}")
    print(f"latency ms: p50 {p50:.2f}  p99 {p99:.2f}  max {latencies.max():.2f}")
    print(f"clients: {clients_s / len(latencies) * 1e6:.0f} microseconds of processor time per frame")
    print(f"server: {processor_s / len(latencies) * 1e6:.0f} microseconds of processor time per frame")


if __name__ == "__main__":
    main()
