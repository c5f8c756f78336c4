"""What metrics cost: for each frame, for each scrape, and how long a scrape keeps frames from their turn.

    python -m benchmarks.metered [--clients 64] [--rounds 3] [--seconds 6]

First by itself, in this process: what counting a frame takes, and what writing a page of so many clients takes, all of
whom are told by name: as a whole, and the longest of the pieces between which the event loop goes on. Then the real
server application, without decoding and without a network, in a process of its own, with its clients in this one, in
alternation: without metrics, with them, and with them told by camera and scraped every second, which is 5 to 15 times
as often as usual. Processor time is that of the server's process, divided by the frames it answered.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from statistics import median

import aiohttp
import numpy as np
import uvloop
from prometheus_client.exposition import choose_encoder

from benchmarks.null_server import NoDevice, NullServer, no_decoding
from benchmarks.transport import load
from jellyfish.config import Limits
from jellyfish.core import Answer, Task, Variant
from jellyfish.devices.profile.table import LatencyProfile, VariantLatency
from jellyfish.dispatch.dispatcher import Dispatcher
from jellyfish.dispatch.request import Answered
from jellyfish.models.model import Description, Size
from jellyfish.models.slimmable.street import CLASSES, input_size
from jellyfish.protocol import wire
from jellyfish.server.frame_way import FrameWay
from jellyfish.server.metrics.families import families
from jellyfish.server.metrics.meter import Meter
from jellyfish.server.metrics.page import write
from jellyfish.server.service import Service

SCRAPE_S = 1.0
FRAMES = 100_000
PAGES = 20
VARIANT = Variant(128, "w025e1")
OPENMETRICS = "application/openmetrics-text;version=1.0.0"
MISSED = {"skipped": ("stale", "paused", "thinned", "replaced"), "lost": ("network", "no_answer", "server")}
"""What each client has reported, once each."""
KINDS: dict[str, tuple[int | None, bool]] = {
    "without metrics": (None, False),
    "with metrics": (0, False),
    "by camera, scraped every second": (1000, True),
}


def counting_us() -> float:
    """Microseconds for a frame: its way as a value, and the counts."""
    meter = Meter()
    outcome = Answered(Answer(), VARIANT, "cpu", 4, 0.011, 0.021)
    began_s = time.thread_time()
    for number in range(FRAMES):
        meter.frame(FrameWay("camera", number, 0.1, 1.0, 1.01, 1.02, 1.023, outcome, 1.056, 0.004))
    return 1e6 * (time.thread_time() - began_s) / FRAMES


async def no_sending(message: wire.Message) -> None:
    return


async def at_work(clients: int) -> tuple[Service, Meter]:
    """A server all of whose clients have reported misses of many kinds."""
    profile = LatencyProfile("cpu", "none", "", (VariantLatency(VARIANT, (1e-6,) * 8, (1e-6,) * 8),))
    model = Description("none", "", Task.DETECTION, CLASSES, (Size(VARIANT, input_size(128), 0.0),), "")
    service = Service([Dispatcher(NoDevice(), profile, VARIANT, 8)], model, no_decoding, Limits(clients=1024))
    meter = Meter(clients)
    missed = {outcome: dict.fromkeys(reasons, 1) for outcome, reasons in MISSED.items()}
    for number in range(clients):
        session = service.join(wire.Hello(f"camera-{number}", 15, 100), no_sending)
        session.reported(wire.Report(9, 0, missed), session.joined_s + 1)  # type: ignore[arg-type]
    return service, meter


async def pieces_s(service: Service, meter: Meter) -> list[float]:
    """Processor time of each of the pieces in which a page is written."""
    encode, _ = choose_encoder(OPENMETRICS)

    async def page() -> None:
        await meter.catch_up(service)
        await write(families(service, meter, {"version": "0"}), encode)

    writing = page()
    spent: list[float] = []
    while True:
        began_s = time.thread_time()
        try:
            writing.send(None)
        except StopIteration:
            return spent
        finally:
            spent.append(time.thread_time() - began_s)


async def by_itself(clients: int) -> None:
    service, meter = await at_work(clients)
    pages = [await pieces_s(service, meter) for _ in range(PAGES)]
    whole_ms, longest_ms = (1000 * median(map(each, pages)) for each in (sum, max))
    print(f"counting a frame: {counting_us():.1f} us")
    pieces = f"{len(pages[0])} pieces, the longest {longest_ms:.2f} ms"
    print(f"a page of {clients} clients by name: {whole_ms:.2f} ms in {pieces}")


async def scraping(port: int) -> None:
    """Ask again and again, until cancelled."""
    async with aiohttp.ClientSession() as http:
        while True:
            async with http.get(f"http://127.0.0.1:{port}/metrics") as answer:
                answer.raise_for_status()
                await answer.read()
            await asyncio.sleep(SCRAPE_S)


async def loaded(port: int, arguments: argparse.Namespace, scraped: bool) -> list[float]:
    task = asyncio.create_task(scraping(port)) if scraped else None
    try:
        return await load(port, arguments)
    finally:
        if task is not None:
            task.cancel()


def served(kind: str, arguments: argparse.Namespace) -> tuple[float, float, float]:
    """Of one server: microseconds of processor time a frame, p50 and p99 in ms."""
    cameras, scraped = KINDS[kind]
    with NullServer(resolution=128, cameras=cameras) as server:
        latencies = np.array(uvloop.run(loaded(server.port, arguments, scraped))) * 1000
        processor_s = server.stop()
    p50, p99 = np.percentile(latencies, [50, 99])
    return 1e6 * processor_s / len(latencies), float(p50), float(p99)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--fps", type=float, default=15)
    parser.add_argument("--kilobytes", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    asyncio.run(by_itself(arguments.clients))
    rounds: dict[str, list[tuple[float, float, float]]] = {kind: [] for kind in KINDS}
    for _ in range(arguments.rounds):
        for kind, found in rounds.items():
            found.append(served(kind, arguments))
    for kind, found in rounds.items():
        us, p50, p99 = (median(values) for values in zip(*found, strict=True))
        each = ", ".join(f"{values[0]:.0f}" for values in found)
        print(f"{kind}: {us:.0f} us of processor time a frame ({each}), p50 {p50:.2f} ms, p99 {p99:.2f} ms")


if __name__ == "__main__":
    main()
