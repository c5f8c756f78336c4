"""An event loop in virtual time: its clock jumps to the next timer, and its connections stay in memory.

Whatever runs on it runs as fast as the processor allows and the same way every time. Only what simulations need is
there: timers, tasks, and stream connections between parties on the same loop, woken by what is written to them, so that
thousands of idle ones cost nothing. Threads, real sockets and subprocesses have no place in it.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import signal
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextvars import Context, copy_context
from types import FrameType
from typing import Any, TypeVar, TypeVarTuple, Unpack

HIGH_WATER_BYTES, LOW_WATER_BYTES = 128 * 1024, 32 * 1024
"""A writer is told to pause and to go on at so many bytes that the other side has not taken."""
RESOLUTION_S = 1e-9
FEW_TIMERS = 100
"""Cancelled ones are looked for where there are more."""
_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")
Factory = Callable[[], asyncio.BaseProtocol]
OnMessage = Callable[[bool, int], None]


class NothingLeftError(RuntimeError):
    """Everything waits, and no timer is set: what runs would wait for ever."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Starts at time 0. For `asyncio.Runner(loop_factory=VirtualLoop)`.

    What is called when is BaseEventLoop's way, done with less: there timers are compared in Python, and each of the
    dozens of calls that a frame takes is made ready for a debugger.
    """

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._ready: deque[asyncio.Handle] = deque()
        self._scheduled: list[tuple[float, int, _Timer]] = []
        """A heap. Of timers of the same time the one that was set first comes first."""
        self._timers_set = itertools.count()
        self._cancelled = 0
        """Of those in the heap."""
        self._stopping: bool
        self._listeners: dict[tuple[str, int], Factory] = {}
        self.on_message: OnMessage | None = None
        """Told each piece of data before a party takes it: whether that is a server, and how many bytes."""

    # --- time --------------------------------------------------------------------------------------------

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now

    def now(self) -> float:
        """The same: the clock of what runs here (`jellyfish.clock`)."""
        return self._now

    def move_to(self, time_s: float) -> None:
        """What runs now takes until `time_s`: what is due meanwhile comes late, as on a loop that is busy."""
        self._now = max(self._now, time_s)

    def call_soon(
        self,
        callback: Callable[[Unpack[_Arguments]], object],
        *args: *_Arguments,
        context: Context | None = None,
    ) -> asyncio.Handle:
        """Call it behind all that is ready now."""
        call = _Call(callback, args, self, context)
        self._ready.append(call)
        return call

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[_Arguments]], object],
        *args: *_Arguments,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call it at a time of this loop."""
        timer = _Timer(when, callback, args, self, context)
        heapq.heappush(self._scheduled, (when, next(self._timers_set), timer))
        return timer

    def _timer_handle_cancelled(self, handle: _Timer) -> None:
        self._cancelled += handle.waits

    def _run_once(self) -> None:
        """Make what is ready now, or will be next, and move the time on to that."""
        self._forget_cancelled()
        ready, timers = self._ready, self._scheduled
        if not ready and not self._stopping:
            if not timers:
                raise NothingLeftError("everything waits for something that cannot happen any more")
            self._now += max(0.0, timers[0][0] - self._now)
        until_s = self._now + RESOLUTION_S
        while timers and timers[0][0] < until_s:
            timer = heapq.heappop(timers)[2]
            timer.waits = False
            ready.append(timer)
        for _ in range(len(ready)):  # what comes of these is for the next time
            call = ready.popleft()
            if not call._cancelled:
                call._run()

    def _forget_cancelled(self) -> None:
        """Of the timers those in front, and all where they are the most."""
        timers = self._scheduled
        if len(timers) > FEW_TIMERS and self._cancelled > len(timers) / 2:
            timers[:] = [each for each in timers if not each[2]._cancelled]
            heapq.heapify(timers)
            self._cancelled = 0
        while timers and timers[0][2]._cancelled:
            heapq.heappop(timers)
            self._cancelled -= 1

    # --- connections -------------------------------------------------------------------------------------

    async def create_server(self, protocol_factory: Factory, host: Any = None, port: Any = None, **_: Any) -> Any:
        """Listen at an address of this loop's own. OSError when it is taken."""
        if (host, port) in self._listeners:
            raise OSError(f"{host}:{port} is taken")
        self._listeners[host, port] = protocol_factory
        return _Server(self._listeners, (host, port))

    def listen_no_more(self, host: str, port: int) -> None:
        """Whoever listens there is gone."""
        self._listeners.pop((host, port), None)

    async def create_connection(self, protocol_factory: Factory, host: Any = None, port: Any = None, **_: Any) -> Any:
        """Connect to a server of this loop; ConnectionRefusedError when nobody listens there."""
        factory = self._listeners.get((host, port))
        if factory is None:
            raise ConnectionRefusedError(f"nobody listens at {host}:{port}")
        client, server = MemoryTransport(self, protocol_factory()), MemoryTransport(self, factory(), serves=True)
        client.connect(server)
        return client, client.get_protocol()

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[_Arguments]], _Result], *args: *_Arguments
    ) -> asyncio.Future[_Result]:
        """Run in place: there are no threads in virtual time."""
        done: asyncio.Future[_Result] = self.create_future()
        done.set_result(func(*args))
        return done

    def add_signal_handler(
        self, sig: int, callback: Callable[[Unpack[_Arguments]], object], *args: *_Arguments
    ) -> None:
        """A signal alone comes from the real world: a person may have seen enough of a simulation."""

        def tell(number: int, frame: FrameType | None) -> None:
            self.call_soon_threadsafe(callback, *args)

        signal.set_wakeup_fd(-1)  # nobody else need hear of it
        signal.signal(sig, tell)

    def remove_signal_handler(self, sig: int) -> bool:
        """See `add_signal_handler`."""
        signal.signal(sig, signal.SIG_DFL)
        return True

    def _write_to_self(self) -> None:
        """Nobody else could wake this loop, and it never sleeps."""


