"""Four cameras that speak RTSP, each with a fault of real ones, answered for ten minutes: do answers grow old?

    python -m benchmarks.real_cameras [--minutes 10] [--ways camera server] [--scenes FOLDER] [--port N]

The cameras are processes around GStreamer's RTSP server (`benchmarks/rtsp`): one with irregular times, one that hangs
on its side (over UDP), one that says 25 frames/s and sends 21, and freezes for 10 s, one with B-frames, which loses its
power and comes back 20 s later with another size. Besides, the first one's link stalls for 3 s and then sends all of it
at once. Once they are read by a `jellyfish camera` process each, once by the server itself (`[[cameras]]`).

A watcher (`/v1/watch`, with pictures) is told of each answer. Each picture has its number in it, so it is known when it
was captured in truth. Bars: p99 of ages in the last minute at most 1.1 times that of the first; after a fault answers
within 10 s of the camera's being there again; processes grow by .1 MB a minute at most (upper 95 % bound over the last
two thirds); in the minute from another camera's fault on misses at most +.5 points and p99 at most 1.15
times what they are else.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.memory import family
from benchmarks.rtsp import numbers, units
from benchmarks.rtsp.camera import ROOT, RtspCamera, running, why_not
from benchmarks.rtsp.clips import Making, coded
from benchmarks.rtsp.seen import Fault, Seen, Told, ages_ms, growth, harm, miss_percent, percentile
from benchmarks.soak_check import MOST_MB_PER_MIN, Sample, slope_mb_per_min
from benchmarks.timed_server import footprint

UNEVEN, TURNED, FROZEN, DYING = "uneven", "turned", "frozen", "dying"
FPS, SLO_MS, SLOW_SLO_MS = 15.0, 250.0, 500.0
"""Frames that others are coded from both sides of (B-frames) are old when they are sent: that camera has longer."""
FREEZE_S, STALL_S, DEAD_S = 10.0, 3.0, 20.0
STALLS_AT, FREEZES_AT, DIES_AT = 0.25, 0.45, 0.65
"""Shares of the run."""
SETTLE_S, READY_S, STOP_S = 20.0, 60.0, 20.0
HARMED_S, SAMPLE_PERIOD_S, PICTURES_FPS = 60.0, 5.0, 2.0
MOST_GROWTH, MOST_BACK_S, MOST_MORE_MISSES, MOST_P99 = 1.10, 10.0, 0.5, 1.15
LEAST_MINUTES = 2.0
WAYS = ("camera", "server")


@dataclass(frozen=True)
class Cast:
    """One camera of the play: what it shows, and how it is spoken to."""

    making: Making
    transport: str = "tcp"
    slo_ms: float = SLO_MS
    again: Making | None = None
    """What it shows after it was dead."""


def casts(folder: Path) -> dict[str, Cast]:
    """By name. Scenes in turn, where the folder has fewer."""
    scenes = sorted(folder.glob("*.mp4"))
    if not scenes:
        sys.exit(f"{folder}: there is no .mp4 in it to be shown")
    one, two, three, four = (scenes[number % len(scenes)] for number in range(4))
    dying = Making(four, FPS, between=2)
    return {
        UNEVEN: Cast(Making(one, FPS, uneven=True)),
        TURNED: Cast(Making(two, FPS, turned=True), "udp"),
        FROZEN: Cast(Making(three, 21.0, declared_fps=25.0)),
        DYING: Cast(dying, slo_ms=SLOW_SLO_MS, again=replace(dying, width=480, height=272)),
    }


class Stage:
    """The cameras, with their clips made ready in a folder."""

    def __init__(self, folder: Path, cast: dict[str, Cast]) -> None:
        self._folder, self.cast = folder, cast
        self.cameras = {name: RtspCamera(name, transport=each.transport) for name, each in cast.items()}
        self._clips = {(name, again): coded(making) for name, again, making in self._makings()}
        for (name, again), clip in self._clips.items():
            units.write(self._file(name, again), clip)

    def _makings(self) -> Iterator[tuple[str, bool, Making]]:
        for name, each in self.cast.items():
            yield name, False, each.making
            if each.again is not None:
                yield name, True, each.again

    def _file(self, name: str, again: bool) -> Path:
        return self._folder / f"{name}{'-again' if again else ''}.units"

    def start(self, name: str, again: bool = False) -> None:
        self.cameras[name].start(self._file(name, again), self._clips[name, again])

    async def play(self, began_s: float, length_s: float, faults: list[Fault]) -> None:
        """Let the faults happen, each in its time."""
        await _until(began_s + STALLS_AT * length_s)
        self.cameras[UNEVEN].stall(STALL_S)
        faults.append(_fault(UNEVEN, f"its link stalls for {STALL_S:g} s", STALL_S))
        await _until(began_s + FREEZES_AT * length_s)
        self.cameras[FROZEN].freeze(FREEZE_S)
        faults.append(_fault(FROZEN, f"freezes for {FREEZE_S:g} s", FREEZE_S))
        await _until(began_s + DIES_AT * length_s)
        self.cameras[DYING].kill()
        died = _fault(DYING, f"is without power for {DEAD_S:g} s, then has another size", DEAD_S)
        await asyncio.sleep(DEAD_S)
        await asyncio.to_thread(self.start, DYING, True)
        faults.append(replace(died, until_s=time.monotonic()))


def _fault(camera: str, words: str, length_s: float) -> Fault:
    now = time.monotonic()
    return Fault(camera, words, now, now + length_s)


async def _until(time_s: float) -> None:
    await asyncio.sleep(max(0.0, time_s - time.monotonic()))


class Watcher:
    """Is told of every answer, and now and then shown what was answered."""

    def __init__(self, url: str, cameras: dict[str, RtspCamera]) -> None:
        self._url = url.replace("/v1/stream", f"/v1/watch?pictures=1&pictures_fps={PICTURES_FPS:g}")
        self._cameras = cameras
        self.seen = {name: Seen() for name in cameras}
        self.lost = 0
        self._begun = 0
        self.all_seen = asyncio.Event()
        """Set when each of them has been answered."""
        self._unix_ahead_s = time.time() - time.monotonic()

    async def watch(self) -> None:
        """Until cancelled."""
        async with aiohttp.ClientSession() as http, http.ws_connect(self._url, max_msg_size=0) as socket:
            async for message in socket:
                if message.type == aiohttp.WSMsgType.BINARY:
                    size = int.from_bytes(message.data[:4], "little")
                    self._take(json.loads(message.data[4 : 4 + size]), message.data[4 + size :])
                elif message.type == aiohttp.WSMsgType.TEXT:
                    self._take(json.loads(message.data), b"")
        raise RuntimeError("the server has ended what it tells of its cameras")

    def _take(self, told: dict[str, Any], jpeg: bytes) -> None:
        if "lost" in told:
            self.lost += told["lost"]
        if told.get("camera") not in self.seen:
            return
        seen, now = self.seen[told["camera"]], time.monotonic()
        captured_s = datetime.fromisoformat(told["captured"]).timestamp() - self._unix_ahead_s
        if "missed" in told:
            seen.missed[told["missed"]] = seen.missed.get(told["missed"], 0) + 1
        elif not any(each.age_ms is not None for each in seen.told):
            self._begun += 1
            if self._begun == len(self.seen):
                self.all_seen.set()
        true_s = self._true_s(told["camera"], jpeg, now) if jpeg else None
        seen.told.append(Told(now, captured_s, told.get("age_ms"), told.get("on_time", False), true_s))

    def _true_s(self, camera: str, jpeg: bytes, now: float) -> float | None:
        picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        number = None if picture is None else numbers.read(picture.astype(np.uint8))
        return None if number is None else self._cameras[camera].captured_s(number, now)


class Programs:
    """What is measured: a server, and what reads its cameras where it does not do that itself."""

    def __init__(self, way: str, folder: Path, stage: Stage, arguments: argparse.Namespace) -> None:
        self._way, self._folder, self._stage, self._arguments = way, folder, stage, arguments
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self.url = ""

    def start(self) -> None:
        """Returns when the server takes frames and the cameras are on their way."""
        config = self._folder / "site.toml"
        config.write_text("".join(self._entries()) if self._way == "server" else "")
        server = self._started("server", "serve", "--port", str(self._arguments.port), "--config", str(config))
        self.url = f"ws://127.0.0.1:{self._arguments.port}/v1/stream"
        self._wait_for(server)
        if self._way == "camera":
            for name, camera in self._stage.cameras.items():
                cast = self._stage.cast[name]
                options = ["--name", name, "--slo-ms", f"{cast.slo_ms:g}", "--transport", cast.transport]
                results = str(self._folder / name)
                self._started(name, "camera", camera.url, "--connect", self.url, *options, "--results", results)

    def _entries(self) -> Iterator[str]:
        for name, camera in self._stage.cameras.items():
            cast = self._stage.cast[name]
            facts = {"name": name, "url": camera.url, "transport": cast.transport}
            yield "\n".join(["[[cameras]]", *(f'{key} = "{value}"' for key, value in facts.items())])
            yield f"\nslo_ms = {cast.slo_ms:g}\n\n"

    def _started(self, name: str, *arguments: str) -> subprocess.Popen[str]:
        with self._log(name).open("w") as log:
            command = [sys.executable, "cli.py", *arguments]
            self._processes[name] = subprocess.Popen(command, cwd=ROOT, text=True, stdout=log, stderr=log)
        return self._processes[name]

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def _wait_for(self, server: subprocess.Popen[str]) -> None:
        """Until it takes frames."""
        readyz = self.url.replace("ws://", "http://").replace("/v1/stream", "/readyz")
        ends_s = time.monotonic() + READY_S
        while time.monotonic() < ends_s and server.poll() is None:
            with contextlib.suppress(OSError), urllib.request.urlopen(readyz, timeout=5) as reply:
                if reply.status == HTTPStatus.OK:
                    return
            time.sleep(0.5)
        sys.exit(f"the server did not start\n{self.said()}")

    def said(self) -> str:
        """The last that each of them said."""
        return "\n".join(f"{name}: {self._log(name).read_text()[-1000:]}" for name in self._processes)

    def rss_mb(self) -> dict[str, float]:
        """Of each program with all its processes."""
        return {name: sum(_rss_mb(pid) for pid in family(each.pid)) for name, each in self._processes.items()}

    def stop(self) -> None:
        for name in sorted(self._processes, key=lambda name: name == "server"):  # the server last
            self._processes[name].send_signal(signal.SIGINT)
        for process in self._processes.values():
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _rss_mb(pid: int) -> float:
    try:
        return footprint(pid).rss_mb
    except (OSError, KeyError):  # it has just ended
        return 0.0


@dataclass
class Run:
    """What came of one way."""

    way: str
    began_s: float
    ended_s: float
    seen: dict[str, Seen]
    faults: list[Fault]
    rss: dict[str, list[Sample]]


@contextlib.asynccontextmanager
async def beside(*coroutines: Any) -> AsyncIterator[None]:
    """These run for the time of the context; one that fails ends it."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each) for each in coroutines]
        yield
        for task in tasks:
            task.cancel()


