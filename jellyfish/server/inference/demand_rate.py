"""How many images a second somebody asks for, as they come. Pure: `now` is an argument."""

from __future__ import annotations

import math

MEMORY_S = 1.5
SILENT_S = 5.0
"""Who has asked for nothing for so long is not planned for."""


class DemandRate:
    """Of one requester. What came counts less the longer ago; the first request counts as one a second and a half."""

    def __init__(self) -> None:
        self._images = 0.0
        self._known_s = -math.inf
        self._began_s = -math.inf
        self.last_s = -math.inf

    def came(self, images: int, now: float) -> bool:
        """So many are asked for; True if nothing was for long before."""
        begins = now - self.last_s > SILENT_S
        if begins:
            self._images, self._known_s, self._began_s = 0.0, now, now
        self._fade(now)
        self._images += images
        self.last_s = now
        return begins

    def fps(self, now: float) -> float:
        """Images a second, of late; 0 for somebody who is silent."""
        if now - self.last_s > SILENT_S:
            return 0.0
        self._fade(now)
        seen = 1.0 - math.exp((self._began_s - now) / MEMORY_S)
        return max(self._images / MEMORY_S / max(seen, 0.5), 1.0 / SILENT_S)

    def _fade(self, now: float) -> None:
        self._images *= math.exp(min(0.0, self._known_s - now) / MEMORY_S)
        self._known_s = max(now, self._known_s)
