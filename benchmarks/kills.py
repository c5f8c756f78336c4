"""kill -9 in mid-stream, again and again: is every frame accounted for, and how soon are its cameras served again?

    python -m benchmarks.kills [--what worker front] [--kills 20] [--cameras 6] [--json FILE]
    python -m benchmarks.kills --what ray-worker raylet         (needs the extra `ray`)

Cameras (`jellyfish bench --connect`, with its own account of every frame) stream through a front (`jellyfish serve`)
that runs nothing itself, and two workers (`jellyfish worker`). `worker`: one worker is killed with all its processes,
in turn, and started again at the same address a second later, as a supervisor would. `front`: there are two fronts
before the same workers, which name each other to cameras; the one that has them is killed, so that they go to and fro.
`ray-worker`, `raylet`: both workers are placed by Ray, on two nodes of a cluster on loopback; a worker's program is
killed, which Ray's actor starts anew, or a node's raylet, whose node is started again a second later.

For each kill: how many cameras it had to do with (those that the worker had answered last; those that lost their
connection), how long from the kill to the last of their first answers in time (the bar: 2 s), how many of their frames
were missed until then, and the share of frames that the others missed in the seconds before and after. At the end:
whether the outcomes of all captured frames add up, and what the goodbyes of client and server said of each other.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import sys
import tempfile
import time
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.bystanders import Bystanders, marked
from benchmarks.programs import ROOT, Program
from benchmarks.raylets import Raylets, raylets

MODEL = ROOT / "benchmarks" / "null_model.py"
FPS, SLO_MS = 10.0, 400.0
WARM_S, GONE_S = 12.0, 1.0
"""Before the first kill; until what was killed is started again."""
STEADY_S, MOST_S = 4.0, 3600.0
"""From its being ready until the next kill, at least; and what cameras are told that they have to stream, at most."""
BEFORE_S, AFTER_S = 3.0, 3.0
"""What is looked at around a kill."""
BAR_S = 2.0
RAY = ("ray-worker", "raylet")
SEEN_S, RAY_READY_S = 2.0, 240.0
"""Until a front has noticed that a worker is gone; and what Ray may take to have both again."""


@dataclass
class Kill:
    """What came of one."""

    what: str
    at_unix_s: float
    cameras: int = 0
    first_in_time_s: float | None = None
    """From the kill to the last of their first answers in time; None where nobody was concerned, or never."""
    missed: int = 0
    """Of their frames, from the kill until then."""
    others_before: float = 0.0
    others_after: float = 0.0
    """Share of the others' frames that were missed."""


class Frame:
    """A captured one, as far as it matters here."""

    def __init__(self, line: dict[str, Any]) -> None:
        self.at_s: float = line["captured_unix_s"]
        self.on_time: bool = line["outcome"] == "on_time"
        self.device: str | None = line["device"]
        self.answered_s = self.at_s + (line["e2e_ms"] or 0.0) / 1000
        self.reason: str | None = line["reason"]


class Again:
    """A program that can be killed and started again with the same words."""

    def __init__(self, name: str, stack: ExitStack, folder: Path, kind: type[Program], *arguments: str) -> None:
        self.name, self._folder, self._arguments, self._kind = name, folder, arguments, kind
        self._starts = 0
        stack.callback(self.kill)
        self.begin()

    def begin(self) -> None:
        """Start it; it may take a while to be ready."""
        self._starts += 1
        log = self._folder / f"{self.name}-{self._starts}.log"
        self.program = self._kind(log, *self._arguments, environment={"XDG_CACHE_HOME": str(self._folder)})
        Program.__enter__(self.program)

    def ready(self) -> None:
        """Wait until it is."""
        self.program.says(r"ready( at|:) ")

    def kill(self) -> None:
        """As if it had lost its power."""
        self.program.kill()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


class Place:
    """Two workers and the fronts before them."""

    def __init__(self, fronts: int, folder: Path, stack: ExitStack) -> None:
        model = ("--model", f"{MODEL}:Timed")
        ports = [free_port() for _ in range(2)]
        self.workers = [
            Again(f"worker-{port}", stack, folder, Program, "worker", "--port", str(port), "--threads", "1", *model)
            for port in ports
        ]
        for worker in self.workers:
            worker.ready()
        addresses = ",".join(f"127.0.0.1:{port}" for port in ports)
        front_ports = [free_port() for _ in range(fronts)]
        self.urls = [f"ws://127.0.0.1:{port}/v1/stream" for port in front_ports]
        self.fronts = [
            Again(
                f"front-{port}", stack, folder, Program, "serve", "--port", str(port), "--quiet", "--device", "none",
                "--worker", addresses, *model, *(("--public-url", url) if fronts > 1 else ()),
            )
            for port, url in zip(front_ports, self.urls, strict=True)
        ]  # fmt: skip
        for front in self.fronts:
            front.ready()