class _Call(asyncio.Handle):
    """Begins as a plain handle does, but for what a debugger would be told."""

    __slots__ = ()

    def __init__(
        self, callback: Callable[..., object], args: Sequence[Any], loop: VirtualLoop, context: Context | None
    ) -> None:
        self._context = copy_context() if context is None else context
        self._loop, self._callback, self._args = loop, callback, args
        self._cancelled, self._repr, self._source_traceback = False, None, None


class _Timer(asyncio.TimerHandle):
    """The same with a time; `waits` while it is among the loop's timers."""

    __slots__ = ("waits",)

    def __init__(
        self,
        when: float,
        callback: Callable[..., object],
        args: Sequence[Any],
        loop: VirtualLoop,
        context: Context | None,
    ) -> None:
        self._context = copy_context() if context is None else context
        self._loop, self._callback, self._args = loop, callback, args
        self._cancelled, self._repr, self._source_traceback = False, None, None
        self._when, self.waits = when, True

    def cancel(self) -> None:
        """Never call it."""
        if not self._cancelled:
            self._loop._timer_handle_cancelled(self)
            self._cancelled, self._callback, self._args = True, _nothing, ()


def _nothing() -> None:
    """In place of what a cancelled timer would have called, which nobody need keep."""


class _Server:
    """A listening address, until it is closed."""

    def __init__(self, listeners: dict[tuple[str, int], Factory], address: tuple[str, int]) -> None:
        self._listeners, self._address = listeners, address

    def close(self) -> None:
        self._listeners.pop(self._address, None)

    async def wait_closed(self) -> None:
        """Closed at once."""


