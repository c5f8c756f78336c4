"""What a run ran on, for `run.json`: versions of what decides its results, and the machine. Reads, writes nothing."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version

PACKAGES = ("jellyfish-serving", "torch", "torchvision", "numpy", "opencv-python-headless", "av", "aiohttp", "msgspec")


def versions() -> dict[str, str]:
    """Python's and the main packages' versions."""
    return {"python": platform.python_version(), **{package: version(package) for package in PACKAGES}}


def machine() -> dict[str, str | int]:
    """System, architecture and number of processors; nothing that tells whose machine it is."""
    return {"system": platform.system(), "architecture": platform.machine(), "processors": os.cpu_count() or 1}
