"""What a frame costs a machine beside the device: measured by `jellyfish profile`, charged by simulations. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import msgspec

from jellyfish.errors import InputError


class HostCosts(msgspec.Struct, frozen=True):
    """Seconds of one core."""

    resolutions: tuple[int, ...]
    """Ascending; for which the next two are."""
    decode_s: tuple[float, ...]
    """The server decodes a frame."""
    encode_s: tuple[float, ...]
    """A camera scales and encodes a frame."""
    capture_s: float
    """A camera decodes the next frame of its video."""
    server_s: float
    """The event loop's work for a frame, the server's part."""
    camera_s: float
    """The same, an emulated camera's part."""
    standing: float = 0.0
    """Share of the event loop's working time in which a batch on the CPU stands still."""

    def __post_init__(self) -> None:
        if not len(self.resolutions) == len(self.decode_s) == len(self.encode_s) > 0:
            raise InputError("profile: the host's costs need one number for each resolution")

    def decoding_s(self, resolution: int) -> float:
        """Of a frame of `resolution`."""
        return between(self.resolutions, self.decode_s, resolution)

    def encoding_s(self, resolution: int) -> float:
        """Of a frame of `resolution`."""
        return between(self.resolutions, self.encode_s, resolution)


def between(places: Sequence[float], values: Sequence[float], place: float) -> float:
    """`values` at `places`, ascending, joined by straight lines and level beyond the ends: its height at `place`."""
    right = bisect_right(places, place)
    if right == 0 or right == len(places):
        return values[max(0, right - 1)]
    share = (place - places[right - 1]) / (places[right] - places[right - 1])
    return values[right - 1] + share * (values[right] - values[right - 1])
