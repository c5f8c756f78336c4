"""Work that goes on beside a server, and is begun again when it goes wrong."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

AGAIN_S = 1.0

_log = logging.getLogger(__name__)


async def kept_up(work: Callable[[], Awaitable[None]], what: str) -> None:
    """Have `work` done until it ends by itself, or is cancelled."""
    while True:
        try:
            await work()
        except Exception:
            _log.exception("%s went wrong, and is begun again", what)
            await asyncio.sleep(AGAIN_S)
        else:
            return
