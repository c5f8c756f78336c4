"""What a proxy with TLS and tokens costs: the same cameras straight to a server and through nginx before it, in turns.

    python -m benchmarks.behind_proxy [--rounds 5] [--seconds 30] [--clients 4] [--variant w050e2-256]

nginx (a Debian package) runs with deploy/proxy/nginx.conf as it is, but for ports and paths; its certificate is made
by `openssl` for the run. One server is behind both ways, and asks for a token on either. The third way, the control, is
the straight one while nginx carries as many messages of that size, with TLS, to a socket that discards them: what nginx
and TLS take of the processors is then the same, so that what is left is what they do to the frames that go through.

Bars: against the straight way misses at most +.3 points, F1 over all frames at least -.01, p50 at most 1.05 and p99 at
most 1.15 times, in the median of the paired rounds; against the control misses at most +.5 points and p99 1.15 times.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import secrets
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

import aiohttp
from aiohttp import web

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "deploy" / "proxy" / "nginx.conf"
READY_S = 120.0
MESSAGE_BYTES = 15_000
"""Of a frame, in the control."""
WAYS = ("straight", "nginx", "control")


class Figures(NamedTuple):
    """Of one run."""

    missed_percent: float
    f1: float
    p50_ms: float
    p99_ms: float
    stages: str = ""
    """Medians of where the time went, in words."""


class Place(NamedTuple):
    """Ports and files of the run."""

    folder: Path
    server: int
    proxy: int
    discarding: int
    discarding_proxy: int

    @property
    def certificate(self) -> Path:
        return self.folder / "certificate.pem"

    @property
    def token_file(self) -> Path:
        return self.folder / "token"


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        found = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in found]


def make_files(place: Place) -> None:
    """A certificate, a token, and nginx's configuration: the example twice, once before a socket that discards."""
    key = place.folder / "key.pem"
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(place.certificate)]
    subprocess.run(["openssl", *words.split(), *names], check=True, capture_output=True)
    token = secrets.token_hex(32)
    place.token_file.write_text(token)
    (place.folder / "tokens.toml").write_text(f'[[token]]\nname = "cameras"\ntoken = "{token}"\n')
    servers = [example(place, place.proxy, place.server), example(place, place.discarding_proxy, place.discarding)]
    scratch = [
        f"{kind}_temp_path {place.folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    ]
    http = ["access_log off;", *scratch, *servers]
    (place.folder / "nginx.conf").write_text(
        f"pid {place.folder}/pid;\nerror_log {place.folder}/error.log;\nevents {{}}\nhttp {{\n"
        + "\n".join(http)
        + "\n}\n"
    )


def example(place: Place, listening: int, behind: int) -> str:
    """The example's server, at other ports and with another certificate."""
    text = EXAMPLE.read_text()
    for pattern, replacement in (
        (r"listen 443 ssl;", f"listen 127.0.0.1:{listening} ssl;"),
        (r"/etc/ssl/\S+\.pem;", f"{place.certificate};"),
        (r"/etc/ssl/\S+\.key;", f"{place.folder / 'key.pem'};"),
        (r"http://127\.0\.0\.1:8765;", f"http://127.0.0.1:{behind};"),
    ):
        text, found = re.subn(pattern, replacement, text)
        assert found, f"{EXAMPLE} has no {pattern}"
    return text


@contextlib.contextmanager
def started(words: list[str], folder: Path, name: str) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=ROOT)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def wait_ready(place: Place, process: subprocess.Popen[bytes]) -> None:
    end_s = time.monotonic() + READY_S
    while "ready" not in (place.folder / "server.log").read_text():
        if process.poll() is not None or time.monotonic() > end_s:
            sys.exit("the server is not ready:\n" + (place.folder / "server.log").read_text())
        time.sleep(0.2)


