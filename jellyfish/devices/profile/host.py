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
    plan_clients: tuple[int, ...] = ()
    """Ascending; numbers of clients for which the next one is."""
    plan_step_s: tuple[float, ...] = ()
    """One step of the default planner's search: from one look at its clock to the next."""

    def __post_init__(self) -> None:
        tables = ((self.resolutions, self.decode_s, self.encode_s), (self.plan_clients, self.plan_step_s))
        if not self.resolutions or any(len(column) != len(table[0]) for table in tables for column in table):
            raise InputError("profile: the host's costs need one number for each resolution and number of clients")

    def decoding_s(self, resolution: int) -> float:
        """Of a frame of `resolution`."""
        return between(self.resolutions, self.decode_s, resolution)

    def encoding_s(self, resolution: int) -> float:
        """Of a frame of `resolution`."""
        return between(self.resolutions, self.encode_s, resolution)

    def planning_step_s(self, clients: int) -> float:
        """With so many clients; 0 where it was not measured."""
        return between(self.plan_clients, self.plan_step_s, clients) if self.plan_clients else 0.0


def between(places: Sequence[float], values: Sequence[float], place: float) -> float:
    """`values` at `places`, ascending, joined by straight lines and level beyond the ends: its height at `place`."""
    right = bisect_right(places, place)
    if right == 0 or right == len(places):
        return values[max(0, right - 1)]
    share = (place - places[right - 1]) / (places[right] - places[right - 1])
    return values[right - 1] + share * (values[right] - values[right - 1])
