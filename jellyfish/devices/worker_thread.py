"""A thread for calls that may never return.

A pool's threads are waited for when the interpreter ends; these are not, so that a device that hangs holds nothing up.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

Result = TypeVar("Result")


class WorkerThread:
    """Runs calls one after the other."""

    def __init__(self, name: str, begin: Callable[[], None]) -> None:
        """`begin`: called on the thread first; if it fails so does every call."""
        self._calls: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        threading.Thread(target=_work, args=(self._calls, begin), name=name, daemon=True).start()

    def submit(self, function: Callable[..., Result], *arguments: Any) -> Future[Result]:
        """Have `function` called behind those that were submitted before."""
        done: Future[Result] = Future()
        self._calls.put((done, partial(function, *arguments)))
        return done

    def close(self) -> None:
        """Let the thread end after what was submitted. Returns at once."""
        self._calls.put(None)


def _work(calls: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None], begin: Callable[[], None]) -> None:
    begun: Future[None] = Future()
    _settle(begun, begin)
    while (call := calls.get()) is not None:
        done, function = call
        if done.set_running_or_notify_cancel():
            _settle(done, begun.result if begun.exception() else function)
        del call, done, function  # what the newest call was about is not kept until the next one comes


def _settle(done: Future[Any], function: Callable[[], Any]) -> None:
    try:
        result = function()
    except BaseException as error:
        done.set_exception(error)
    else:
        done.set_result(result)
