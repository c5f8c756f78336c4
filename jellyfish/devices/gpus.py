"""What GPUs are, as torch knows them. Whoever loads this file loads torch."""

from __future__ import annotations

import torch

from jellyfish.models.torch_device import torch_device


def gpu_name(name: str) -> str:
    """What the device `cuda:N` is; InputError when this machine has none such."""
    return torch.cuda.get_device_name(torch_device(name))


def driver_in_words() -> str:
    """The version of what all libraries run on."""
    driver = getattr(torch._C, "_cuda_getDriverVersion", lambda: "unknown")()
    return f"CUDA driver {driver}"
