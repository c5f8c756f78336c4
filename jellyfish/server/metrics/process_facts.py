"""What Linux tells of this process and of those that it has started; nothing where there is no such system."""

from __future__ import annotations

import os
import time
from pathlib import Path

PROC = Path("/proc")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def resident_bytes(proc: Path = PROC) -> dict[str, int]:
    """Memory of the server's own process, and of its helpers together (devices' workers, the planner)."""
    try:
        own = _resident(proc / "self")
        helpers = sum(_resident(proc / str(child)) for child in _family(proc, os.getpid()))
    except OSError:
        return {}
    return {"server": own, "helpers": helpers}


def processor_s() -> float:
    """Seconds that all threads of this process ran."""
    return time.process_time()


def descriptors(proc: Path = PROC) -> int | None:
    """Files and sockets that this process has open."""
    try:
        return len(os.listdir(proc / "self" / "fd"))  # noqa: PTH208 - a Path for each of a thousand takes long
    except OSError:
        return None


def _resident(process: Path) -> int:
    """0 for one that has just ended."""
    try:
        return int((process / "statm").read_text().split()[1]) * PAGE_BYTES
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _family(proc: Path, process: int) -> list[int]:
    """All that came of a process, itself not included."""
    found: list[int] = []
    for children in (proc / str(process) / "task").glob("*/children"):
        try:
            told = children.read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        for child in map(int, told):
            found += [child, *_family(proc, child)]
    return found
