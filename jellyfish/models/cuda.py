"""A CUDA device as pipelines use it. Whoever loads this file loads torch."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor

from jellyfish.models.accelerator import DeviceEvent, DeviceStream

FREE_SHARE = 0.9
"""Of the memory that is free when an engine is made: so much it may take; the rest is for the driver and others."""


class CudaAccelerator:
    """See `jellyfish.models.accelerator.Accelerator`. For one thread; events may be waited for by any."""

    def __init__(self, device: torch.device, cuda: Any = torch.cuda) -> None:
        """`cuda`: what torch offers for it."""
        self.device, self._cuda = device, cuda
        free, total = self._cuda.mem_get_info(device)
        self.most_bytes = self._cuda.memory_reserved(device) + int(FREE_SHARE * free)
        self._cuda.set_per_process_memory_fraction(min(1.0, self.most_bytes / total), device)
        self._pool = self._cuda.graph_pool_handle()

    @property
    def taken_bytes(self) -> int:
        """See `Accelerator.taken_bytes`: by all of this process, graphs included."""
        taken: int = self._cuda.memory_reserved(self.device)
        return taken

    def pinned(self, *shape: int, dtype: torch.dtype) -> Tensor:
        """See `Accelerator.pinned`. Pages are pinned for the current device, which may be another one."""
        with self._cuda.device(self.device):
            return torch.empty(shape, dtype=dtype, pin_memory=True)

    def stream(self) -> DeviceStream:
        """See `Accelerator.stream`."""
        stream: DeviceStream = self._cuda.Stream(self.device)
        return stream

    def event(self) -> DeviceEvent:
        """See `Accelerator.event`: a thread that waits for it sleeps, it does not spin."""
        event: DeviceEvent = self._cuda.Event(blocking=True)
        return event

    def on(self, stream: Any) -> AbstractContextManager[Any]:
        """See `Accelerator.on`."""
        context: AbstractContextManager[Any] = self._cuda.stream(stream)
        return context

    def copy(self, target: Tensor, source: Tensor) -> None:
        """See `Accelerator.copy`."""
        target.copy_(source, non_blocking=True)

    def captured(self, body: Callable[[], None], stream: Any) -> Callable[[], None]:
        """See `Accelerator.captured`.

        `body` runs once before: libraries load and choose their kernels in the first run, which must not be captured.
        Only this thread is bound to what a capture allows: those of other devices go on, whatever they call.
        """
        stream.wait_stream(self._cuda.current_stream(self.device))  # where weights and buffers were made
        with self._cuda.stream(stream):
            body()
            stream.synchronize()
            graph = self._cuda.CUDAGraph()
            graph.capture_begin(pool=self._pool, capture_error_mode="thread_local")
            try:
                body()
            except BaseException:
                with contextlib.suppress(RuntimeError):  # the capture is broken: what broke it is told instead
                    graph.capture_end()
                raise
            graph.capture_end()
        replay: Callable[[], None] = graph.replay
        return replay

    def unused_given_back(self) -> None:
        """See `Accelerator.unused_given_back`. Not while another thread captures, on whatever device."""
        self._cuda.empty_cache()
