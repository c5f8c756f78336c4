"""The end of the process: asked for by a signal, said in a line, and there about a second later whatever it does."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

PATIENCE_S = 0.8
"""How long unwinding may take: a device may hang, and a library may be deep in what it does."""
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def exit_code(number: int) -> int:
    """What shells say of a program that a signal has ended: 130 of Ctrl-C, 143 of SIGTERM."""
    return 128 + number


class Stopped(SystemExit):
    """Somebody wants the program to end. No failure, so that nothing on the way up takes it for one."""

    def __init__(self, code: int, said: bool = False) -> None:
        """`said`: whether a person has been told already."""
        super().__init__(code)
        self.said = said


class Ending:
    """The end of the process, which is said once and waited for no longer than `PATIENCE_S`."""

    def __init__(self, leave: Callable[[int], Any] = os._exit, code: Callable[[int], int] = exit_code) -> None:
        """`code`: of the process, by the signal that has ended it."""
        self._leave, self._code, self._said = leave, code, False

    def say(self, words: str = "stopped") -> None:
        """Tell a person, unless that has been done."""
        if not self._said:
            self._said = True
            print(words, file=sys.stderr, flush=True)

    def soon(self, number: int) -> None:
        """See to it that the process has ended by then."""
        threading.Thread(target=self.late, args=(number,), name="ending", daemon=True).start()

    def late(self, number: int) -> None:
        """Wait, and then end the process if it still runs."""
        time.sleep(PATIENCE_S)
        self.at_once(number)

    def at_once(self, number: int) -> None:
        """Unwind nothing. Processes of workers end, too; the planner's ends with its input."""
        self.say()
        processes = sys.modules.get("multiprocessing")  # whose own import may be what takes so long
        for child in processes.active_children() if processes is not None else ():
            child.kill()
        self._leave(self._code(number))

    def after(self, stopped: Stopped) -> None:
        """All is unwound; do what is done at an interpreter's end, but do not take that to pieces: with torch loaded it
        takes a second of processor time, and many on a busy machine.
        """
        if not stopped.said:
            self.say()
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        self._leave(int(str(stopped.code)))
