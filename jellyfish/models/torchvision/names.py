"""What the static detectors are called: known without loading torchvision, which takes seconds."""

from __future__ import annotations

from jellyfish.errors import InputError

SOURCE = "torchvision"
"""What the catalogue is called; `torchvision:ssdlite,fcos` is a part of it."""
NAMES = ("ssdlite", "fasterrcnn_mobile", "fcos", "retinanet", "retinanet_v2", "fasterrcnn_v2")
"""In order of size, as in `networks.NETWORKS`."""


def names_of(zoo: str) -> list[str]:
    """The networks called `zoo`; InputError, listing the names, for one that is unknown."""
    source, _, part = zoo.partition(":")
    wanted = [each.strip() for each in part.split(",")] if part else list(NAMES)
    unknown = [each for each in wanted if each not in NAMES]
    if source != SOURCE or unknown:
        what = f"zoo {zoo!r}" if source != SOURCE else f"network {unknown[0]!r}"
        raise InputError(f"unknown {what}: use {SOURCE}, or {SOURCE}: and some of {', '.join(NAMES)}")
    return wanted
