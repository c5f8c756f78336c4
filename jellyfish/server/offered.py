"""What a client measurably sends, which is what plans count with. Pure: `now` is an argument.

A hello says how many frames there will be at most; somebody who says so and sends nothing takes nothing from others.
"""

from __future__ import annotations

import math

RATE_TOLERANCE = 1.25
"""Clocks differ, and frames that were held up on the network arrive together."""
MEMORY_S, MEMORY_FRAMES = 1.0, 3.0
"""How far back is looked: so long, or so many frames at the agreed rate if that is longer."""
GRACE_S, GRACE_FRAMES = 2.0, 3.0
"""Who has just been welcomed may be counted in full for so long, or so many frames, before its first one."""
ENOUGH = 0.5
"""Who sends so much of what it was asked for counts in full: where a link is slow for a moment frames are skipped."""
SILENT = 0.1
"""Who sends less of it is not planned for, until its next frame."""


class OfferedRate:
    """One client's frames against those that it was to send."""

    def __init__(self, agreed_fps: float) -> None:
        self._agreed_fps = agreed_fps
        self._memory_s = max(MEMORY_S, MEMORY_FRAMES / agreed_fps)
        self._sent = self._asked = 0.0
        """Frames that came, and that were asked for, each counting less the longer ago."""
        self._known_s = -math.inf
        self._grace_s = max(GRACE_S, GRACE_FRAMES / agreed_fps)
        self._expected_until_s = -math.inf
        self.last_s = -math.inf
        """When the newest frame came."""

    def expect(self, now: float) -> None:
        """Take the client's word for what it will send, for a moment."""
        self._expected_until_s = now + self._grace_s

    def came(self, now: float, asked_fps: float) -> bool:
        """A frame is here, where so many a second were asked for; True if the client was not counted before it."""
        begins = self.share(now, asked_fps) == 0.0
        if begins or self.last_s == -math.inf:
            self._sent = self._asked = 0.0
            self._known_s = now
        self._sent += 1.0
        self.last_s = now
        return begins

    def fps(self, now: float, asked_fps: float) -> float:
        """Frames a second to plan for: up to the agreed rate; 0 for a client that is silent."""
        return self._agreed_fps * self.share(now, asked_fps)

    def share(self, now: float, asked_fps: float) -> float:
        """That as a share (0..1) of the agreed rate; so many a second were asked for since the last call."""
        if self.last_s == -math.inf:
            return 1.0 if now < self._expected_until_s else 0.0
        if now != self._known_s:
            kept = math.exp((self._known_s - now) / self._memory_s)
            self._sent *= kept
            self._asked = self._asked * kept + asked_fps * self._memory_s * (1 - kept)
            self._known_s = now
        share = min(1.0, self._sent / (ENOUGH * self._asked)) if self._asked > 0 else 1.0
        return share if share >= SILENT else 0.0
