"""What a server says of its own start and end: in words with a bar where a person looks on, or as JSON, a line each."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager

from rich.console import Console
from rich.markup import escape

from jellyfish.config import LogFormat
from jellyfish.modes.progress import ProgressReport
from jellyfish.modes.telling import JsonRecords, line_of
from jellyfish.server.events import ServerEvent, ServerReady, ServerSaid

Report = Callable[[str, int, int], None]
"""Told how far something is: (words, steps done, steps in all)."""


class Saying:
    """Where a server speaks, and how."""

    def __init__(self, console: Console, log_format: LogFormat = LogFormat.LINES) -> None:
        self.console, self.log_format = console, log_format
        self._last = ""

    def take_warnings(self) -> None:
        """The program's warnings, which go to standard error, are lines of the same kind from now on."""
        if self.log_format is LogFormat.JSON:
            for handler in logging.getLogger().handlers:
                handler.setFormatter(JsonRecords())

    def progress(self) -> AbstractContextManager[Report]:
        """What is told how far the start is."""
        if self.log_format is LogFormat.LINES:
            return ProgressReport(self.console)
        return contextlib.nullcontext(self._step)

    def _step(self, words: str, done: int, total: int) -> None:
        if words != self._last:
            self._last = words
            self.words(f"{words} ...")

    def ready(self, url: str, model: str, devices: str, grpc: str | None = None) -> None:
        """Frames are taken from now on; `grpc`: where requests for inference are, too."""
        if self.log_format is LogFormat.JSON:
            self._event(ServerReady(url, model, devices, grpc))
        else:
            also = "" if grpc is None else f" (gRPC: {escape(grpc)})"
            where = f"{escape(url)}{also} with {escape(model)} on {escape(devices)}"
            self.console.print(f"[bold]ready[/]: {where} (Ctrl-C stops)")
            page = url.replace("ws", "http", 1).removesuffix("v1/stream")
            page = page.replace("//0.0.0.0:", "//localhost:").replace("//[::]:", "//localhost:")
            self.console.print(f"[bold]to watch[/]: open {escape(page)} in a browser", soft_wrap=True)

    def note(self, note: str) -> None:
        """Something that whoever started the server should know."""
        if self.log_format is LogFormat.JSON:
            self.words(f"note: {note}")
        else:
            self.console.print(f"[bold yellow]note:[/] {escape(note)}", highlight=False, soft_wrap=True)

    def warning(self, warning: str) -> None:
        """Something that nobody is to overlook."""
        if self.log_format is LogFormat.JSON:
            self.words(f"WARNING: {warning}")
        else:
            self.console.print(f"[bold red]WARNING:[/] {escape(warning)}", highlight=False, soft_wrap=True)

    def words(self, words: str) -> None:
        """One line."""
        if self.log_format is LogFormat.JSON:
            self._event(ServerSaid(words))
        else:
            self.console.print(words, markup=False, highlight=False, soft_wrap=True)

    def _event(self, event: ServerEvent) -> None:
        self.console.out(line_of(event, self.log_format), highlight=False)
