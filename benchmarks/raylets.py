"""A Ray cluster on this machine's loopback, to kill parts of: a head without workers, and nodes of one processor each.

    python -m benchmarks.raylets            two nodes until Ctrl-C; says how to serve with them
    python -m benchmarks.raylets --idle 60  what they take in memory and of a processor in a minute without anything

Nodes are `ray start --block`, each a session of its own at an address of its own (127.0.0.2, ...), bound to
processors in turn, as if they were machines. Only who has the token of the environment that `Raylets` tells may use it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

OBJECT_STORE_BYTES = 80_000_000
"""The least that Ray takes, and nothing here uses it."""
BEGIN_S, TRIES = 120.0, 3
HEAD, FIRST_NODE = "127.0.0.1", 2
"""Where the head is, and the last number of the first node's address."""


@dataclass
class RayletNode:
    """A node, as it was started."""

    host: str
    process: subprocess.Popen[bytes]

    @property
    def raylet(self) -> int:
        """The id of its raylet's process."""
        [found] = [each for each in _session(self.process.pid) if _words(each)[0].endswith("/raylet")]
        return found

    @property
    def keepers(self) -> list[int]:
        """The ids of its keepers' processes, Ray's actors."""
        return [each for each in _session(self.process.pid) if _words(each)[0].startswith("ray::RayKeeper")]

    @property
    def workers(self) -> list[int]:
        """The ids of its workers' programs."""
        return [child for keeper in self.keepers for child in _children(keeper)]

    def kill_raylet(self) -> None:
        """Kill what makes it a node of the cluster, and nothing else; the rest finds out by itself."""
        os.kill(self.raylet, signal.SIGKILL)

    def kill(self) -> None:
        """Kill all of it at once, as where a machine loses its power."""
        for each in _session(self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        self.process.wait()


@dataclass
class Raylets:
    """A running cluster."""

    address: str
    """Of its head: what other nodes join by, and `RAY_ADDRESS` of programs on this machine."""
    environment: dict[str, str]
    """What programs that are to use it need, on top of what this one has."""
    folder: Path
    head: RayletNode
    nodes: dict[str, RayletNode] = field(default_factory=dict)
    """By host, those that live or did."""

    def start(self, host: str) -> RayletNode:
        """One more node, or one again that was killed. Returns when it runs."""
        cores, number = sorted(os.sched_getaffinity(0)), int(host.rpartition(".")[2]) - FIRST_NODE
        words = ["--address", self.address, "--node-ip-address", host, "--num-cpus", "1"]
        if host in self.nodes:
            self.nodes[host].kill()
        self.nodes[host] = _started(host, words, self.environment, self.folder, cores[number % len(cores)])
        return self.nodes[host]


@contextlib.contextmanager
def raylets(nodes: int = 2, client: bool = False) -> Iterator[Raylets]:
    """A head and `nodes` nodes for the time of the context. `client`: whether Ray Client is served, at port 10001."""
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="jf-ray-", dir="/tmp") as kept:  # a path of Ray's sockets must be short
        environment = {
            "RAY_ADDRESS": f"{HEAD}:{port}",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_USAGE_STATS_ENABLED": "0",
        }
        words = ["--head", "--port", str(port), "--node-ip-address", HEAD, "--num-cpus", "0", "--temp-dir", kept]
        words += ["--include-dashboard", "false", *(() if client else ("--ray-client-server-port", str(_free_port())))]
        cluster = Raylets(f"{HEAD}:{port}", environment, Path(kept), _started(HEAD, words, environment, Path(kept)))
        try:
            for number in range(nodes):
                cluster.start(f"127.0.0.{FIRST_NODE + number}")
            yield cluster
        finally:
            for node in (*cluster.nodes.values(), cluster.head):
                node.kill()


