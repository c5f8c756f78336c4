"""How commands run their mode: where it prints, on which event loop, and what its errors become."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import typer
import uvloop
from rich.console import Console
from rich.markup import escape

from jellyfish.errors import InputError, JellyfishError, each_error

SWITCH_INTERVAL_S = 0.0005
"""The event loop gets the interpreter back from worker threads after at most this; Python's default is 5 ms."""
PLAIN_WIDTH = 110


def console() -> Console:
    """Where people read: the terminal as wide as it is, files and pipes wide enough for the tables."""
    console = Console()
    return console if console.is_terminal else Console(width=PLAIN_WIDTH)


def run_on_uvloop(mode: Coroutine[Any, Any, None]) -> None:
    """Run a mode on uvloop, guarded."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)

    def run() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(mode)

    guard(run)


def guard(action: Callable[[], None]) -> None:
    """Errors meant for a person become one line each and an exit code, never a traceback.

    One in a group is enough for that (a camera's failure ends its fleet); what else is in it gets a line, too.
    """
    try:
        action()
    except (JellyfishError, BaseExceptionGroup) as raised:
        errors = each_error(raised) if isinstance(raised, BaseExceptionGroup) else [raised]
        if not all(isinstance(error, JellyfishError) for error in errors):
            raise
        for message in dict.fromkeys(map(str, errors)):
            Console(stderr=True).print(f"[bold red]error:[/] {escape(message)}", highlight=False, soft_wrap=True)
        raise typer.Exit(2 if isinstance(errors[0], InputError) else 1) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
