"""When a connection that was lost is tried again, and whether at all. Pure.

A server that comes back is found by all its clients, but not by all of them at once: pauses double, and part of each is
chance. While a server is away for t seconds, each pause is at most 2 t + 0.25 s: so long after its return, and never
later than 8 s, the next try is made.
"""

from __future__ import annotations

import random

FIRST_S, LONGEST_S = 0.25, 8.0
"""The first pause and the longest, each the upper end of a range that begins at half of it."""
STEADY_S = 5.0
"""A stream that was open for so long was a good one: what ended it is no fault of how it began."""
HOPELESS_CODES = frozenset(
    {"bad_message", "unknown_version", "unexpected", "text", "message_too_large", "terms", "unknown_model", "forbidden"}
)
"""Errors that the next try would only bring again. Others pass: `draining`, `full`, `silent`, and unknown ones."""
PASSING_STATUS = frozenset({408, 425, 429})
"""Of the HTTP statuses 4xx, those that ask for another try later."""


class RetryPace:
    """How long a client waits before each try. The same seed gives the same pauses."""

    def __init__(self, seed: str) -> None:
        self._chance = random.Random(seed)
        self._longest_s = FIRST_S

    def pause_s(self, open_s: float) -> float:
        """Pause after a connection that failed or was lost. `open_s`: how long its stream had been open."""
        if open_s >= STEADY_S:
            self._longest_s = FIRST_S
        pause_s = self._chance.uniform(0.5, 1.0) * self._longest_s
        self._longest_s = min(LONGEST_S, 2 * self._longest_s)
        return pause_s


def is_hopeless(code: str, open_s: float) -> bool:
    """Whether a stream that ended with this error, whoever said it, need not be tried again.

    One that had been open for long was understood by both sides: a message may have been damaged on its way.
    """
    return code in HOPELESS_CODES and open_s < STEADY_S


def is_hopeless_status(status: int) -> bool:
    """Whether a server that answered the request for a stream with this HTTP status would do so again."""
    return 400 <= status < 500 and status not in PASSING_STATUS