class MemoryTransport(asyncio.Transport):
    """One end of a connection. What is written lies at the other end until that end's protocol takes it."""

    def __init__(self, loop: VirtualLoop, protocol: asyncio.BaseProtocol, serves: bool = False) -> None:
        super().__init__({"peername": ("memory", 0), "sockname": ("memory", 0)})
        self._loop, self._protocol, self._serves = loop, protocol, serves
        self._peer: MemoryTransport | None = None
        self._inbox: deque[bytes] = deque()
        self._inbox_bytes = 0
        self._ended = False
        self._reading = True
        self._delivering = False
        self._closing = False
        self._told_to_pause = False

    def connect(self, peer: MemoryTransport) -> None:
        """Tie two ends together and tell both protocols."""
        self._peer, peer._peer = peer, self
        for end in (peer, self):
            end._protocol.connection_made(end)

    # --- writing -----------------------------------------------------------------------------------------

    def write(self, data: Any) -> None:
        """Lay `data` at the other end; nothing happens on a connection that is closing."""
        if self._closing or self._peer is None or not data:
            return
        self._peer._receive(bytes(data))
        if self._peer._inbox_bytes > HIGH_WATER_BYTES and not self._told_to_pause:
            self._told_to_pause = True
            self._protocol.pause_writing()

    def get_write_buffer_size(self) -> int:
        """Bytes that the other end has not taken."""
        return 0 if self._peer is None else self._peer._inbox_bytes

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """The limits are fixed."""

    def can_write_eof(self) -> bool:
        """No half-closed connections."""
        return False

    # --- reading -----------------------------------------------------------------------------------------

    def pause_reading(self) -> None:
        """Leave what comes in the inbox."""
        self._reading = False

    def resume_reading(self) -> None:
        """Take it again."""
        self._reading = True
        self._deliver_soon()

    def is_reading(self) -> bool:
        """Whether what comes is taken."""
        return self._reading and not self._closing

    def _receive(self, data: bytes) -> None:
        self._inbox.append(data)
        self._inbox_bytes += len(data)
        self._deliver_soon()

    def _deliver_soon(self) -> None:
        if not self._delivering and not self._closing:
            self._delivering = True
            self._loop.call_soon(self._deliver)

    def _deliver(self) -> None:
        """Hand the inbox to the protocol and, the next time round, the end of the connection.

        Not at once: whoever waits for what came last gets it before it learns that nothing comes any more.
        """
        self._delivering = False
        if not self._inbox and self._ended and self._reading and not self._closing:
            self._end()
            return
        while self._inbox and self._reading and not self._closing:
            data = self._inbox.popleft()
            self._inbox_bytes -= len(data)
            if self._loop.on_message is not None:
                self._loop.on_message(self._serves, len(data))
            if isinstance(self._protocol, asyncio.Protocol):
                self._protocol.data_received(data)
        if self._peer is not None and self._inbox_bytes <= LOW_WATER_BYTES:
            self._peer._go_on_writing()
        if self._ended and self._reading and not self._inbox:
            self._deliver_soon()

    def _end(self) -> None:
        """The other end has closed."""
        keep_open = isinstance(self._protocol, asyncio.Protocol) and self._protocol.eof_received()
        if not keep_open:
            self.close()

    def _go_on_writing(self) -> None:
        if self._told_to_pause and not self._closing:
            self._told_to_pause = False
            self._protocol.resume_writing()

    # --- closing -----------------------------------------------------------------------------------------

    def close(self) -> None:
        """End the connection behind what has been written."""
        if self._closing:
            return
        self._lose(None)
        if self._peer is not None and not self._peer._closing:
            self._peer._ended = True
            self._peer._deliver_soon()

    def abort(self) -> None:
        """Cut the connection: the other end loses what it has not taken yet."""
        if self._closing:
            return
        self._lose(None)
        if self._peer is not None and not self._peer._closing:
            self._peer._inbox.clear()
            self._peer._inbox_bytes = 0
            self._peer._lose(ConnectionResetError("the connection was cut"))

    def _lose(self, error: Exception | None) -> None:
        self._closing = True
        self._loop.call_soon(self._protocol.connection_lost, error)

    def is_closing(self) -> bool:
        """Whether the connection is closed or about to be."""
        return self._closing

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Who is told what comes."""
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Tell another one from now on (HTTP hands over to WebSocket so)."""
        self._protocol = protocol
