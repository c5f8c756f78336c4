"""Which arithmetic a device runs a network in: by what it can do, and no more than is shown to do no harm."""

from __future__ import annotations

from typing import NamedTuple

import torch

BFLOAT16_FROM = (8, 0)
"""The compute capability of the first GPUs that have instructions for it; older ones can only act as if."""
WORST_DIFFERENCE = 0.1
"""Of a score (0..1), between a network in reduced precision and in float32: beyond it float32 is taken. bfloat16 has
eight bits, so a logit of 4 is off by 1/64 at least, and a score of .5 by .004."""


class Capabilities(NamedTuple):
    """What of a device decides about its arithmetic."""

    kind: str
    """As torch calls it: `cpu`, `cuda`."""
    compute: tuple[int, int] = (0, 0)
    """Of a GPU: its compute capability."""
    bfloat16: bool = False
    """Of a processor: whether it has instructions for it."""


def quickest_dtype(device: Capabilities) -> torch.dtype:
    """bfloat16 where there are instructions for it, which takes half the time; float32 elsewhere."""
    has = device.compute >= BFLOAT16_FROM if device.kind == "cuda" else device.bfloat16
    return torch.bfloat16 if has else torch.float32


def capabilities(device: torch.device) -> Capabilities:
    """Those of the device that is meant, which need not be the current one."""
    if device.type == "cuda":
        return Capabilities("cuda", compute=torch.cuda.get_device_capability(device))
    wide = torch.backends.cpu.get_cpu_capability() == "AVX512"
    return Capabilities(device.type, bfloat16=device.type == "cpu" and wide and _cpu_has_bfloat16())


def inference_dtype(device: torch.device) -> torch.dtype:
    """What networks run in on `device`."""
    return quickest_dtype(capabilities(device))


def _cpu_has_bfloat16() -> bool:
    """The library has no public word for it; without one, the answer is no."""
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(supported and supported())
