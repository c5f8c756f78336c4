"""A log that strangers cannot fill: so many lines a second, and how many were left out."""

from __future__ import annotations

import logging

from jellyfish.clock import seconds_now
from jellyfish.protocol.bucket import Bucket

LINES_PER_S, LINES_AT_ONCE = 1.0, 20.0
LONGEST = 200
"""Characters of a line that come from outside."""


class SparingLog:
    """Lines about what clients do wrong."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._lines = Bucket(LINES_PER_S, LINES_AT_ONCE)
        self._left_out = 0

    def line(self, text: str, level: int = logging.INFO, error: BaseException | None = None) -> None:
        """One line; with the traceback of `error` where that is ours."""
        if not self._logger.isEnabledFor(level):
            return
        if not self._lines.allows(1.0, seconds_now()):
            self._left_out += 1
            return
        more = f" ({self._left_out} more were not logged)" if self._left_out else ""
        self._left_out = 0
        self._logger.log(level, "%s%s", " ".join(text.split())[:LONGEST], more, exc_info=error)
