"""How much of the decoders a client may have: megapixels a second, whatever its frames look like. Pure.

What a frame takes is known before it is decoded (`jellyfish.media.decoding_cost`). One that is over the budget is
refused then, with words that say what to send instead.
"""

from __future__ import annotations

import math

from jellyfish.config import Limits
from jellyfish.core import InputSize
from jellyfish.errors import ImageError
from jellyfish.media.decoding_cost import DecodingCost
from jellyfish.protocol.bucket import Bucket

PLANNED = 2.5
"""Megapixels for each of what the largest network takes, were it square: frames that plans ask for take less, the
largest half of it. Each client may have such at its own rate, however little room there is."""
STEP_PX = 16
"""Sizes that are recommended are multiples of it."""


class DecodingBudget:
    """One client's. What it leaves is kept for about a second, and for one frame of the largest size in any case."""

    def __init__(self, limits: Limits, fps: float, largest: InputSize) -> None:
        """`largest`: what frames are fitted into."""
        self._most, self._whole = limits.decoded_megapixels, limits.image_side**2 / 1e6
        self._each = PLANNED * largest.resolution**2 / 1e6
        self._bucket = Bucket(self._most, max(self._most, self._each * fps, self._whole))
        self.agree(fps)

    def agree(self, fps: float) -> None:
        """The client sends so many images a second."""
        self._fps, self._least = fps, self._each * fps
        self._bucket.burst = max(self._most, self._least, self._whole)

    def spend(self, cost: DecodingCost, room: float, now: float) -> None:
        """Take up one frame; ImageError if it is over the budget. `room`: the share of it that the host can give."""
        self._bucket.rate = max(room * self._most, self._least)
        if not self._bucket.allows(cost.megapixels, now):
            raise ImageError("image_too_large", in_words(cost, self._fps, self._bucket.rate / self._fps))


def in_words(cost: DecodingCost, fps: float, each: float) -> str:
    """Why a frame is refused where `each` of `fps` frames a second may take so many megapixels, and what to send."""
    told = f"this frame takes {cost.megapixels:.1f} megapixels to decode; at {fps:g} frames/s at most {each:.1f} each"
    told += " are taken: send "
    scale = math.sqrt(min(1.0, each / cost.whole_megapixels))
    width, height = (max(STEP_PX, int(scale * side) // STEP_PX * STEP_PX) for side in (cost.width, cost.height))
    if cost.megapixels <= each:
        return f"{told}fewer frames, or all of them no larger"
    if cost.scans > 1:
        told += f"a baseline JPEG (this one has {cost.scans} scans) of "
    return f"{told}at most {width} x {height} pixels"
