"""Which arithmetic a device runs a network in."""

from __future__ import annotations

import torch


def inference_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the device has instructions for it, which takes half the time; float32 elsewhere."""
    if device.type == "cuda":
        has = torch.cuda.is_bf16_supported()
    else:
        has = torch.backends.cpu.get_cpu_capability() == "AVX512" and _cpu_has_bfloat16()
    return torch.bfloat16 if has else torch.float32


def _cpu_has_bfloat16() -> bool:
    """The library has no public word for it; without one, the answer is no."""
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(supported and supported())
