"""The processor's name in words: profiles of one machine are not to be used on another."""

from __future__ import annotations

import platform
from pathlib import Path


def processor_name(cores: int, threads: int | None = None, cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's model and how many cores inference uses of it, e.g. `Xeon E5-2630, 4 cores`.

    `threads`: of each batch, where the user has decided that.
    """
    model = platform.processor() or platform.machine()
    if cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        model = next(iter(names), model)
    return f"{model}, {cores} cores" + ("" if threads is None else f", {threads} threads a batch")
