"""`jellyfish` commands as processes of their own, for benchmarks of several: what they say and what they cost."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.memory import family

ROOT = Path(__file__).parents[1]
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
POLL_S = 0.1


class Program:
    """`jellyfish COMMAND ...` for the time of the context, in a group of its own; what it says goes to a file."""

    def __init__(
        self, log: Path, *arguments: str, environment: Mapping[str, str] | None = None, before: Sequence[str] = ()
    ) -> None:
        """`before`: words before the command, of a program that runs it (`ip netns exec NAME`)."""
        self._log, self._environment = log, dict(environment or {})
        self._command = [*before, sys.executable, "-m", "jellyfish", *arguments]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        environment = os.environ | {"PYTHONPATH": paths} | self._environment
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env=environment, process_group=0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """What runs it."""
        assert self._process is not None
        return self._process

    @property
    def pid(self) -> int:
        """Its own."""
        return self.process.pid

    def kill(self) -> None:
        """As if its machine had lost its power: it and all that came of it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()

    @property
    def said(self) -> str:
        """All that it has said so far."""
        return self._log.read_text(errors="replace")

    def says(self, pattern: str, limit_s: float = 120.0) -> re.Match[str]:
        """The first match in what it says; exits with its last words where it ends, or does not say so in time."""
        until_s = time.monotonic() + limit_s
        while (found := re.search(pattern, self.said)) is None:
            if self.process.poll() is not None or time.monotonic() > until_s:
                sys.exit(f"{' '.join(self._command)} did not say {pattern!r}; its last words:\n{self.said[-2000:]}")
            time.sleep(POLL_S)
        return found


class Front(Program):
    """`jellyfish serve` on a port of its own choice, ready when the context is entered."""

    def __init__(
        self, log: Path, *options: str, environment: Mapping[str, str] | None = None, before: Sequence[str] = ()
    ) -> None:
        super().__init__(log, "serve", "--port", "0", "--quiet", *options, environment=environment, before=before)
        self.url = ""

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            self.url = self.says(r"ready: (wss?://\S+)")[1]
        except BaseException:
            self.kill()
            raise
        return self

    @property
    def http(self) -> str:
        """Where it is asked other things."""
        return self.url.replace("ws", "http", 1).removesuffix("/v1/stream")

    def metrics(self) -> dict[str, float]:
        """What it tells of itself: sample -> value."""
        with urllib.request.urlopen(f"{self.http}/metrics", timeout=30) as answer:
            lines = answer.read().decode().splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
        return {sample: float(value) for sample, value in pairs}


def cpu_s(pid: int) -> float:
    """Processor seconds that a process has taken, without those that came of it; 0 for one that has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def family_cpu_s(pid: int) -> dict[int, float]:
    """Process -> processor seconds, of a process and all that came of it."""
    try:
        return {member: cpu_s(member) for member in family(pid)}
    except OSError:
        return {}


def percentile(before: Mapping[str, float], after: Mapping[str, float], histogram: str, share: float) -> float:
    """Of what a histogram has counted between two looks, the value that `share` of it does not exceed, between edges by
    proportion; infinite beyond the last edge."""
    name = f"{histogram}_bucket"
    counts: list[tuple[float, float]] = []
    for sample, value in after.items():
        if sample.startswith(name) and (edge := re.search(r'le="([^"]+)"', sample)):
            counts.append((float(edge[1].replace("+Inf", "inf")), value - before.get(sample, 0.0)))
    counts.sort()
    wanted, below, least = share * counts[-1][1], 0.0, 0.0
    for edge_value, count in counts:
        if count >= wanted:
            if edge_value == float("inf"):
                return edge_value
            return least + (edge_value - least) * (wanted - below) / max(count - below, 1e-9)
        below, least = count, edge_value
    return float("inf")
