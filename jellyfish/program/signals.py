"""Ctrl-C and SIGTERM where no event loop hears of them: the program is unwound from wherever it is."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from jellyfish.program.ending import SIGNALS, Ending, Stopped, exit_code


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """For the time of the context, which is the program's, a signal ends it with a line and an exit code.

    A second thread hears of signals, too, and ends the process should the first one take no notice. Not so on Windows,
    where the event loop has that place.
    """
    ending = Ending()
    with _watched(ending) if hasattr(os, "register_at_fork") else contextlib.nullcontext():
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, _stop)
        try:
            yield
        except Stopped as stopped:
            ending.after(stopped)


@contextlib.contextmanager
def _watched(ending: Ending) -> Iterator[None]:
    ours, systems = os.pipe()
    os.set_blocking(systems, False)
    signal.set_wakeup_fd(systems, warn_on_full_buffer=False)
    os.register_at_fork(after_in_child=_as_it_was)
    threading.Thread(target=_watch, args=(ours, ending), name="signals", daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(-1)
        os.close(systems)


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped(exit_code(number))


def _watch(ours: int, ending: Ending) -> None:
    while told := os.read(ours, 1):
        if told[0] in SIGNALS:
            ending.late(told[0])


def _as_it_was() -> None:
    """A copy of this process has signals of its own: they are not for the first one's watch."""
    signal.set_wakeup_fd(-1)
    for number in SIGNALS:
        if signal.getsignal(number) is _stop:
            signal.signal(number, signal.SIG_DFL)
