"""CUDA graphs: a network's hundreds of small kernels launched as one, per network and shape.

A graph is captured the first time its key is run, which warm-up does before service. Knows nothing of detectors.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import NamedTuple

import torch
from torch import Tensor

_WARM_RUNS = 3
"""Before a capture: libraries choose their kernels in the first ones."""


class _CapturedGraph(NamedTuple):
    graph: torch.cuda.CUDAGraph
    inputs: Tensor
    outputs: Tensor


class GraphRunner:
    """Runs functions of one tensor on one device, on a stream of its own. Not thread-safe."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._captured: dict[Hashable, _CapturedGraph] = {}
        self._pool = torch.cuda.graph_pool_handle()

    def run(self, key: Hashable, function: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
        """`function(inputs)`; the same `key` means the same function and shape. Call it with `stream` current.

        `inputs` may lie in pinned memory of the host. The result is overwritten by the next run of the same key.
        """
        if key not in self._captured:
            self._captured[key] = self._capture(function, inputs)
        captured = self._captured[key]
        captured.inputs.copy_(inputs, non_blocking=True)
        captured.graph.replay()
        return captured.outputs

    def _capture(self, function: Callable[[Tensor], Tensor], inputs: Tensor) -> _CapturedGraph:
        buffer = inputs.to(self._device, copy=True)
        for _ in range(_WARM_RUNS):
            function(buffer)
        torch.cuda.synchronize(self._device)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool, stream=self.stream):
            outputs = function(buffer)
        return _CapturedGraph(graph, buffer, outputs)
