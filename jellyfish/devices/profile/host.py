"""What a frame costs a machine beside the device: measured by `jellyfish profile`, charged by simulations. Pure."""

from __future__ import annotations

from typing import Annotated

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
    codec_rested: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.0
    """By this share of them decoding, encoding and the next frame of a video take longer on a core that had nothing to
    do, which has to be woken and whose caches are cold, and shorter on one that has just worked; 0: not measured."""
    loop_rested: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.0
    """The same of the event loop's work."""

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
