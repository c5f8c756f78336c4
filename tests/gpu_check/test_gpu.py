"""What the check asks of CUDA, rehearsed on a stand-in that takes a processor for a GPU."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from benchmarks.gpu_check.facts import facts
from benchmarks.gpu_check.gpu import COPIED_BYTES, WARM_RUNS, Gpu
from benchmarks.gpu_check.place import Options, Place


class RecordingCuda:
    """As much of `torch.cuda` as is asked for; it writes down in which order."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def synchronize(self, device: torch.device) -> None:
        self.done.append("wait")

    def current_stream(self, device: torch.device) -> str:
        return "current"

    def Stream(self, device: torch.device) -> Any:  # noqa: N802
        return SimpleNamespace(wait_stream=lambda other: self.done.append(f"after {other}"))

    def CUDAGraph(self) -> Any:  # noqa: N802
        return SimpleNamespace(replay=lambda: self.done.append("replay"))

    @contextlib.contextmanager
    def stream(self, stream: Any) -> Iterator[None]:
        self.done.append("on its stream")
        yield

    @contextlib.contextmanager
    def graph(self, graph: Any, stream: Any, capture_error_mode: str) -> Iterator[None]:
        self.done.append(f"capture {capture_error_mode}")
        yield
        self.done.append("captured")

    def get_device_properties(self, device: torch.device) -> Any:
        return SimpleNamespace(name="A100", major=8, minor=0, multi_processor_count=108, total_memory=40 * 2**30)

    def mem_get_info(self, device: torch.device) -> tuple[int, int]:
        return 30, 40

    def memory_allocated(self, device: torch.device) -> int:
        return 1

    def max_memory_allocated(self, device: torch.device) -> int:
        return 2

    def max_memory_reserved(self, device: torch.device) -> int:
        return 3


class ProcessorAsGpu(Gpu):
    def pinned(self, tensor: Tensor) -> Tensor:
        return tensor.clone()


def stand_in() -> tuple[Gpu, RecordingCuda]:
    cuda = RecordingCuda()
    return ProcessorAsGpu(torch.device("cpu"), cuda), cuda


def place() -> Place:
    made = Place(Options("cuda:0", short=True))
    made.device, made.gpu = torch.device("cpu"), stand_in()[0]
    return made


def test_a_capture_comes_after_runs_that_warm_up_and_binds_its_own_thread_alone() -> None:
    gpu, cuda = stand_in()
    replay = gpu.captured(lambda: cuda.done.append("work"))
    replay()
    warm = ["after current", "on its stream", *["work"] * WARM_RUNS, "wait"]
    assert cuda.done == [*warm, "capture thread_local", "work", "captured", "replay"]


def test_a_gpu_says_what_it_is_and_what_it_costs() -> None:
    found = facts(place(), 1.0)
    assert "A100, compute 8.0, 40 GiB" in found.gist
    assert found.figures["copy_pinned_s"] > 0
    assert found.figures["one_graph_s"] > 0
    assert COPIED_BYTES == 8 * 448 * 256 * 3


def test_memory_is_what_is_taken_and_what_is_left() -> None:
    gpu, _ = stand_in()
    known = gpu.memory()
    assert known["allocated_now_bytes"] == 1
    assert known["reserved_at_most_bytes"] == 3
    assert (known["used_on_the_card_bytes"], known["free_on_the_card_bytes"]) == (10, 30)


def test_a_gpu_that_an_error_has_broken_does_not_work() -> None:
    assert stand_in()[0].works()
    assert not Gpu(torch.device("cuda:63")).works()
