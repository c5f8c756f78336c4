"""How CUDA is asked for a graph, told by a stand-in for what torch offers: no GPU is needed to see the order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from jellyfish.models.cuda import CudaAccelerator

GPU = torch.device("cuda:1")


class Recorded:
    """Torch's module `cuda`, of a machine whose memory is half free."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.fraction = 0.0

    def mem_get_info(self, device: torch.device) -> tuple[int, int]:
        assert device == GPU
        return 500, 1000

    def memory_reserved(self, device: torch.device) -> int:
        assert device == GPU
        return 100

    def set_per_process_memory_fraction(self, fraction: float, device: torch.device) -> None:
        assert device == GPU
        self.fraction = fraction

    def graph_pool_handle(self) -> str:
        return "the pool"

    def current_stream(self, device: torch.device) -> str:
        return f"what {device} does now"

    @contextmanager
    def stream(self, stream: object) -> Iterator[None]:
        self.log.append("enter")
        yield
        self.log.append("leave")

    def Stream(self, device: torch.device) -> RecordedStream:  # noqa: N802
        assert device == GPU
        return RecordedStream(self.log)

    def CUDAGraph(self) -> RecordedGraph:  # noqa: N802
        return RecordedGraph(self.log)


class RecordedStream:
    def __init__(self, log: list[str]) -> None:
        self._log = log

    def wait_stream(self, other: str) -> None:
        self._log.append(f"wait for {other}")

    def synchronize(self) -> None:
        self._log.append("synchronise")


class RecordedGraph:
    def __init__(self, log: list[str]) -> None:
        self._log = log

    def capture_begin(self, pool: str, capture_error_mode: str) -> None:
        self._log.append(f"capture into {pool}, {capture_error_mode}")

    def capture_end(self) -> None:
        self._log.append("end")
        if "fail" in self._log:
            raise RuntimeError("operation failed due to a previous error during capture")

    def replay(self) -> None:
        self._log.append("replay")


def captured(cuda: Recorded, body: Callable[[], None]) -> Callable[[], None]:
    accelerator = CudaAccelerator(GPU, cuda)
    stream: Any = accelerator.stream()
    return accelerator.captured(body, stream)


def test_a_graph_is_captured_after_one_run_into_the_shared_pool_and_binds_no_other_thread() -> None:
    cuda = Recorded()
    replay = captured(cuda, lambda: cuda.log.append("body"))
    expected = ["wait for what cuda:1 does now", "enter", "body", "synchronise"]
    assert cuda.log == [*expected, "capture into the pool, thread_local", "body", "end", "leave"]
    replay()
    assert cuda.log[-1] == "replay"


def test_a_body_that_fails_in_its_capture_ends_it_and_tells_its_own_error() -> None:
    cuda, runs = Recorded(), []

    def body() -> None:
        runs.append(1)
        if len(runs) == 2:
            cuda.log.append("fail")
            raise torch.OutOfMemoryError("no memory")

    with pytest.raises(torch.OutOfMemoryError, match="no memory"):
        captured(cuda, body)
    assert cuda.log[-1] == "end"


def test_of_the_free_memory_a_tenth_is_left_to_others() -> None:
    cuda = Recorded()
    accelerator = CudaAccelerator(GPU, cuda)
    assert (accelerator.most_bytes, cuda.fraction, accelerator.taken_bytes) == (100 + 450, 0.55, 100)
