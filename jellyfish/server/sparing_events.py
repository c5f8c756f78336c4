"""Which events are told, so that strangers cannot fill a log with them. Pure: `now` is an argument."""

from __future__ import annotations

from jellyfish.protocol.bucket import Bucket
from jellyfish.server.events import ClientRefused, EventsLeftOut, MinutePassed, ServerEvent

LINES_PER_S = 1.0
REFUSED_AT_ONCE = 20.0


class SparingEvents:
    """So many a second; of what is left out the number is told. Who is refused takes nobody else's lines."""

    def __init__(self, clients: int) -> None:
        """`clients`: as many may join and leave again at once."""
        self._refused = Bucket(LINES_PER_S, REFUSED_AT_ONCE)
        self._others = Bucket(LINES_PER_S, 2.0 * clients)
        self._left_out = 0

    def told(self, event: ServerEvent, now: float) -> list[ServerEvent]:
        """What is to be told now that `event` has happened."""
        bucket = self._refused if isinstance(event, ClientRefused) else self._others
        if not isinstance(event, MinutePassed) and not bucket.allows(1.0, now):
            self._left_out += 1
            return []
        before: list[ServerEvent] = [EventsLeftOut(self._left_out)] if self._left_out else []
        self._left_out = 0
        return [*before, event]
