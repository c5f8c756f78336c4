"""A device as torch knows it, and the thread that is to run a network there. Whoever loads this file loads torch."""

from __future__ import annotations

import torch

from jellyfish.errors import InputError
from jellyfish.models.model import EngineOptions


def torch_device(name: str) -> torch.device:
    """The device called `cpu` or `cuda:N`; InputError when this machine has none such."""
    device = torch.device(name)
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise InputError(f"device {name!r}: this machine has no usable CUDA GPU; use --device cpu")
        if (device.index or 0) >= torch.cuda.device_count():
            raise InputError(f"device {name!r}: there are {torch.cuda.device_count()} GPUs, numbered from 0")
    return device


def opened_device(options: EngineOptions) -> torch.device:
    """The device that an engine is to run on. The calling thread runs batches on so many processor threads from now."""
    torch.set_num_threads(options.threads)
    return torch_device(options.device)
