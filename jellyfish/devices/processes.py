"""New processes that find torch loaded: a first one loads it, and all others are copies of that one."""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Callable
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from typing import TypeVar

from jellyfish.devices.process import deaf_children
from jellyfish.errors import RunError

PRELOADED = ["jellyfish.devices.workers", "jellyfish.models.engines"]
"""What new processes find loaded already: with torch among it a start takes a moment, not seconds."""
END_S = 0.5
"""How long a process that has been killed is waited for: where the kernel holds it, it is left behind."""
Answer = TypeVar("Answer")


def begin_loading() -> None:
    """Have what new processes need loaded, which takes seconds, while the caller does something else."""
    processes()
    with deaf_children():
        forkserver.ensure_running()


def asked(question: Callable[[], Answer]) -> Answer:
    """What `question`, a function of a module or a `partial` of one, answers in a process where torch is loaded."""
    context = processes()
    pipe, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_reply, args=(theirs, question), daemon=True)
    with deaf_children():
        process.start()
    theirs.close()
    try:
        answer: Answer = pipe.recv()
    except EOFError:
        raise RunError("a process that was to run networks has ended; is torch installed?") from None
    finally:
        pipe.close()
        process.join(END_S)
    return answer


def _reply(pipe: Connection, question: Callable[[], object]) -> None:
    """Send the answer, unless who asked has ended meanwhile: they were stopped, and nobody is to hear of it."""
    answer = question()
    with contextlib.suppress(BrokenPipeError):
        pipe.send(answer)


def processes() -> ForkServerContext:
    """What starts them."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context
