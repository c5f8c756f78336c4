"""What devices and variants are called, and what can be told of a name at once, without torch."""

from __future__ import annotations

import ctypes
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from jellyfish.core import Variant
from jellyfish.errors import InputError

DRIVERS = ("libcuda.so.1", "libamdhip64.so")
"""On Linux one of these is there where a GPU can be used."""


def check_device(name: str) -> None:
    """InputError for what is no name of a device, and for a GPU where there is no driver for any."""
    if re.fullmatch(r"cpu|cuda(:\d+)?", name) is None:
        kind = name.partition(":")[0]
        problem = f"unknown device {name!r}" if kind in ("cpu", "cuda") else f"device {name!r} is not supported"
        raise InputError(f"{problem}: use cpu or cuda:N")
    if name != "cpu" and sys.platform == "linux" and not Path("/dev/kfd").exists() and not any(map(_loads, DRIVERS)):
        raise InputError(f"device {name!r}: this machine has no usable CUDA GPU; use --device cpu")


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def parse_variant(name: str, known: Sequence[Variant]) -> Variant:
    """The variant called `name`; InputError that lists them."""
    for variant in known:
        if variant.name == name:
            return variant
    raise InputError(f"unknown variant {name!r}: choose one of {', '.join(variant.name for variant in known)}")
