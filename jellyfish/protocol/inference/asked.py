"""A request for inference as a value, whichever way it came, and what it asks for beside the images."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sized
from dataclasses import dataclass, field
from typing import NamedTuple

from jellyfish.protocol.inference.codes import bad
from jellyfish.protocol.inference.tensors import Parameter, Tensor

IMAGE, PIXELS = "image", "pixels"
"""The two inputs: files, and pixels. A request has one of them."""
MOST_TIMEOUT_S = 60.0
MOST_OF_A_KIND = 64
"""Inputs, outputs or parameters that are looked at: each is an object of its own, and there is use for a few."""
Parameters = Mapping[str, Parameter]


class WantedOutput(NamedTuple):
    """An output that was asked for by name."""

    name: str
    binary: bool
    """Whether its elements are to come as bytes behind the JSON part; over gRPC they always do."""


@dataclass(frozen=True, slots=True)
class InferenceRequest:
    """What came."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[WantedOutput, ...] = ()
    """Empty: all of them."""
    id: str = ""
    parameters: Parameters = field(default_factory=dict)
    binary: bool = False
    """Of all outputs, where none was named."""

    @property
    def timeout_s(self) -> float | None:
        """How soon it is to be answered; None where it does not say. RequestError for what is no time."""
        microseconds = self.parameters.get("timeout")
        if microseconds is None:
            return None
        if isinstance(microseconds, str) and microseconds.isascii() and microseconds.isdigit():
            microseconds = int(microseconds[:20])  # some clients hand on all parameters as text
        if isinstance(microseconds, bool | str) or not 0 <= microseconds < math.inf:
            raise bad(f"the parameter timeout is a number of microseconds, not {microseconds!r:.40}")
        return None if microseconds == 0 else min(microseconds, 1e6 * MOST_TIMEOUT_S) / 1e6

    @property
    def variant(self) -> str | None:
        """What it is to be run with, by name; None where that is the server's to choose."""
        name = self.parameters.get("variant")
        if name is not None and not isinstance(name, str):
            raise bad("the parameter variant is a name, such as `jellyfish variants` lists")
        return name or None


def require_few(**of_kinds: Sized) -> None:
    """RequestError where there are more of a kind than any request has use for, before they are looked at."""
    for kind, those in of_kinds.items():
        if len(those) > MOST_OF_A_KIND:
            raise bad(f"{len(those)} {kind.replace('_', ' ')}; at most {MOST_OF_A_KIND} are looked at")