async def bench(place: Place, way: str, arguments: argparse.Namespace, seed: int) -> Figures:
    """One run of cameras of their own process."""
    folder = Path(tempfile.mkdtemp(dir=place.folder))
    url = f"ws://127.0.0.1:{place.server}" if way != "nginx" else f"wss://127.0.0.1:{place.proxy}"
    trusted = ["--ca-file", str(place.certificate)] if way == "nginx" else []
    words = ["bench", "--connect", f"{url}/v1/stream", "--token-file", str(place.token_file), *trusted]
    words += ["--clients", str(arguments.clients), "--fps", "15", "--slo-ms", "150", "--trace", "wifi"]
    words += ["--seed", str(seed), "--duration", str(arguments.seconds), "--results", str(folder)]
    run = await asyncio.create_subprocess_exec(
        sys.executable, "cli.py", *words, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await run.communicate()
    if run.returncode:
        sys.exit(f"{way}: {said.decode()}")
    total = json.loads((folder / "summary.json").read_bytes())
    times = total["e2e_ms"]
    stages = ("camera", "wait", "uplink", "queue", "execute", "downlink")
    where = ", ".join(f"{stage} {total[f'{stage}_ms']['p50']:.1f}" for stage in stages if total[f"{stage}_ms"])
    return Figures(100 * total["miss_rate"], total["accuracy"]["f1_offered"], times["p50"], times["p99"], where)


@contextlib.asynccontextmanager
async def carried(place: Place, arguments: argparse.Namespace) -> AsyncIterator[None]:
    """nginx carries frames, with TLS, to a socket that discards them, for the time of the context."""
    async with asyncio.TaskGroup() as tasks, aiohttp.ClientSession() as http:
        sending = [tasks.create_task(_send(http, place)) for _ in range(arguments.clients)]
        yield
        for task in sending:
            task.cancel()


async def _send(http: aiohttp.ClientSession, place: Place) -> None:
    trusted = ssl.create_default_context(cafile=str(place.certificate))
    frame = os.urandom(MESSAGE_BYTES)
    url = f"wss://127.0.0.1:{place.discarding_proxy}/v1/stream"
    async with http.ws_connect(url, ssl=trusted, compress=0) as stream:
        while True:
            await stream.send_bytes(frame)
            await stream.receive()
            await asyncio.sleep(1 / 15)


@contextlib.asynccontextmanager
async def discarding(place: Place) -> AsyncIterator[None]:
    """A server that answers each message with a short one."""

    async def stream(request: web.Request) -> web.WebSocketResponse:
        taken = web.WebSocketResponse(compress=False)
        await taken.prepare(request)
        async for _ in taken:
            await taken.send_bytes(bytes(400))
        return taken

    app = web.Application()
    app.router.add_get("/v1/stream", stream)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", place.discarding).start()
    try:
        yield
    finally:
        await runner.cleanup()


async def measure(place: Place, arguments: argparse.Namespace) -> dict[str, list[Figures]]:
    found: dict[str, list[Figures]] = {way: [] for way in WAYS}
    async with discarding(place):
        for number in range(arguments.rounds):
            for way in WAYS[:: 1 if number % 2 == 0 else -1]:
                async with contextlib.AsyncExitStack() as stack:
                    if way == "control":
                        await stack.enter_async_context(carried(place, arguments))
                    figures = await bench(place, way, arguments, seed=number)
                found[way].append(figures)
                print(
                    f"round {number + 1}, {way:8}: missed {figures.missed_percent:.2f} %, F1 over all "
                    f"{figures.f1:.3f}, p50 {figures.p50_ms:.1f} ms, p99 {figures.p99_ms:.1f} ms ({figures.stages})",
                    flush=True,
                )
    return found


def judged(found: dict[str, list[Figures]]) -> bool:
    """Print what the medians of the paired differences say; whether the bars hold."""

    def against(other: str) -> Figures:
        pairs = list(zip(found["nginx"], found[other], strict=True))
        return Figures(
            median(mine.missed_percent - its.missed_percent for mine, its in pairs),
            median(mine.f1 - its.f1 for mine, its in pairs),
            median(mine.p50_ms / its.p50_ms for mine, its in pairs),
            median(mine.p99_ms / its.p99_ms for mine, its in pairs),
        )

    straight, control = against("straight"), against("control")
    for name, figures in (("straight", straight), ("control", control)):
        print(
            f"nginx against {name}: missed {figures.missed_percent:+.2f} points, F1 {figures.f1:+.3f}, p50 "
            f"{figures.p50_ms:.2f} times, p99 {figures.p99_ms:.2f} times"
        )
    no_worse = straight.missed_percent <= 0.3 and straight.f1 >= -0.01
    in_time = straight.p50_ms <= 1.05 and straight.p99_ms <= 1.15
    return no_worse and in_time and control.missed_percent <= 0.5 and control.p99_ms <= 1.15


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--variant", help="one size for all: then what is compared is the way alone, not the plans")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="behind-proxy-") as name:
        place = Place(Path(name), *free_ports(4))
        place.folder.chmod(0o755)
        make_files(place)
        serve = ["serve", "--port", str(place.server), "--proxy", "127.0.0.1", "--tokens", f"{name}/tokens.toml"]
        serve += ["--variant", arguments.variant] if arguments.variant else []
        with (
            started(["nginx", "-c", f"{name}/nginx.conf", "-g", "daemon off;"], place.folder, "nginx"),
            started([sys.executable, "cli.py", *serve], place.folder, "server") as server,
        ):
            wait_ready(place, server)
            holds = judged(asyncio.run(measure(place, arguments)))
    print("the bars hold" if holds else "the bars do not hold")
    sys.exit(0 if holds else 1)


if __name__ == "__main__":
    main()
