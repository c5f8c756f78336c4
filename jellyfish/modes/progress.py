"""Progress of anything that takes over two seconds, for people: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


class ProgressReport:
    """Call it with (words, steps done, steps in all); each new text starts a new line."""

    def __init__(self, console: Console) -> None:
        self._console = console
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.percentage:3.0f}%"))
        self._progress = Progress(*columns, TimeRemainingColumn(), console=console)
        self._task: tuple[str, TaskID] | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._progress.stop()

    def say(self, words: str) -> None:
        """A line of its own, where there is no bar with a note that says it already."""
        if not self._console.is_terminal:
            self._console.print(words, markup=False)

    def __call__(self, words: str, done: int, total: int, note: str = "") -> None:
        """Show that `done` of `total` steps of what `words` say are done; `note` may change from step to step."""
        if self._task is None or self._task[0] != words:
            self._task = (words, self._progress.add_task(words, total=total))
            if not self._console.is_terminal:
                self._console.print(f"{words} ...", markup=False)
        self._progress.update(self._task[1], description=f"{words} {note}", completed=done, total=total)