class OfNode:
    """What is killed of a node of Ray's; it comes back by itself, or by its node."""

    def __init__(self, cluster: Raylets, host: str, raylet: bool, everybody_works: Callable[[], bool]) -> None:
        self.name = f"worker-{host}"
        self._cluster, self._host, self._raylet, self._everybody_works = cluster, host, raylet, everybody_works

    def kill(self) -> None:
        """Its raylet, or its worker's program."""
        node = self._cluster.nodes[self._host]
        if self._raylet:
            node.kill_raylet()
        else:
            for worker in node.workers:
                os.killpg(os.getpgid(worker), signal.SIGKILL)

    def begin(self) -> None:
        """Start the node again, where it is gone."""
        if self._raylet:
            self._cluster.start(self._host)

    def ready(self) -> None:
        """Wait until both devices work."""
        time.sleep(SEEN_S)
        until_s = time.monotonic() + RAY_READY_S
        while not self._everybody_works():
            if time.monotonic() > until_s:
                sys.exit(f"{self.name} is not back after {RAY_READY_S:g} s")
            time.sleep(0.1)


class RayPlace:
    """Two nodes of Ray's, and a front that has a worker on each."""

    def __init__(self, raylet: bool, folder: Path, stack: ExitStack) -> None:
        cluster = stack.enter_context(raylets(2))
        port = free_port()
        self.urls = [f"ws://127.0.0.1:{port}/v1/stream"]
        serve = ("serve", "--port", str(port), "--quiet", "--engine", "ray", "--model", f"{MODEL}:Timed")
        environment = cluster.environment | {"XDG_CACHE_HOME": str(folder)}
        front = stack.enter_context(Program(folder / "front.log", *serve, environment=environment))
        front.says(r"ready( at|:) ", RAY_READY_S)

        def everybody_works() -> bool:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
                    states = list(json.load(answer)["devices"].values())
            except OSError:
                return False
            return len(states) == 2 and set(states) == {"working"}

        self.workers = [OfNode(cluster, host, raylet, everybody_works) for host in cluster.nodes]
        self.workers[0].ready()


@contextmanager
def streaming(url: str, arguments: argparse.Namespace, seconds: float, results: Path) -> Iterator[Program]:
    """Cameras for so long."""
    command = (
        "bench", "--connect", url, "--clients", str(arguments.cameras), "--fps", f"{FPS:g}", "--slo-ms", f"{SLO_MS:g}",
        "--trace", "none", "--duration", f"{seconds:g}", "--results", str(results),
    )  # fmt: skip
    with Program(results.with_suffix(".log"), *command) as bench:
        yield bench


def killed(what: str, arguments: argparse.Namespace, folder: Path) -> tuple[list[Kill], Path]:
    """Kill, again and again, and let the cameras come to their end."""
    kills, results = list[Kill](), folder / f"cameras-{what}"
    with ExitStack() as stack:
        if what in RAY:
            place: Place | RayPlace = RayPlace(what == "raylet", folder, stack)
        else:
            place = Place(2 if what == "front" else 1, folder, stack)
        bench = stack.enter_context(streaming(place.urls[0], arguments, MOST_S, results))
        while not (results / "frames.jsonl").exists():
            if bench.process.poll() is not None:
                sys.exit(f"the cameras ended:\n{bench.said[-2000:]}")
            time.sleep(0.1)
        time.sleep(WARM_S)
        for number in range(arguments.kills):
            victims = place.fronts if what == "front" and isinstance(place, Place) else place.workers
            victim = victims[number % 2]
            victim.kill()
            kills.append(Kill(victim.name, time.time()))
            time.sleep(GONE_S)
            victim.begin()
            victim.ready()
            time.sleep(max(STEADY_S, kills[-1].at_unix_s + arguments.period - time.time()))
        bench.process.send_signal(signal.SIGINT)
        bench.process.wait(60)
    return kills, results


def read(results: Path) -> dict[str, list[Frame]]:
    """Camera -> its frames, in order."""
    frames: dict[str, list[Frame]] = defaultdict(list)
    for line in (results / "frames.jsonl").read_text().splitlines():
        values = json.loads(line)
        frames[values["client"]].append(Frame(values))
    for of_camera in frames.values():
        of_camera.sort(key=lambda frame: frame.at_s)
    return frames


