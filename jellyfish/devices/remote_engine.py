"""An engine in a process of its own, for processors: batches run beside the event loop, not between its steps.

In a thread a network needs the interpreter between any two layers, and waits whenever the event loop has it: what the
loop works is taken from every worker. So all three steps are done there: frames as they were decoded and their answers
travel through a pipe, which takes about a hundredth of what a batch does. The process dies with the one that started
it.
"""

from __future__ import annotations

import contextlib
import pickle
import threading
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import msgspec
import numpy as np

from jellyfish.core import Answer, Variant
from jellyfish.devices.process import deaf_children
from jellyfish.devices.processes import END_S, processes
from jellyfish.errors import InputError, RunError
from jellyfish.models.model import Engine, EngineOptions, Image, Model, answers, in_words


class RemoteError(RunError):
    """What an engine raised in its process, in words; or that this has ended."""


class RemoteBatch(msgspec.Struct, frozen=True, array_like=True):
    """What is to be run. The bytes of each image follow."""

    variants: tuple[Variant, ...]
    """One for each image."""
    shapes: tuple[tuple[int, int, int], ...]


class RemoteAnswer(msgspec.Struct, frozen=True, array_like=True):
    """What came of it: an answer for each image, or why there is none."""

    found: list[Answer] = []
    error: str = ""


class RemoteBegin(msgspec.Struct, frozen=True, array_like=True):
    """The first that a process says: its engine is ready, or why there is none."""

    memory_bytes: int = 0
    error: str = ""
    wrong_input: bool = False
    """Whether that is for the user to mend."""


class RemoteInputs(NamedTuple):
    """A batch before it is sent."""

    images: Sequence[Image]
    variants: Sequence[Variant]


_batches, _answers, _begins, _encoder = (
    msgspec.msgpack.Decoder(RemoteBatch),
    msgspec.msgpack.Decoder(RemoteAnswer),
    msgspec.msgpack.Decoder(RemoteBegin),
    msgspec.msgpack.Encoder(),
)


class RemoteEngine:
    """See `jellyfish.models.model.Engine`. The process is started anew when it has died."""

    def __init__(self, model: Model, options: EngineOptions, begin: Callable[[], None]) -> None:
        """`begin`: called in the process before the engine is made, to set it up; a function of a module, or a
        `partial` of one. InputError for a model that cannot travel."""
        self._options, self._begin = options, begin
        self._preload = model.description.preload
        self._model = _pickled(model)
        self._process: Any = None
        self._pipe: Connection | None = None
        self._begun: RemoteBegin | None = None
        self._calling = threading.Lock()
        self.start()

    def start(self) -> None:
        """Start the process; it is ready a moment later, and the first batch waits for that."""
        context = processes(self._preload)
        self._pipe, theirs = context.Pipe()
        self._begun = None
        self._process = context.Process(
            target=_serve, args=(theirs, self._model, self._options, self._begin), daemon=True
        )
        with deaf_children():
            self._process.start()
        theirs.close()

    @property
    def memory_bytes(self) -> int:
        """See `Engine.memory_bytes`."""
        with self._calling, self._ending_noticed() as pipe:
            return self._ready(pipe).memory_bytes

    def prepare(self, images: Sequence[Image], variants: Sequence[Variant]) -> RemoteInputs:
        """See `Engine.prepare`; the process does it."""
        return RemoteInputs(images, variants)

    def launch(self, inputs: RemoteInputs) -> None:
        """See `Engine.launch`. RemoteError where the process has ended, InputError where its engine cannot be made."""
        shapes = [(height, width, colours) for height, width, colours in (image.shape for image in inputs.images)]
        with self._calling, self._ending_noticed() as pipe:
            self._ready(pipe)
            pipe.send_bytes(_encoder.encode(RemoteBatch(tuple(inputs.variants), tuple(shapes))))
            for image in inputs.images:
                pipe.send_bytes(np.ascontiguousarray(image).data.cast("B"))

    def finish(self, handle: None) -> list[Answer]:
        """See `Engine.finish`. RemoteError for what the engine raised."""
        with self._calling, self._ending_noticed() as pipe:
            answer = _answers.decode(pipe.recv_bytes())
        if answer.error:
            raise RemoteError(answer.error)
        return answer.found

    @contextlib.contextmanager
    def _ending_noticed(self) -> Any:
        """The pipe to a process, which is forgotten if it ends meanwhile."""
        if self._pipe is None:
            self.start()
        try:
            yield self._pipe
        except (EOFError, OSError) as error:
            self._process.kill()
            self._forget()
            raise RemoteError("the process of a worker has ended; it is started anew") from error

    def _ready(self, pipe: Connection) -> RemoteBegin:
        """Wait until the engine is made."""
        if self._begun is None:
            self._begun = _begins.decode(pipe.recv_bytes())
        if self._begun.error:
            said = self._begun
            self._forget()
            raise InputError(said.error) if said.wrong_input else RemoteError(said.error)
        return self._begun

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


def _pickled(model: Model) -> bytes:
    try:
        return pickle.dumps(model)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise InputError(
            f"the model {model.description.name} cannot be pickled ({error}), although it says that it is movable"
        ) from error


def _serve(pipe: Connection, model: bytes, options: EngineOptions, begin: Callable[[], None]) -> None:
    """Answer batches until the other end is closed."""
    begin()
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        engine = _opened(pipe, model, options)
        while engine is not None:
            batch = _batches.decode(pipe.recv_bytes())
            images = [np.frombuffer(pipe.recv_bytes(), np.uint8).reshape(shape) for shape in batch.shapes]
            pipe.send_bytes(_encoder.encode(_answered(engine, images, batch.variants)))


def _opened(pipe: Connection, model: bytes, options: EngineOptions) -> Engine | None:
    """The engine; None if there is none. The other end is told."""
    engine, begun = None, RemoteBegin()
    try:
        engine = pickle.loads(model).engine(options)
        begun = RemoteBegin(engine.memory_bytes)
    except InputError as error:
        begun = RemoteBegin(error=str(error), wrong_input=True)
    except Exception as error:
        begun = RemoteBegin(error=in_words(error))
    pipe.send_bytes(_encoder.encode(begun))
    return engine if not begun.error else None


def _answered(engine: Engine, images: Sequence[Image], variants: Sequence[Variant]) -> RemoteAnswer:
    try:
        return RemoteAnswer(answers(engine, images, variants))
    except Exception as error:
        return RemoteAnswer(error=str(error))
