"""A stand-in for a GPU: what is asked for happens later, in any order that streams and events allow. It is recorded."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

Step = Callable[[], bool]
"""Does something of what a stream was asked for; whether it could."""


class DeferredStream:
    def __init__(self, name: str) -> None:
        self.name = name
        self.steps: deque[Step] = deque()

    def wait_event(self, event: DeferredEvent) -> None:
        awaited = event.recorded
        self.steps.append(lambda: event.happened >= awaited)

    def advance(self) -> bool:
        if self.steps and self.steps[0]():
            self.steps.popleft()
            return True
        return False


class DeferredEvent:
    def __init__(self, device: DeferredAccelerator) -> None:
        self._device = device
        self.recorded = self.happened = 0

    def record(self, stream: DeferredStream) -> None:
        self.recorded += 1
        mark = self.recorded

        def happen() -> bool:
            self.happened = mark
            return True

        stream.steps.append(happen)

    def synchronize(self) -> None:
        self._device.log.append("wait")
        self._device.until(lambda: self.happened >= self.recorded)


class DeferredAccelerator:
    """`seed`: of the order in which streams get on; None: nothing happens before it is waited for."""

    device = torch.device("cpu")
    most_bytes, taken_bytes = 9_000_000, 5_000_000

    def __init__(self, seed: int | None = None, refused: Callable[[int], bool] = lambda capture: False) -> None:
        """`refused`: captures, by number, for which there is no memory."""
        self._random, self._refused = None if seed is None else random.Random(seed), refused
        self.streams: list[DeferredStream] = []
        self.log: list[str] = []
        self.captures = 0
        self.pinned_memory: list[Tensor] = []
        self._current: DeferredStream | None = None

    def pinned(self, *shape: int, dtype: torch.dtype) -> Tensor:
        self.pinned_memory.append(torch.full(shape, 77, dtype=dtype))
        return self.pinned_memory[-1]

    def stream(self) -> DeferredStream:
        self.streams.append(DeferredStream(f"stream {len(self.streams)}"))
        return self.streams[-1]

    def event(self) -> DeferredEvent:
        return DeferredEvent(self)

    @contextmanager
    def on(self, stream: DeferredStream) -> Iterator[None]:
        before, self._current = self._current, stream
        yield
        self._current = before

    def copy(self, target: Tensor, source: Tensor) -> None:
        assert target.shape == source.shape
        home = {each.untyped_storage().data_ptr() for each in self.pinned_memory}
        back, up = (each.untyped_storage().data_ptr() in home for each in (target, source))
        self._ask("copy back" if back else "copy up" if up else "copy", lambda: target.copy_(source))

    def captured(self, body: Callable[[], None], stream: DeferredStream) -> Callable[[], None]:
        self.captures += 1
        self.log.append("capture")
        if self._refused(self.captures):
            raise torch.OutOfMemoryError("CUDA out of memory")
        return lambda: self._ask("graph", body)

    def unused_given_back(self) -> None:
        self.log.append("give back")

    def _ask(self, what: str, act: Callable[[], object]) -> None:
        assert self._current is not None, f"{what} on no stream"
        self.log.append(what)

        def step() -> bool:
            with torch.inference_mode():
                act()
            return True

        self._current.steps.append(step)
        while self._random is not None and self._random.random() < 0.5:
            self._random.choice(self.streams).advance()

    def until(self, happened: Callable[[], bool]) -> None:
        while not happened():
            streams = list(self.streams)
            if self._random is not None:
                self._random.shuffle(streams)
            assert any(stream.advance() for stream in streams), "a stream waits for what never happens"