def concerned(kill: Kill, frames: dict[str, list[Frame]]) -> set[str]:
    """Cameras that the victim had answered last; or those that lost their connection by it."""
    if kill.what.startswith("worker"):
        port = kill.what.rpartition("-")[2]
        lasts = {
            camera: [f.device for f in of_camera if f.device is not None and f.answered_s <= kill.at_unix_s][-1:]
            for camera, of_camera in frames.items()
        }
        return {camera for camera, last in lasts.items() if last and str(last[0]).endswith(port)}
    return {
        camera
        for camera, of_camera in frames.items()
        if any(f.reason == "disconnected" and 0 <= f.at_s - kill.at_unix_s + 0.5 <= 2.0 for f in of_camera)
    }


def judge(kill: Kill, frames: dict[str, list[Frame]]) -> None:
    """Fill in what came of a kill."""
    at_s, those = kill.at_unix_s, concerned(kill, frames)
    kill.cameras = len(those)
    firsts = []
    for camera in those:
        answered = [f.answered_s for f in frames[camera] if f.on_time and f.at_s >= at_s]
        first_s = min(answered, default=float("inf"))
        firsts.append(first_s - at_s)
        kill.missed += sum(not f.on_time for f in frames[camera] if at_s - SLO_MS / 1000 <= f.at_s < first_s)
    if firsts:
        kill.first_in_time_s = max(firsts)
    others = [each for camera, of_camera in frames.items() if camera not in those for each in of_camera]
    kill.others_before = missed_share([f for f in others if at_s - BEFORE_S <= f.at_s < at_s - SLO_MS / 1000])
    kill.others_after = missed_share([f for f in others if at_s - SLO_MS / 1000 <= f.at_s < at_s + AFTER_S])


def missed_share(frames: Sequence[Frame]) -> float:
    return sum(not f.on_time for f in frames) / max(1, len(frames))


def shown(what: str, kills: list[Kill], results: Path) -> dict[str, Any]:
    """The table, and what is to be kept of it."""
    frames = read(results)
    print(f"\n{what}: {len(kills)} kills")
    print("| killed | cameras | first in time after s | their frames missed | others missed before, after % |")
    print("|---|--:|--:|--:|--:|")
    for kill in kills:
        judge(kill, frames)
        first = "-" if kill.first_in_time_s is None else f"{kill.first_in_time_s:.2f}"
        others = f"{100 * kill.others_before:.1f}, {100 * kill.others_after:.1f}"
        print(f"| {kill.what} | {kill.cameras} | {first} | {kill.missed} | {others} |")
    summary = json.loads((results / "summary.json").read_text())
    lines = [json.loads(line) for line in (results / "frames.jsonl").read_text().splitlines()]
    outcomes = Counter(line["outcome"] for line in lines)
    twice = len(lines) - len({(line["client"], line["frame"]) for line in lines})
    never = sum(max(numbers) + 1 - len(numbers) for numbers in _numbers(lines).values())
    times = sorted(kill.first_in_time_s for kill in kills if kill.first_in_time_s is not None)
    if times:
        within = sum(each <= BAR_S for each in times)
        middle_s = times[len(times) // 2]
        print(
            f"first in time: median {middle_s:.2f} s, most {times[-1]:.2f} s; {within} of {len(times)} in {BAR_S:g} s"
        )
    more = sum(kill.others_after - kill.others_before for kill in kills) / max(1, len(kills))
    print(f"others missed {100 * more:+.2f} points more after than before, in the mean")
    print(f"captured {summary['offered']}: {dict(outcomes)}; told twice {twice}, never told {never}")
    print(f"accounts of client and server: {summary['agreement']}")
    return {
        "what": what, "kills": [asdict(kill) for kill in kills], "outcomes": outcomes, "offered": summary["offered"],
        "told_twice": twice, "never_told": never, "agreement": summary["agreement"],
    }  # fmt: skip


def _numbers(lines: Sequence[dict[str, Any]]) -> dict[str, list[int]]:
    numbers: dict[str, list[int]] = defaultdict(list)
    for line in lines:
        numbers[line["client"]].append(line["frame"])
    return numbers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--what", nargs="+", choices=["worker", "front", *RAY], default=["worker", "front"])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--period", type=float, default=8.0, help="seconds between two kills")
    parser.add_argument("--cameras", type=int, default=8)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found = []
    for what in arguments.what:
        with tempfile.TemporaryDirectory() as folder:
            quiet = Bystanders()
            kills, results = killed(what, arguments, Path(folder))
            found.append(shown(what, kills, results))
            print(f"{what}{marked(quiet.share())}", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
