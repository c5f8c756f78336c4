"""What is told to a supervisor that has started this program: systemd, or another that speaks `sd_notify`.

A datagram to a socket whose name is in the environment; without one there is nobody to tell.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Mapping

SOCKET, WATCHDOG = "NOTIFY_SOCKET", "WATCHDOG_USEC"
BEATS = 3
"""So many signs of life come within the time in which one must."""


class Supervisor:
    """Whoever has started this program, if anybody listens."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get(SOCKET, "")
        # A name that begins with @ is of Linux' abstract kind, which begins with a zero.
        self._address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        due = environment.get(WATCHDOG, "")
        self._period_s = int(due) / 1e6 / BEATS if due.isdigit() else 0.0

    def tell(self, *states: str) -> None:
        """Tell it `states`, such as `READY=1`. One that does not listen, or not now, is not waited for."""
        if not self._address:
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.setblocking(False)
            channel.sendto("\n".join(states).encode(), self._address)

    async def beat(self) -> None:
        """Give signs of life until cancelled, if they are waited for: as long as the event loop turns."""
        while self._address and self._period_s:
            self.tell("WATCHDOG=1")
            await asyncio.sleep(self._period_s)
