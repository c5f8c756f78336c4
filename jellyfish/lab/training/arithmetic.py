"""Which arithmetic networks are trained in: as they are served, so quick where the device has instructions for it."""

from __future__ import annotations

import contextlib
from typing import Any

import torch


def mixed_precision(device: torch.device, dtype: torch.dtype) -> contextlib.AbstractContextManager[Any]:
    """Convolutions and products in `dtype` where that is bfloat16; as they are for float32.

    bfloat16 has float32's range, so losses need no scaling. Weights, norms and the optimiser stay float32.
    """
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=dtype is torch.bfloat16)
