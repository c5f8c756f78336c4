"""All that the check asks of CUDA itself, in one place, so that it can be rehearsed without one."""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Work = Callable[[], object]
COPIED_BYTES = 8 * 448 * 256 * 3
"""A batch of eight of the largest frames."""
ROUNDS = 200
WARM_RUNS = 3
"""Before a capture: libraries choose their kernels in the first ones."""
ASKED = "driver_version,pstate,power.limit,clocks.sm,clocks.max.sm,clocks.mem,temperature.gpu,mig.mode.current"
"""Of the driver's own program."""


class Gpu:
    """One GPU."""

    def __init__(self, device: torch.device, cuda: Any = torch.cuda) -> None:
        """`cuda`: what torch offers for it."""
        self.device, self._cuda = device, cuda

    def wait(self) -> None:
        """Until it has done all that it was asked for."""
        self._cuda.synchronize(self.device)

    def works(self) -> bool:
        """Whether it still answers this process: some errors stay until the process ends."""
        try:
            return int(torch.ones(1, device=self.device).add(1).item()) == 2
        except (RuntimeError, AssertionError):  # the latter of a torch that knows no CUDA
            return False

    def pinned(self, tensor: Tensor) -> Tensor:
        """A copy in memory of the host that it reads by itself."""
        return tensor.pin_memory()

    def captured(self, work: Work) -> Work:
        """A graph of what `work` asks for. The tensors that it reads must outlive it."""
        stream, graph = self._cuda.Stream(self.device), self._cuda.CUDAGraph()
        stream.wait_stream(self._cuda.current_stream(self.device))
        with self._cuda.stream(stream):
            for _ in range(WARM_RUNS):
                work()
        self.wait()
        with self._cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
            work()
        replay: Work = graph.replay
        return replay

    def known(self) -> dict[str, Any]:
        """What it is."""
        properties = self._cuda.get_device_properties(self.device)
        return {
            "gpu": properties.name,
            "compute": f"{properties.major}.{properties.minor}",
            "multiprocessors": properties.multi_processor_count,
            "memory_bytes": properties.total_memory,
            "cuda": str(torch.version.cuda),
            "cudnn": str(torch.backends.cudnn.version()),  # type: ignore[no-untyped-call]
            "nvidia-smi": told_by_driver(self.device.index or 0),
        }

    def costs(self) -> dict[str, float]:
        """Seconds of what all else is made of, each the median of many, with the device waited for."""
        pageable = torch.zeros(COPIED_BYTES, dtype=torch.uint8)
        pinned, there, small = self.pinned(pageable), pageable.to(self.device), torch.zeros(1, device=self.device)
        works: dict[str, Work] = {
            "copy_pageable_s": lambda: there.copy_(pageable),
            "copy_pinned_s": lambda: there.copy_(pinned, non_blocking=True),
            "copy_back_4_kB_s": lambda: there[:4096].cpu(),
            "pin_a_batch_s": lambda: self.pinned(pageable),
            "one_kernel_s": lambda: small.add_(1),
            "one_graph_s": self.captured(lambda: small.add_(1)),
            "nothing_but_waiting_s": lambda: None,
        }
        return {name: self._median_s(work) for name, work in works.items()}

    def memory(self) -> dict[str, int]:
        """Bytes."""
        free, total = self._cuda.mem_get_info(self.device)
        return {
            "allocated_now_bytes": self._cuda.memory_allocated(self.device),
            "allocated_at_most_bytes": self._cuda.max_memory_allocated(self.device),
            "reserved_at_most_bytes": self._cuda.max_memory_reserved(self.device),
            "used_on_the_card_bytes": total - free,
            "free_on_the_card_bytes": free,
        }

    def _median_s(self, work: Work) -> float:
        times_s = []
        for _ in range(ROUNDS):
            began_s = time.perf_counter()
            work()
            self.wait()
            times_s.append(time.perf_counter() - began_s)
        return statistics.median(times_s)


def told_by_driver(index: int) -> str:
    """Driver, clocks, power and MIG; what is wrong with its program where it does not say."""
    command = ["nvidia-smi", f"--id={index}", f"--query-gpu={ASKED}", "--format=csv"]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        return subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.strip()
    return "nvidia-smi does not say"
