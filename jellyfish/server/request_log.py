"""What the HTTP server complains of, for a person: a line for a bad request, and not too many of them."""

from __future__ import annotations

import logging
from typing import Any

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_exceptions import HTTPException

from jellyfish.clock import seconds_now
from jellyfish.protocol.bucket import Bucket

LINES_PER_S, LINES_AT_ONCE = 1.0, 20.0
CLIENTS_FAULT = (HttpProcessingError, HTTPException, aiohttp.ClientError, ConnectionError, ValueError, LookupError)
"""What parsers raise for what they are given. A traceback says nothing of that."""


class RequestLog(logging.LoggerAdapter[logging.Logger]):
    """aiohttp's log of exceptions. Our own mistakes keep their tracebacks."""

    def __init__(self, logger: logging.Logger) -> None:
        super().__init__(logger, {})
        self._lines = Bucket(LINES_PER_S, LINES_AT_ONCE)
        self._left_out = 0

    def exception(self, msg: object, *args: object, exc_info: Any = True, **kwargs: Any) -> None:
        """One line for a client's fault, with how many were left out before it."""
        if not self._lines.allows(1.0, seconds_now()):
            self._left_out += 1
            return
        more = f" ({self._left_out} more were not logged)" if self._left_out else ""
        self._left_out = 0
        if isinstance(exc_info, CLIENTS_FAULT):
            reason = " ".join(str(exc_info).split())[:200]
            self.logger.info("bad request%s: %s: %s", more, type(exc_info).__name__, reason)
        else:
            self.logger.error("%s%s", str(msg) % args, more, exc_info=exc_info)
