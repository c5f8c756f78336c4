"""Depthwise convolution with a backward pass that CPUs are quick at. Same numbers, other kernels.

Other devices get the library's own, which was made for them.

On a CPU the library's gradient of a 5x5 depthwise weight in bfloat16 takes sixty times its forward pass, that of the
input of a strided one fifty times; 3x3 weights and unstrided inputs have quick kernels. So the one is put together from
3x3 gradients at shifted inputs, the other is a plain convolution of the gradient, spread out, with the turned weight.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

_QUICK_KERNEL = 3
_TYPE = "cpu"
"""The type of device that this is for: whose mixed precision applies."""


def depthwise(x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """[n, c, h, w], weight [c, 1, k, k] with k odd -> [n, c, ceil(h / stride), ceil(w / stride)], padded by k // 2."""
    if x.device.type != _TYPE:
        return F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2, groups=len(weight))
    result: Tensor = _Depthwise.apply(x, weight, stride)
    return result


class _Depthwise(torch.autograd.Function):
    """The convolution and its two gradients, on a CPU."""

    @staticmethod
    @torch.amp.custom_fwd(device_type=_TYPE, cast_inputs=torch.bfloat16)  # type: ignore[untyped-decorator]
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        return F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2, groups=len(weight))

    @staticmethod
    @torch.amp.custom_bwd(device_type=_TYPE)  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        x, weight = ctx.saved_tensors
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        return _of_input(gradient, x, weight, ctx.stride), _of_weight(gradient, x, weight, ctx.stride), None


def _of_input(gradient: Tensor, x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """The gradient with zeros between its values, convolved with the weight turned by 180 degrees."""
    if stride > 1:
        spread = torch.empty_like(x).zero_()
        spread[:, :, ::stride, ::stride] = gradient
        gradient = spread
    return F.conv2d(gradient, weight.flip(2, 3), padding=weight.shape[-1] // 2, groups=len(weight))


def _of_weight(gradient: Tensor, x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """3x3 windows of the weight, each from the input shifted to where that window looked."""
    kernel = weight.shape[-1]
    if kernel == _QUICK_KERNEL:
        return _of_window(gradient, x, weight, stride, padding=1)
    padded = F.pad(x, [kernel // 2] * 4)
    height, width = (stride * (side - 1) + _QUICK_KERNEL for side in gradient.shape[2:])
    result = torch.empty_like(weight)
    starts = sorted({*range(0, kernel - _QUICK_KERNEL, _QUICK_KERNEL), kernel - _QUICK_KERNEL})
    for top in starts:
        for left in starts:
            rows, columns = slice(top, top + _QUICK_KERNEL), slice(left, left + _QUICK_KERNEL)
            seen = padded[:, :, top : top + height, left : left + width].contiguous(memory_format=torch.channels_last)
            result[:, :, rows, columns] = _of_window(gradient, seen, weight[:, :, rows, columns], stride, padding=0)
    return result


def _of_window(gradient: Tensor, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    """The library's gradient of a 3x3 weight."""
    gradients = torch.ops.aten.convolution_backward(
        gradient, x, weight, None, [stride] * 2, [padding] * 2, [1, 1], False, [0, 0], len(weight), [False, True, False]
    )
    found: Tensor = gradients[1]
    return found