async def run(way: str, stage: Stage, folder: Path, arguments: argparse.Namespace) -> Run:
    programs = Programs(way, folder, stage, arguments)
    try:
        await asyncio.to_thread(programs.start)
        watcher = Watcher(programs.url, stage.cameras)
        rss: dict[str, list[Sample]] = {}
        faults: list[Fault] = []
        async with beside(watcher.watch()):
            await _all_seen(watcher, programs)
            began_s = time.monotonic()
            length_s = 60 * arguments.minutes
            async with beside(_sample(programs, rss)):
                await stage.play(began_s, length_s, faults)
                await _until(began_s + length_s)
        return Run(way, began_s, began_s + length_s, watcher.seen, faults, rss)
    finally:
        await asyncio.to_thread(programs.stop)


async def _all_seen(watcher: Watcher, programs: Programs) -> None:
    try:
        async with asyncio.timeout(READY_S):
            await watcher.all_seen.wait()
    except TimeoutError:
        never = [name for name, seen in watcher.seen.items() if not seen.told]
        raise SystemExit(f"never answered: {', '.join(never)}\n{programs.said()}") from None
    await asyncio.sleep(SETTLE_S)


async def _sample(programs: Programs, rss: dict[str, list[Sample]]) -> None:
    while True:
        now = time.monotonic()
        for name, rss_mb in (await asyncio.to_thread(programs.rss_mb)).items():
            rss.setdefault(name, []).append(Sample(now, rss_mb, 0, 0, 0))
        await asyncio.sleep(SAMPLE_PERIOD_S)


