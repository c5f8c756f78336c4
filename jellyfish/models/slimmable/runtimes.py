"""What runs the detector on a processor: onnxruntime, unless torch would run it in bfloat16 there.

In float32 onnxruntime takes 0.3 to 0.8 of torch's time (`benchmarks/engines.py`), but it has no kernels for bfloat16,
in which torch takes half of its own. A rule and not a measurement, so that it is known before anything is loaded and is
the same at every start: profiles are kept under what it says.
"""

from __future__ import annotations

import enum
from pathlib import Path

from jellyfish.errors import InputError
from jellyfish.installed import is_installed, require

_PACKAGES = ("onnxruntime", "onnx")
IN_FLIGHT = 2
"""Batches that a GPU is given: one that runs, and the next."""


class Runtime(enum.StrEnum):
    """By the name of its distribution."""

    ONNXRUNTIME = "onnxruntime"
    TORCH = "torch"


def asked_runtime(name: str) -> Runtime:
    """The one that is called so; by an empty name the quickest of this machine. InputError."""
    if not name:
        return Runtime.ONNXRUNTIME if can_run_onnx() and not runs_bfloat16() else Runtime.TORCH
    if name not in list(Runtime):
        raise InputError(
            f"the slimmable detector has no part {name!r}: --variant names one of its sizes; after the colon stands "
            f"what is to run it on a processor, {' or '.join(Runtime)}"
        )
    if name == Runtime.ONNXRUNTIME:
        require(f"--model slimmable:{name}", *_PACKAGES)
    return Runtime(name)


def can_run_onnx() -> bool:
    """Whether what that needs is installed."""
    return all(map(is_installed, _PACKAGES))


def runs_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor has instructions for bfloat16, as far as Linux tells."""
    if not cpuinfo.exists():
        return False
    lines = cpuinfo.read_text().splitlines()
    flags = next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), [])
    return "avx512_bf16" in flags
