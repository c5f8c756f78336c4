"""A server and its clients in network namespaces, joined by veth, uplinks shaped with tc: kernel TCP, on one machine.

Needs root and Linux. Each client has a namespace, and with it an uplink, of its own; the server's has an end of each.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import itertools
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from jellyfish.link.trace import BandwidthTrace

CLONE_NEWNET = 0x40000000
DOWN_BPS = 1000.0
"""Rate of a link that is down: TBF knows no 0, and this lets less than a packet through in ten seconds."""
BURST_S = 0.001
"""A timer that is late by no more than this costs no throughput."""
SMALLEST_BURST_BYTES = 1600
"""One packet with its headers: with less, none would ever leave."""
DISCARD_PORT = 9
SERVER_ADDRESS = "10.77.255.1"
"""The server's, as every client sees it."""


def why_not() -> str | None:
    """Why namespaces cannot be made here; None if they can."""
    if os.geteuid() != 0:
        return "needs root"
    if missing := [name for name in ("ip", "tc") if shutil.which(name) is None]:
        return f"needs the programs {' and '.join(missing)} (iproute2)"
    try:
        with Network(1):
            return None
    except subprocess.CalledProcessError as error:
        return f"network namespaces and TBF are not permitted here: {error.stderr.strip()}"


class Network:
    """As a context: made on entry, gone on exit, also after a failure in between. Processes inside must end before."""

    def __init__(self, clients: int, queue_bytes: int = 1_000_000, congestion: str = "cubic") -> None:
        """`queue_bytes`: what waits before an uplink; more is lost. `congestion`: the kernel's algorithm by name."""
        prefix = f"jellyfish-{os.getpid()}"
        self.server = f"{prefix}-server"
        self.clients = [f"{prefix}-{number}" for number in range(clients)]
        self._queue_bytes, self._congestion = queue_bytes, congestion
        self._shapers: list[subprocess.Popen[str]] = []
        self._nudges: list[socket.socket] = []
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:  # unwinds what is there when a step fails
            for name in (self.server, *self.clients):
                _ip("netns", "add", name)
                stack.callback(_ip, "netns", "delete", name)
                _ip("-netns", name, "link", "set", "lo", "up")
            _ip("-netns", self.server, "address", "add", f"{SERVER_ADDRESS}/32", "dev", "lo")
            for number, name in enumerate(self.clients):
                self._join(number, name, stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def client_socket(self, client: int, family: int, kind: int, protocol: int = 0) -> socket.socket:
        """A socket in the client's namespace, where it stays whoever uses it."""
        with _inside(self.clients[client]):
            opened = socket.socket(family, kind, protocol)
        if kind == socket.SOCK_STREAM:
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, self._congestion.encode())
        return opened

    def server_socket(self, port: int) -> socket.socket:
        """A socket that listens in the server's namespace, for a server in this process."""
        with _inside(self.server):
            return socket.create_server((SERVER_ADDRESS, port))

    def shape(self, client: int, bits_per_s: float) -> None:
        """The client's uplink has this rate from now on."""
        rate = max(bits_per_s, DOWN_BPS)
        burst = max(SMALLEST_BURST_BYTES, round(rate * BURST_S / 8))
        self._tell(
            client, f"qdisc replace dev uplink root tbf rate {rate:.0f}bit burst {burst} limit {self._queue_bytes}"
        )
        # A queue that waits for tokens looks at the new rate only when a packet comes.
        self._nudges[client].sendto(b"", (SERVER_ADDRESS, DISCARD_PORT))

    async def follow(self, client: int, trace: BandwidthTrace, start_s: float) -> None:
        """Shape the client's uplink as `trace` says, from loop time `start_s` on, until cancelled."""
        loop = asyncio.get_running_loop()
        for round_ in itertools.count():
            for time_s, rate in zip(trace.times_s, trace.bits_per_s, strict=True):
                await asyncio.sleep(start_s + round_ * trace.duration_s + time_s - loop.time())
                self.shape(client, rate)

    def _join(self, number: int, name: str, stack: contextlib.ExitStack) -> None:
        """A veth pair between the server and a client, and whoever shapes the client's end."""
        _ip("link", "add", "uplink", "netns", name, "type", "veth", "peer", f"client-{number}", "netns", self.server)
        for namespace, device, last in ((name, "uplink", 2), (self.server, f"client-{number}", 1)):
            _ip("-netns", namespace, "address", "add", f"10.77.{number}.{last}/30", "dev", device)
            _ip("-netns", namespace, "link", "set", device, "up")
        _ip("-netns", name, "route", "add", SERVER_ADDRESS, "via", f"10.77.{number}.1")
        shaper = subprocess.Popen(["ip", "netns", "exec", name, "tc", "-batch", "-"], stdin=subprocess.PIPE, text=True)
        stack.callback(_end, shaper)
        self._shapers.append(shaper)
        self._nudges.append(stack.enter_context(self.client_socket(number, socket.AF_INET, socket.SOCK_DGRAM)))

    def _tell(self, client: int, command: str) -> None:
        stdin = self._shapers[client].stdin
        assert stdin is not None
        stdin.write(command + "\n")
        stdin.flush()


def _end(shaper: subprocess.Popen[str]) -> None:
    shaper.communicate(timeout=10)


@contextlib.contextmanager
def _inside(namespace: str) -> Iterator[None]:
    """This thread in a namespace, for the time of the context."""
    libc: Any = ctypes.CDLL(None, use_errno=True)
    with Path("/proc/thread-self/ns/net").open() as home, Path("/run/netns", namespace).open() as there:
        _enter(libc, there.fileno())
        try:
            yield
        finally:
            _enter(libc, home.fileno())


def _enter(libc: Any, descriptor: int) -> None:
    if libc.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "cannot enter a network namespace")


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
