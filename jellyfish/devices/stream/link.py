"""A front's stream to one worker: opened, watched, and opened anew when it has ended, for ever."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from jellyfish.clock import seconds_now
from jellyfish.devices.stream.connection import StreamEnd
from jellyfish.devices.stream.framing import Message, StreamError, front_framing
from jellyfish.devices.stream.messages import (
    Done,
    Failed,
    FromFront,
    FromWorker,
    OpenWorker,
    ShareGranted,
    WorkerHello,
    WorkerPing,
    WorkerPong,
    WorkerProgress,
    WorkerRefused,
)
from jellyfish.errors import InputError, RunError

_log = logging.getLogger(__name__)
PING_S = 0.25
"""Between two signs of life that are asked for."""
SILENT_S = 1.5
"""A worker that says nothing for so long, and is asked four times a second, is not there."""
LOADING_PING_S, LOADING_SILENT_S, BEGINNING_S = 1.0, 5.0, 30.0
"""The same of one that loads; and of a process that has to begin before it hears anything."""
FIRST_PAUSE_S, LAST_PAUSE_S = 0.05, 2.0
"""Before a stream that has broken is opened anew: twice as long each time it cannot be, to the last."""

Connect = Callable[[Callable[[], asyncio.BaseProtocol]], Awaitable[object]]
"""Opens a stream to the worker with such an end here; starts it, where it is ours. OSError where that cannot be."""


IS_IT_ONE = "is it a worker, and is it asked as it listens: with tls://, or without?"


class WorkerGoneError(RunError):
    """A worker is not there, in words."""


class LinkUser(Protocol):
    """Whose link it is."""

    def take(self, hello: WorkerHello) -> None:
        """The worker is ready. InputError where it cannot be used."""
        ...

    def answered(self, said: Done | Failed) -> None:
        """Something came of a batch."""
        ...

    def granted(self, said: ShareGranted) -> None:
        """This is what the front has of the device from now on."""
        ...

    def exchanged(self, seconds: float) -> None:
        """A message without images came and was answered."""
        ...

    def there(self, is_there: bool, why: str) -> None:
        """The stream has ended, and nothing that was sent will be answered; or it is open again."""
        ...


class WorkerLink:
    """One of them."""

    def __init__(
        self,
        name: str,
        opening: OpenWorker,
        connect: Connect,
        user: LinkUser,
        told: Callable[[WorkerProgress], None],
        silent_s: float = LOADING_SILENT_S,
    ) -> None:
        """`name`: what the worker is called here. `told`: how far it is, until it serves. `silent_s`: for how long it
        may say nothing until then.
        """
        self.opening = opening
        """What is said when the stream is opened, from the next time on."""
        self._name, self._connect, self._user, self._told = name, connect, user, told
        self._silent_s = silent_s
        self._end: StreamEnd[FromWorker] | None = None
        """The stream, once the worker has said hello."""
        self._hello: asyncio.Future[WorkerHello] | None = None
        self._pings: dict[int, float] = {}
        self._asked = 0
        self._keeping: asyncio.Task[None] | None = None

    @property
    def is_there(self) -> bool:
        """Whether something that is sent may arrive."""
        return self._end is not None

    def send(self, said: FromFront, images: Sequence[bytes | memoryview] = ()) -> None:
        """Have it sent; nothing happens while the worker is not there."""
        if self._end is not None:
            self._end.send(said, images)

    async def open(self) -> None:
        """Reach the worker, wait until it is ready, and keep in touch with it from then on.

        WorkerGoneError where it cannot be reached, InputError where it refuses.
        """
        try:
            lost = await self._reach()
        except (OSError, WorkerGoneError) as error:
            raise WorkerGoneError(f"the worker {self._name} cannot be reached: {error}") from error
        self._keeping = asyncio.create_task(self._keep(lost))

    def close(self) -> None:
        """End it."""
        if self._keeping is not None:
            self._keeping.cancel()
        if self._end is not None:
            self._end.close()

    async def _reach(self) -> asyncio.Future[str]:
        """Open a stream and wait for the worker to be ready; a future of why the stream has ended."""
        loop = asyncio.get_running_loop()
        hello: asyncio.Future[WorkerHello] = loop.create_future()
        lost: asyncio.Future[str] = loop.create_future()

        def ended(end: StreamEnd[FromWorker], why: str) -> None:
            self._lost(end, why)
            if not hello.done():
                hello.set_exception(WorkerGoneError(f"{why} before it said what it is ({IS_IT_ONE})"))
                hello.exception()  # nobody need wait for it
            if not lost.done():
                lost.set_result(why)

        self._hello = hello
        end = StreamEnd(front_framing(), self._heard, ended)
        try:
            await self._connect(lambda: end)
            end.send(self.opening)
            await self._heard_hello(end, hello)
            self._user.take(hello.result())
        except BaseException:
            end.end("it is of no use")
            raise
        self._end = end
        return lost

    async def _heard_hello(self, end: StreamEnd[FromWorker], hello: asyncio.Future[WorkerHello]) -> None:
        """Wait until the worker is ready, which takes as long as it takes, as long as it gives signs of life."""
        while not hello.done():
            await asyncio.wait([hello], timeout=LOADING_PING_S)
            end.send(WorkerPing(0))
            if seconds_now() - end.heard_s > self._silent_s:
                raise WorkerGoneError(f"it has said nothing for {self._silent_s:g} s ({IS_IT_ONE})")

    async def _keep(self, lost: asyncio.Future[str]) -> None:
        """Look whether the worker is there, and open the stream anew when it has ended."""
        while True:
            await self._watch(lost)
            _log.warning("the worker %s is not there: %s; it is tried again", self._name, lost.result())
            lost = await self._reach_again()
            _log.warning("the worker %s is there again", self._name)
            self._user.there(True, "")

    async def _reach_again(self) -> asyncio.Future[str]:
        pause_s, told = FIRST_PAUSE_S, ""
        while True:
            await asyncio.sleep(pause_s)
            try:
                return await self._reach()
            except InputError as error:
                if str(error) != told:  # somebody has to do something about it
                    _log.warning("%s", error)
                    told = str(error)
            except (OSError, WorkerGoneError):
                pass
            pause_s = min(2 * pause_s, LAST_PAUSE_S)

    async def _watch(self, lost: asyncio.Future[str]) -> None:
        """Ask for signs of life until the stream ends; end it where there are none."""
        while not lost.done():
            if self._end is not None:
                self._asked += 1
                self._pings = {self._asked: seconds_now()}
                self._end.send(WorkerPing(self._asked))
                if seconds_now() - self._end.heard_s > SILENT_S:
                    self._end.end(f"nothing was heard of it for {SILENT_S:g} s")
            await asyncio.wait([lost], timeout=PING_S)

    def _heard(self, end: StreamEnd[FromWorker], message: Message[FromWorker]) -> None:
        match message.said:
            case Done() | Failed() as said:
                self._user.answered(said)
            case WorkerPing(number):
                end.send(WorkerPong(number))
            case WorkerPong(number):
                asked_s = self._pings.pop(number, None)
                if asked_s is not None:
                    self._user.exchanged(seconds_now() - asked_s)
            case ShareGranted() as said:
                self._user.granted(said)
            case WorkerProgress() as said:
                self._told(said)
            case WorkerHello() as said if self._hello is not None and not self._hello.done():
                self._hello.set_result(said)
            case WorkerRefused(words) if self._hello is not None and not self._hello.done():
                self._hello.set_exception(InputError(f"the worker {self._name} refuses: {words}"))
            case said:
                raise StreamError(f"it says {type(said).__name__} where that has no place")

    def _lost(self, end: StreamEnd[FromWorker], why: str) -> None:
        if self._end is end:
            self._end = None
            self._pings.clear()
            self._user.there(False, why)
