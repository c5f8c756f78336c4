"""Errors after which a device is of no use to the process any more. Pure.

CUDA keeps some errors: once one has happened, every later call of the process fails with it, and only another process
can use the device. Such a device is not tried again: it would fail until the end, and each time say so.
"""

from __future__ import annotations

STICKY = (
    "device-side assert",
    "illegal memory access",
    "illegal instruction",
    "illegal address",
    "misaligned address",
    "invalid program counter",
    "invalid address space",
    "operation not supported on global/shared address space",
    "hardware stack error",
    "unspecified launch failure",
    "the launch timed out and was terminated",
    "uncorrectable ecc error",
    "uncorrectable nvlink error",
)
"""As CUDA words them (`cudaGetErrorString`), in lower case."""
_FROM_CUDA = "cuda"
"""Libraries say whose error it is; other programs may use the words for something else."""


def is_lost(words: str) -> bool:
    """Whether an error in these words says that its device is lost to this process."""
    said = words.lower()
    return _FROM_CUDA in said and any(each in said for each in STICKY)
