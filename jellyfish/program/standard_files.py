"""The three files that a program is started with: they are there, and nothing fails for what can be said no longer."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any, TextIO

NOBODY_READS = (errno.EPIPE, errno.EIO)
"""The reader of a pipe is gone (`| head`), or the terminal is: nobody has to be told."""


class OutputFile(io.FileIO):
    """A file that takes whatever is written. What it cannot keep is lost, and why is kept."""

    lost: OSError | None = None

    def write(self, data: Any) -> int:
        """Never raises OSError."""
        try:
            return super().write(data)
        except OSError as error:
            self.lost = self.lost or error
            return memoryview(data).nbytes


def open_standard_files() -> OutputFile:
    """Have files 0 to 2 open, two of them for text that no reader and no terminal can refuse; the output's end.

    What is closed leads nowhere from now on: else the next socket would be taken for it. Letters that a terminal does
    not have are written as their numbers.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest number that is free
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
    outlet = OutputFile(1, "wb", closefd=False)
    sys.stdout = _text(outlet, sys.stdout)
    sys.stderr = _text(OutputFile(2, "wb", closefd=False), sys.stderr)
    return outlet


def _text(outlet: OutputFile, before: TextIO | None) -> TextIO:
    """`before` is None where the file was closed."""
    return io.TextIOWrapper(
        io.BufferedWriter(outlet),
        encoding="utf-8" if before is None else before.encoding,
        errors="backslashreplace",
        line_buffering=bool(getattr(before, "line_buffering", False)),
        write_through=bool(getattr(before, "write_through", False)),
    )


def what_is_missing(outlet: OutputFile) -> str | None:
    """Why part of the output is missing, in words; None where all is there, or nobody reads it."""
    sys.stdout.flush()
    if outlet.lost is None or outlet.lost.errno in NOBODY_READS:
        return None
    return f"the output could not be written ({outlet.lost.strerror}); part of it is missing"
