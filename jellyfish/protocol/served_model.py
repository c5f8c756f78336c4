"""The model that answers, as a client learns of it from the welcome; what older servers do not say is added here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from jellyfish.core import InputSize, Task
from jellyfish.errors import ProtocolError
from jellyfish.protocol import wire

MOST_SIDE_PX = 2**16 - 1
"""A frame's header has no room for more."""
_STRIDE = 32


@dataclass(frozen=True, slots=True)
class ServedModel:
    """What answers, and what it takes."""

    name: str
    """Empty where the server does not tell it; so is the version."""
    version: str
    task: Task
    classes: tuple[str, ...]
    """Names by label."""
    inputs: Mapping[int, InputSize]
    """Resolution -> what the network takes there, ascending. Frames are scaled to fit in."""


def served_model(welcome: wire.Welcome) -> ServedModel:
    """What a welcome tells of the model. ProtocolError for sizes that no client can send."""
    return ServedModel(welcome.model, welcome.version, welcome.task, welcome.classes, _inputs(welcome))


def _inputs(welcome: wire.Welcome) -> dict[int, InputSize]:
    ladder = welcome.resolutions
    if not ladder or ladder[0] < 1 or ladder[-1] > MOST_SIDE_PX or list(ladder) != sorted(set(ladder)):
        raise ProtocolError(
            "bad_message", f"the welcome's resolutions must be ascending sizes up to {MOST_SIDE_PX}, not {list(ladder)}"
        )
    inputs = welcome.inputs or tuple(_wide(resolution) for resolution in ladder)
    if [size.resolution for size in inputs] != list(ladder) or min(min(size.width, size.height) for size in inputs) < 1:
        raise ProtocolError(
            "bad_message", "the welcome's inputs must be one for each resolution, which is its longest side"
        )
    return dict(zip(ladder, inputs, strict=True))


def _wide(resolution: int) -> InputSize:
    """What servers take that do not say: they had one detector only, for frames of 16:9, in multiples of its stride."""
    return InputSize(resolution, min(resolution, _STRIDE * math.ceil(resolution * 9 / 16 / _STRIDE)))
