"""What the machine is, and what moving bytes and starting kernels costs there before any network runs."""

from __future__ import annotations

import platform
import statistics
import subprocess
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from benchmarks.gpu_check.findings import Found, Sheet
from benchmarks.gpu_check.place import Place, cores
from jellyfish.devices.profile.hardware import processor_name

if TYPE_CHECKING:
    import torch

COPIED_BYTES = 8 * 448 * 256 * 3
"""A batch of eight of the largest frames."""
ROUNDS = 200
_ASKED = "driver_version,pstate,power.limit,clocks.sm,clocks.max.sm,clocks.mem,temperature.gpu,mig.mode.current"


def facts(place: Place, budget_s: float) -> Found:
    """The machine in words, and on a GPU a few costs that all other figures are made of."""
    import torch

    from jellyfish.models.precision import inference_dtype

    known: dict[str, Any] = {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "processor": processor_name(cores()),
        "arithmetic": str(inference_dtype(place.device)).removeprefix("torch."),
    }
    if not place.is_gpu:
        gist = f"{known['processor']}, torch {torch.__version__}, {known['arithmetic']}"
        return Found(gist, known, [_sheet("The machine", known)])
    known |= _of_gpu(place.device)
    costs = _costs(place.device)
    gist = f"{known['gpu']}, compute {known['compute']}, {known['memory_bytes'] / 2**30:.0f} GiB, {known['arithmetic']}"
    return Found(gist, known | costs, [_sheet("The machine", known), _sheet("What all is made of", costs)])


def _of_gpu(device: torch.device) -> dict[str, Any]:
    import torch

    properties = torch.cuda.get_device_properties(device)
    return {
        "gpu": properties.name,
        "compute": f"{properties.major}.{properties.minor}",
        "multiprocessors": properties.multi_processor_count,
        "memory_bytes": properties.total_memory,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
        "nvidia-smi": _told_by_driver(device.index or 0),
    }


def _told_by_driver(index: int) -> str:
    """Driver, clocks, power and MIG as the driver's own program says; what is wrong with it where it cannot."""
    command = ["nvidia-smi", f"--id={index}", f"--query-gpu={_ASKED}", "--format=csv"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError) as error:
        return f"it does not say: {error}"


def _costs(device: torch.device) -> dict[str, float]:
    """Seconds. Each the median of many, the device waited for."""
    import torch

    pageable = torch.zeros(COPIED_BYTES, dtype=torch.uint8)
    pinned, there = pageable.pin_memory(), pageable.to(device)
    small = torch.zeros(1, device=device)
    graph = torch.cuda.CUDAGraph()
    small.add_(1)
    torch.cuda.synchronize(device)
    with torch.cuda.graph(graph):
        small.add_(1)
    return {
        "copy_pageable_s": _median_s(lambda: there.copy_(pageable), device),
        "copy_pinned_s": _median_s(lambda: there.copy_(pinned, non_blocking=True), device),
        "copy_back_4_kB_s": _median_s(lambda: there[:4096].cpu(), device),
        "pin_a_batch_s": _median_s(pageable.pin_memory, device),
        "one_kernel_s": _median_s(lambda: small.add_(1), device),
        "one_graph_s": _median_s(graph.replay, device),
        "nothing_but_waiting_s": _median_s(lambda: None, device),
    }


def _median_s(action: Callable[[], object], device: torch.device) -> float:
    import torch

    times_s = []
    for _ in range(ROUNDS):
        began_s = time.perf_counter()
        action()
        torch.cuda.synchronize(device)
        times_s.append(time.perf_counter() - began_s)
    return statistics.median(times_s)


def _sheet(title: str, known: dict[str, Any]) -> Sheet:
    return Sheet(title, ["what", "is"], [[name, _in_words(name, value)] for name, value in known.items()])


def _in_words(name: str, value: Any) -> str:
    return f"{1e6 * value:.1f} microseconds" if name.endswith("_s") else str(value)