def show(found: Run, console: Console) -> None:
    minute_s = min(60.0, (found.ended_s - found.began_s) / 4)
    table = Table(title=f"read by {'jellyfish camera' if found.way == 'camera' else 'the server itself'}")
    columns = (
        "camera",
        "answers/s",
        "missed",
        "age p50, p99 first",
        "last",
        "true age p50, p99 first",
        "last",
        "error",
    )
    for column in columns:
        table.add_column(column, justify="left" if column == "camera" else "right")
    for name, seen in found.seen.items():
        told = seen.within(found.began_s, found.ended_s)
        first = seen.within(found.began_s, found.began_s + minute_s)
        last = seen.within(found.ended_s - minute_s, found.ended_s)
        errors = [each.error_ms for each in told]
        answers = sum(each.age_ms is not None for each in told) / (found.ended_s - found.began_s)
        table.add_row(
            name, f"{answers:.2f}", f"{miss_percent(told):.2f} %", _ages(first), _ages(last), _true(first), _true(last),
            f"{percentile(errors, 1):+.0f} {percentile(errors, 50):+.0f} {percentile(errors, 99):+.0f}",
        )  # fmt: skip
    console.print(table)
    for fault in found.faults:
        seen = found.seen[fault.camera]
        pause_s = seen.longest_pause_s(fault.from_s - 1, min(fault.until_s + HARMED_S, found.ended_s))
        back_s = seen.back_after_s(fault)
        console.print(
            f"{fault.camera} {fault.words}: answered again {back_s:.1f} s after it was there again, "
            f"{pause_s:.1f} s without an answer", highlight=False,
        )  # fmt: skip
    for name, seen in found.seen.items():
        if seen.missed:
            console.print(f"{name} missed, as the server knows: {seen.missed}", markup=False, highlight=False)
    for name, samples in found.rss.items():
        slope, most = slope_mb_per_min(samples)
        words = f"memory of {name}: {samples[-1].rss_mb:.0f} MB, {slope:+.2f} MB a minute, at most {most:+.2f} (95 %)"
        console.print(words, highlight=False)


