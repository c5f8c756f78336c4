"""An engine in a process of its own, for processors: batches run beside the event loop, not between its steps.

In a thread a network needs the interpreter between any two layers, and waits whenever the event loop has it: what the
loop works is taken from every worker. Pixels and detections travel through pipes, which takes about a hundredth of what
a batch does. The process dies with the one that started it.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from jellyfish.core import Detection, Variant
from jellyfish.devices.executor import MixingEngine
from jellyfish.devices.process import deaf_children
from jellyfish.devices.processes import END_S, processes
from jellyfish.errors import RunError

Open = Callable[[], MixingEngine]
"""Makes the engine, in the process where it is to run. Travels there: a function of a module, or a `partial` of one."""


class RemoteError(RunError):
    """What an engine raised in its process, in words; or that this has ended."""


class RemoteBatch(msgspec.Struct, frozen=True, array_like=True):
    """What is to be run. The canvases' bytes follow."""

    variants: tuple[Variant, ...]
    """One for all, or one for each."""
    shape: tuple[int, ...]


class RemoteAnswer(msgspec.Struct, frozen=True, array_like=True):
    """What came of it: detections of each canvas, or why there are none."""

    found: list[list[Detection]] = []
    error: str = ""


_batches, _answers, _encoder = (
    msgspec.msgpack.Decoder(RemoteBatch),
    msgspec.msgpack.Decoder(RemoteAnswer),
    msgspec.msgpack.Encoder(),
)


class RemoteEngine:
    """Calls go to the process and wait for it. One call at a time. It is started anew when it has died."""

    def __init__(self, open_engine: Open, begin: Callable[[], None]) -> None:
        """`begin`: called in the process before the engine is made, to set it up; travels like `open_engine`."""
        self._open, self._begin = open_engine, begin
        self._process: Any = None
        self._pipe: Connection | None = None
        self._calling = threading.Lock()
        self.start()

    def start(self) -> None:
        """Start the process; it is ready a moment later, and the first call waits for that."""
        context = processes()
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self._open, self._begin), daemon=True)
        with deaf_children():
            self._process.start()
        theirs.close()

    def detect(self, canvases: NDArray[np.uint8], variant: Variant) -> list[list[Detection]]:
        """See `jellyfish.devices.executor.Engine`. RemoteError for what the engine raised."""
        return self._ask((variant,), canvases)

    def detect_mixed(self, canvases: NDArray[np.uint8], variants: Sequence[Variant]) -> list[list[Detection]]:
        """See `jellyfish.devices.executor.MixingEngine`."""
        return self._ask(tuple(variants), canvases)

    def _ask(self, variants: tuple[Variant, ...], canvases: NDArray[np.uint8]) -> list[list[Detection]]:
        with self._calling:
            answer = self._answer(RemoteBatch(variants, canvases.shape), canvases)
        if answer.error:
            raise RemoteError(answer.error)
        return answer.found

    def _answer(self, batch: RemoteBatch, canvases: NDArray[np.uint8]) -> RemoteAnswer:
        if self._pipe is None:
            self.start()
        assert self._pipe is not None
        try:
            self._pipe.send_bytes(_encoder.encode(batch))
            self._pipe.send_bytes(np.ascontiguousarray(canvases).data.cast("B"))
            return _answers.decode(self._pipe.recv_bytes())
        except (EOFError, OSError) as error:
            self._process.kill()
            self._forget()
            raise RemoteError("the process of a worker has ended; it is started anew") from error

    def close(self) -> None:
        """Kill the process, whatever it does: it has nothing to lose. A call that waits for it raises RemoteError."""
        process = self._process
        if process is None:
            return
        process.kill()
        if self._calling.acquire(blocking=False):  # else the call finds the end of the process and does the rest
            try:
                self._forget()
            finally:
                self._calling.release()

    def _forget(self) -> None:
        """What is left of a process that has been killed."""
        pipe, process = self._pipe, self._process
        self._pipe = self._process = None
        if pipe is not None:
            pipe.close()
            process.join(END_S)


def _serve(pipe: Connection, open_engine: Open, begin: Callable[[], None]) -> None:
    """Answer batches until the other end is closed."""
    begin()
    engine = open_engine()
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            batch = _batches.decode(pipe.recv_bytes())
            pixels = bytearray(int(np.prod(batch.shape)))
            pipe.recv_bytes_into(pixels)
            pipe.send_bytes(_encoder.encode(_answered(engine, batch, pixels)))


def _answered(engine: MixingEngine, batch: RemoteBatch, pixels: bytearray) -> RemoteAnswer:
    canvases = np.frombuffer(pixels, dtype=np.uint8).reshape(batch.shape)
    try:
        if len(batch.variants) == 1:
            return RemoteAnswer(engine.detect(canvases, batch.variants[0]))
        return RemoteAnswer(engine.detect_mixed(canvases, batch.variants))
    except Exception as error:
        return RemoteAnswer(error=f"{type(error).__name__}: {error}")
