"""What a run ran on, for `run.json`: versions of what decides its results, and the machine. Reads, writes nothing."""

from __future__ import annotations

import contextlib
import os
import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = (
    "jellyfish-serving", "onnxruntime", "torch", "torchvision", "numpy", "opencv-python-headless", "av", "aiohttp",
    "msgspec",
)  # fmt: skip


def versions() -> dict[str, str]:
    """Python's and the main packages' versions; a camera's machine does not have them all."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def machine() -> dict[str, str | int]:
    """System, architecture and number of processors; nothing that tells whose machine it is."""
    return {"system": platform.system(), "architecture": platform.machine(), "processors": os.cpu_count() or 1}
