"""Devices as torch knows them. Whoever loads this file loads torch."""

from __future__ import annotations

import torch

from jellyfish.devices.naming import check_device
from jellyfish.errors import InputError
from jellyfish.models.precision import inference_dtype


def torch_device(name: str) -> torch.device:
    """The device called `cpu`, `cuda` or `cuda:N`; InputError when this machine has none such."""
    check_device(name)
    device = torch.device(name)
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise InputError(f"device {name!r}: this machine has no usable CUDA GPU; use --device cpu")
        if (device.index or 0) >= torch.cuda.device_count():
            raise InputError(f"device {name!r}: there are {torch.cuda.device_count()} GPUs, numbered from 0")
    return device


def software(name: str) -> str:
    """What times on the device called so depend on beside its hardware, in words: versions and number format."""
    device = torch_device(name)
    words = f"torch {torch.__version__}, {str(inference_dtype(device)).removeprefix('torch.')}"
    if device.type != "cuda":
        return words
    driver = getattr(torch._C, "_cuda_getDriverVersion", lambda: "unknown")()
    return f"{words}, CUDA driver {driver}"


def gpu_name(name: str) -> str:
    """What a `cuda` device is."""
    return torch.cuda.get_device_name(torch_device(name))
