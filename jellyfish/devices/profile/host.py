"""What a frame costs a machine beside the device: measured by `jellyfish profile`, charged by simulations. Pure."""

from __future__ import annotations

import msgspec
import numpy as np

from jellyfish.errors import InputError


class HostCosts(msgspec.Struct, frozen=True):
    """Seconds of one core."""

    resolutions: tuple[int, ...]
    """Ascending; for which the next three are."""
    decode_s: tuple[float, ...]
    """The server decodes a frame."""
    encode_s: tuple[float, ...]
    """A camera scales and encodes a frame."""
    hand_s: tuple[float, ...]
    """A worker in a process of its own is handed a frame, and its answer is taken; part of what a batch takes."""
    capture_s: float
    """A camera decodes the next frame of its video."""
    server_s: float
    """The event loop's work for a frame, the server's part."""
    camera_s: float
    """The same, an emulated camera's part."""

    def __post_init__(self) -> None:
        if not len(self.resolutions) == len(self.decode_s) == len(self.encode_s) == len(self.hand_s) > 0:
            raise InputError("profile: the host's costs need one number for each resolution")

    def decoding_s(self, resolution: int) -> float:
        """Of a frame of `resolution`."""
        return float(np.interp(resolution, self.resolutions, self.decode_s))

    def encoding_s(self, resolution: int) -> float:
        """Of a frame of `resolution`."""
        return float(np.interp(resolution, self.resolutions, self.encode_s))

    def handing_s(self, resolution: int) -> float:
        """Of a frame of `resolution`."""
        return float(np.interp(resolution, self.resolutions, self.hand_s))
