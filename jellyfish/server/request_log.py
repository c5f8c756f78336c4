"""What the HTTP server complains of, for a person: a line for a bad request, and not too many of them."""

from __future__ import annotations

import logging
from typing import Any

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_exceptions import HTTPException

from jellyfish.server.gate.sparing_log import SparingLog

CLIENTS_FAULT = (HttpProcessingError, HTTPException, aiohttp.ClientError, ConnectionError, ValueError, LookupError)
"""What parsers raise for what they are given. A traceback says nothing of that."""


class RequestLog(logging.LoggerAdapter[logging.Logger]):
    """aiohttp's log of exceptions. Our own mistakes keep their tracebacks."""

    def __init__(self, logger: logging.Logger) -> None:
        super().__init__(logger, {})
        self._sparing = SparingLog(logger)

    def exception(self, msg: object, *args: object, exc_info: Any = True, **kwargs: Any) -> None:
        """One line for a client's fault."""
        if isinstance(exc_info, CLIENTS_FAULT):
            self._sparing.line(f"bad request: {type(exc_info).__name__}: {exc_info}")
        else:
            self._sparing.line(str(msg) % args, logging.ERROR, exc_info)
