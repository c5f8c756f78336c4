"""How commands run their mode: where it prints, on which event loop, and what its errors become."""

from __future__ import annotations

import asyncio
import errno
import importlib
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape

from jellyfish.devices.process import SWITCH_INTERVAL_S
from jellyfish.errors import InputError, JellyfishError, each_error
from jellyfish.installed import is_installed
from jellyfish.program.ending import Ending
from jellyfish.program.stopping import Stop, stoppable

PLAIN_WIDTH = 110
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
"""Full, or not to be written to at all."""
NO_NAME = (errno.ENAMETOOLONG, errno.ELOOP, errno.EACCES)
"""Of names that no file can have, or that may not even be looked for."""


def console() -> Console:
    """Where people read: the terminal as wide as it is, files and pipes wide enough for the tables."""
    console = Console()
    return console if console.is_terminal else Console(width=PLAIN_WIDTH)


def run_on_uvloop(mode: Callable[[Stop], Coroutine[Any, Any, None]], ending: Ending | None = None) -> None:
    """Run a mode on uvloop, guarded; its `Stop` hears of Ctrl-C and SIGTERM. `ending`: of the process, in a hurry.

    On a machine without uvloop, which may be one for cameras alone, asyncio's own loop does the same with more work.
    """
    sys.setswitchinterval(SWITCH_INTERVAL_S)

    new_loop = importlib.import_module("uvloop").new_event_loop if is_installed("uvloop") else None

    def run() -> None:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(stoppable(mode, ending))

    guard(run)


def _told(error: BaseException) -> str | None:
    """An error in words; None for what nobody has foreseen. That a disk is full can show wherever files are written."""
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        return f"{error.filename or 'a file'} cannot be written: {error.strerror}"
    if isinstance(error, OSError) and error.errno in NO_NAME and error.filename is not None:
        return f"{error.filename} cannot be used: {error.strerror}"
    return str(error) if isinstance(error, JellyfishError) else None


def _is_input(error: BaseException) -> bool:
    """Whether it is what was asked for that cannot be done."""
    return isinstance(error, InputError) or (isinstance(error, OSError) and error.errno in NO_NAME)


def guard(action: Callable[[], None]) -> None:
    """Errors meant for a person become one line each and an exit code, never a traceback.

    One in a group is enough for that (a camera's failure ends its fleet); what else is in it gets a line, too.
    """
    try:
        action()
    except (JellyfishError, OSError, BaseExceptionGroup) as raised:
        errors = each_error(raised) if isinstance(raised, BaseExceptionGroup) else [raised]
        messages = [_told(error) for error in errors]
        if None in messages:
            raise
        for message in filter(None, dict.fromkeys(messages)):
            Console(stderr=True).print(f"[bold red]error:[/] {escape(message)}", highlight=False, soft_wrap=True)
        raise typer.Exit(2 if _is_input(errors[0]) else 1) from None
