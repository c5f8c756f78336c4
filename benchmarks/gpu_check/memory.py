"""What the device's memory holds once all is captured, and at most so far."""

from __future__ import annotations

import resource

from benchmarks.gpu_check.findings import Found, Sheet
from benchmarks.gpu_check.place import Place


def memory(place: Place, budget_s: float) -> Found:
    """Of the whole check up to here. Run it after the parts that serve, and before training."""
    known = {"networks_bytes": place.engine.memory_bytes}
    if place.gpu is not None:
        known |= place.gpu.memory()
    known["process_peak_bytes"] = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rows = [[name.removesuffix("_bytes"), f"{value / 1e6:,.0f}"] for name, value in known.items()]
    gist = ", ".join(f"{name} {value} MB" for name, value in rows)
    return Found(gist, known, [Sheet("Memory", ["what", "MB"], rows)])