def _started(
    host: str, words: Sequence[str], environment: dict[str, str], folder: Path, core: int | None = None
) -> RayletNode:
    """A node that runs. Where the machine is so busy that Ray gives up after half a minute, it is tried again."""
    for _ in range(TRIES):
        node = _tried(host, words, environment, folder, core)
        if _runs(node, folder / f"{host}.log"):
            return node
        node.kill()
    raise SystemExit(f"a node of Ray at {host} does not begin: {(folder / f'{host}.log').read_text()[-2000:]}")


def _runs(node: RayletNode, said: Path) -> bool:
    until_s = time.monotonic() + BEGIN_S
    while node.process.poll() is None and time.monotonic() < until_s:
        if b"Ray runtime started" in said.read_bytes():
            return True
        time.sleep(0.1)
    return False


def _tried(host: str, words: Sequence[str], environment: dict[str, str], folder: Path, core: int | None) -> RayletNode:
    bound = [] if core is None else ["taskset", "--cpu-list", str(core)]
    others = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    with (folder / f"{host}.log").open("wb") as output:
        process = subprocess.Popen(
            [*bound, ray_program(), "start", "--block", *words, "--object-store-memory", str(OBJECT_STORE_BYTES)],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            env=others | {name: value for name, value in environment.items() if name != "RAY_ADDRESS"},
        )  # fmt: skip
    return RayletNode(host, process)


def ray_program() -> str:
    """`ray`, of this environment. SystemExit where there is none."""
    beside = Path(sys.executable).parent / "ray"
    found = str(beside) if beside.exists() else shutil.which("ray")
    if found is None:
        raise SystemExit("Ray is not installed: pip install 'jellyfish-serving[ray]'")
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HEAD, 0))
        port: int = probe.getsockname()[1]
    return port


def _processes() -> Iterator[tuple[int, list[str]]]:
    """(id, what stands in its `stat` behind the name) of all processes."""
    for each in Path("/proc").iterdir():
        if each.name.isdigit():
            with contextlib.suppress(OSError):
                yield int(each.name), (each / "stat").read_text().rpartition(")")[2].split()


def _session(leader: int) -> list[int]:
    return [number for number, stat in _processes() if int(stat[3]) == leader and stat[0] != "Z"]


def _children(parent: int) -> list[int]:
    return [number for number, stat in _processes() if int(stat[1]) == parent and stat[0] != "Z"]


def _words(process: int) -> list[str]:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_bytes().decode().split("\0")
    return [""]


def idle(cluster: Raylets, seconds: float) -> None:
    """Say what each node takes."""

    def taken(node: RayletNode) -> dict[int, float]:
        stats = {number: stat for number, stat in _processes() if int(stat[3]) == node.process.pid and stat[0] != "Z"}
        return {number: (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK") for number, stat in stats.items()}

    nodes = [cluster.head, *cluster.nodes.values()]
    before = [taken(node) for node in nodes]
    time.sleep(seconds)
    for node, began in zip(nodes, before, strict=True):
        ended = taken(node)
        busy_s = sum(ended[each] - began[each] for each in ended.keys() & began.keys())
        memory = sum(_own_bytes(each) for each in ended)
        print(f"{node.host}: {memory / 1e6:.0f} MB in {len(ended)} processes, {100 * busy_s / seconds:.1f} % of a core")


def _own_bytes(process: int) -> int:
    """Of its memory, what it shares with others only by its part (proportional set size)."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return 1024 * int(line.split()[1])
    return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--client", action="store_true", help="serve Ray Client, too")
    parser.add_argument("--idle", type=float, metavar="SECONDS", help="measure what they take, and end")
    options = parser.parse_args()
    with raylets(options.nodes, options.client) as cluster:
        if options.idle:
            idle(cluster, options.idle)
            return
        print(f"{options.nodes} nodes: {', '.join(cluster.nodes)}. In another shell:")
        print(
            " ".join(f"{name}={value}" for name, value in cluster.environment.items()), "jellyfish serve --engine ray"
        )
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    main()
