"""What the static detectors are called: known without loading torchvision, which takes seconds."""

from __future__ import annotations

from jellyfish.errors import InputError

SOURCE = "torchvision"
"""What the catalogue is called; `torchvision:ssdlite,fcos` is a part of it."""
NAMES = ("ssdlite", "fasterrcnn_mobile", "fcos", "retinanet", "retinanet_v2", "fasterrcnn_v2")
"""In order of size, as in `networks.NETWORKS`."""


def names_of(part: str) -> list[str]:
    """The networks in `part`, e.g. `ssdlite,fcos`; all where it is empty. InputError for one that is unknown."""
    wanted = [each.strip() for each in part.split(",")] if part else list(NAMES)
    for name in wanted:
        if name not in NAMES:
            raise InputError(f"unknown network {name!r}: use {SOURCE}, or {SOURCE}: and some of {', '.join(NAMES)}")
    return wanted
