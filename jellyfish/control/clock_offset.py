"""How far a client's clock is from ours. Pure: works on the four times of an exchange and reads no clock.

The exchange is that of NTP (RFC 5905, section 8). A reading's offset is wrong by at most half its round trip, and the
queueing that makes it wrong also makes the round trip long, so the reading with the least round trip is believed.
"""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

READINGS_REMEMBERED = 64
CONTRADICTIONS_TO_RESET = 3
HELD_PART = 4
"""One exchange in so many takes less than is taken to be usual: others may have waited behind frames."""


class Reading(NamedTuple):
    """What one exchange says."""

    taken_s: float
    """Server clock at its end."""
    offset_s: float
    """Client clock minus server clock."""
    round_trip_s: float
    """Time on the network, both ways, without the client's own."""


class ClockOffset:
    """Estimate of `client clock - server clock`, from repeated exchanges.

    Readings older than `window_s` are forgotten, so slow drift is followed. Two readings of steady clocks differ by at
    most half the sum of their round trips; three in a row that contradict the believed one mean that a clock was set,
    and everything older is forgotten at once.
    """

    def __init__(self, window_s: float = 30.0) -> None:
        self._window_s = window_s
        self._readings: deque[Reading] = deque(maxlen=READINGS_REMEMBERED)
        self._contradicting: list[Reading] = []
        self._best: Reading | None = None
        self._held_s = 0.0

    def exchange(self, t0: float, t1: float, t2: float, t3: float) -> bool:
        """Take in one exchange; False when its times cannot be true and it was ignored.

        On the server's clock: `t0` sent, `t3` received. On the client's: `t1` received, `t2` sent.
        """
        round_trip_s = (t3 - t0) - (t2 - t1)
        if not math.isfinite(round_trip_s) or round_trip_s < 0.0 or t2 < t1:
            return False
        self._take(Reading(t3, ((t1 - t0) + (t2 - t3)) / 2.0, round_trip_s))
        return True

    def _take(self, reading: Reading) -> None:
        while self._readings and self._readings[0].taken_s < reading.taken_s - self._window_s:
            self._readings.popleft()
        believed = min(self._readings, key=_round_trip, default=None)
        if believed is None or _agree(believed, reading):
            self._contradicting.clear()
            self._readings.append(reading)
        else:
            self._contradicting.append(reading)
            if len(self._contradicting) >= CONTRADICTIONS_TO_RESET:
                self._readings = deque(self._contradicting, maxlen=READINGS_REMEMBERED)
                self._contradicting = []
        trips_s = sorted(map(_round_trip, self._readings))
        self._best = min(self._readings, key=_round_trip, default=None)
        self._held_s = (trips_s[len(trips_s) // HELD_PART] - trips_s[0]) / 2.0 if trips_s else 0.0

    @property
    def held_s(self) -> float:
        """What an exchange of next to no bytes usually takes beyond the least round trip, one way: an event loop that
        has other things to do, a radio's slots. In three of four it takes as long or longer."""
        return self._held_s

    @property
    def doubtful(self) -> bool:
        """The newest reading contradicts the believed one: another exchange soon would tell whether a clock was set."""
        return bool(self._contradicting)

    @property
    def known(self) -> bool:
        """Whether there has been an exchange at all; until then the offset and the round trip are taken as 0."""
        return bool(self._readings)

    @property
    def offset_s(self) -> float:
        """Client clock minus server clock, in seconds."""
        return 0.0 if self._best is None else self._best.offset_s

    @property
    def round_trip_s(self) -> float:
        """The least round trip of the recent exchanges: propagation without queueing, both ways."""
        return 0.0 if self._best is None else self._best.round_trip_s

    def to_server(self, client_s: float) -> float:
        """A time on the client's clock as a time on the server's."""
        return client_s - self.offset_s


def _round_trip(reading: Reading) -> float:
    return reading.round_trip_s


def _agree(one: Reading, other: Reading) -> bool:
    return abs(one.offset_s - other.offset_s) <= (one.round_trip_s + other.round_trip_s) / 2.0