def _ages(told: Sequence[Told]) -> str:
    return f"{ages_ms(told, 50):.0f}, {ages_ms(told, 99):.0f} ms"


def _true(told: Sequence[Told]) -> str:
    ages = [each.true_age_ms for each in told]
    return f"{percentile(ages, 50):.0f}, {percentile(ages, 99):.0f} ms"


def failures(found: Run) -> list[str]:
    """Bars that were not reached, with the distance."""
    minute_s = min(60.0, (found.ended_s - found.began_s) / 4)
    bars: list[tuple[str, float, float]] = []
    for name, seen in found.seen.items():
        grown = growth(seen, found.began_s, found.ended_s, minute_s, lambda told: told.age_ms)
        bars.append((f"{name}: p99 of ages, last minute by first", grown, MOST_GROWTH))
        spans = [(each.from_s, each.from_s + HARMED_S) for each in found.faults if each.camera != name]
        own = [each for each in found.faults if each.camera == name]
        quiet = Seen([told for told in seen.told if not _in_fault(told, own)])
        more, times = harm(quiet, spans)
        bars += [(f"{name}: misses while others fail, points", more, MOST_MORE_MISSES)]
        bars += [(f"{name}: p99 while others fail, times", times, MOST_P99)]
    bars += [
        (f"{each.camera}: s until answered", found.seen[each.camera].back_after_s(each), MOST_BACK_S)
        for each in found.faults
    ]
    bars += [
        (f"{name}: MB a minute", slope_mb_per_min(samples)[1], MOST_MB_PER_MIN) for name, samples in found.rss.items()
    ]
    return [f"{words}: {value:.2f}, {most:g} at most was wanted" for words, value, most in bars if not value <= most]


def _in_fault(told: Told, faults: Sequence[Fault]) -> bool:
    return any(each.from_s <= told.at_s < each.until_s + MOST_BACK_S for each in faults)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10, help="of each way (default 10)")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--scenes", type=Path, default=ROOT / "videos", help="a folder of .mp4 to be shown")
    parser.add_argument("--port", type=int, default=8764, help="of the server")
    arguments, console = parser.parse_args(), Console(width=150)
    if arguments.minutes < LEAST_MINUTES:
        parser.error(f"--minutes: at least {LEAST_MINUTES:g}, or a camera has no time to come back")
    if (why := why_not()) is not None:
        print(f"skipped: {why}")
        return
    failed = []
    with tempfile.TemporaryDirectory() as temporary:
        console.print("making clips ...", highlight=False)
        for way in arguments.ways:
            folder = Path(temporary, way)
            folder.mkdir()
            stage = Stage(folder, casts(arguments.scenes))
            with running(list(stage.cameras.values())):
                for name in stage.cameras:
                    stage.start(name)
                found = asyncio.run(run(way, stage, folder, arguments))
            show(found, console)
            failed += [f"{way}: {each}" for each in failures(found)]
    for each in failed:
        console.print(f"NOT REACHED: {each}", markup=False, highlight=False)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
