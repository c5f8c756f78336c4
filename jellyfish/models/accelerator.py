"""What a pipeline asks of a GPU: memory, streams, events, graphs. The seam at which tests put a recording stand-in.

An operation on a stream only begins when the host asks for it. What is asked of one stream happens in that order;
between two of them only an event makes an order, and for the host only waiting for one does.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

import torch
from torch import Tensor


class DeviceStream(Protocol):
    """Work of a device in the order in which it was asked for."""

    def wait_event(self, event: Any, /) -> None:
        """What is asked for after this begins when what `event` stands for has happened."""
        ...


class DeviceEvent(Protocol):
    """A point in a stream."""

    def record(self, stream: Any, /) -> None:
        """From now on it stands for all that `stream` was asked for until now."""
        ...

    def synchronize(self) -> None:
        """Wait until that has happened; return at once where nothing was recorded."""
        ...


class Accelerator(Protocol):
    """One device."""

    @property
    def device(self) -> torch.device:
        """As torch knows it."""
        ...

    @property
    def most_bytes(self) -> int:
        """What may be taken of its memory in all; more is refused, as if there were no more."""
        ...

    @property
    def taken_bytes(self) -> int:
        """What is taken of its memory."""
        ...

    def pinned(self, *shape: int, dtype: torch.dtype) -> Tensor:
        """Memory of the host that the device reads and writes by itself."""
        ...

    def stream(self) -> DeviceStream:
        """A new one."""
        ...

    def event(self) -> DeviceEvent:
        """A new one, of which nothing is recorded."""
        ...

    def on(self, stream: Any, /) -> AbstractContextManager[Any]:
        """Have all that is asked for in the context, by this thread, happen on `stream`."""
        ...

    def copy(self, target: Tensor, source: Tensor, /) -> None:
        """Begin to copy, on the stream of the context."""
        ...

    def captured(self, body: Callable[[], None], stream: Any, /) -> Callable[[], None]:
        """`body` as one thing to ask for: a function that begins it on the stream of the context.

        `body` reads and writes tensors that were there before, and no others that outlive it: all captured bodies share
        what memory they need in between, so they may follow each other in any order, but not run beside each other.
        """
        ...

    def unused_given_back(self) -> None:
        """Memory that nothing holds goes back to the device."""
        ...
