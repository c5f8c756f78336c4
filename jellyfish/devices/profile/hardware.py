"""The processor's name in words: profiles of one machine are not to be used on another."""

from __future__ import annotations

import platform
from pathlib import Path


def processor_name(threads: int, cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's model and the number of threads that inference uses on it, e.g. `Xeon E5-2630, 4 threads`."""
    model = platform.processor() or platform.machine()
    if cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        model = next(iter(names), model)
    return f"{model}, {threads} threads"
