"""How much memory a server takes, ready and at work, and a run of `bench`, in which server and cameras are.

    python -m benchmarks.memory [--clients 4] [--seconds 20]

Each figure is the proportional set size (Linux: /proc/PID/smaps_rollup) of a command's processes together, the most
that was seen in readings twice a second. What two processes share counts half for each, so that nothing counts twice.
The server is measured with the profile that is saved; make one first (`jellyfish profile`).
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

PERIOD_S = 0.5
PROC = Path("/proc")


def family(pid: int) -> Iterator[int]:
    """A process and all that came of it."""
    yield pid
    for children in (PROC / str(pid) / "task").glob("*/children"):
        for child in children.read_text().split():
            yield from family(int(child))


def pss_mb(pid: int) -> tuple[float, int]:
    """Proportional set size of a family in MB, and how many processes it has."""
    sizes = []
    for member in list(family(pid)):
        try:
            told = (PROC / str(member) / "smaps_rollup").read_text()
        except OSError:  # it has just ended
            continue
        found = re.search(r"^Pss:\s+(\d+)", told, re.M)
        assert found is not None
        sizes.append(int(found[1]) * 1024 / 1e6)
    return sum(sizes), len(sizes)


def most_mb(process: subprocess.Popen[str], watched: int | None = None) -> tuple[float, int]:
    """The most that the family of `watched`, or of the process itself, took until the process ended."""
    most = (0.0, 0)
    while process.poll() is None:
        most = max(most, pss_mb(watched or process.pid))
        time.sleep(PERIOD_S)
    if process.returncode:
        sys.exit(f"failed: {process.args!r}")
    return most


def started(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "cli.py", *arguments], text=True, stdout=subprocess.PIPE)


def show(what: str, found: tuple[float, int]) -> None:
    print(f"{what}: {found[0]:,.0f} MB in {found[1]} processes", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=4, help="emulated cameras")
    parser.add_argument("--seconds", type=float, default=20, help="of each run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cameras = ("bench", "--clients", str(options.clients), "--duration", str(options.seconds), "--results")
        with started("serve", "--port", "0") as server:
            url = next(found[0] for line in server.stdout or () if (found := re.search(r"ws://\S+", line)))
            show("serve, ready", pss_mb(server.pid))
            bench = started(*cameras, f"{folder}/connected", "--connect", url)
            show(f"serve, with {options.clients} cameras", most_mb(bench, server.pid))
            show("serve, when they are gone", pss_mb(server.pid))
            server.terminate()
        show(f"bench, {options.clients} cameras and their server", most_mb(started(*cameras, f"{folder}/together")))


if __name__ == "__main__":
    main()
