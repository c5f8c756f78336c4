"""Folding: from the slimmable training form to plain networks for inference, one stem and a tail per size.

Batch norm of a trained network is a fixed scale and shift per channel, which the convolution before
it can carry in its weights and bias. A folded network costs what a network built at that size costs.
"""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn

from jellyfish.models.slimmable.detector import SlimmableDetector, Stem, Tail
from jellyfish.models.slimmable.layers import FixedConv, FoldedConv, PredictionConv, SlimmableConv
from jellyfish.models.slimmable.sizes import LARGEST, NetworkSize

Module = TypeVar("Module", bound=nn.Module)


def fold_stem(detector: SlimmableDetector) -> Stem:
    """The first stage for inference. Shares no memory with `detector`."""
    return folded_copy(detector.stem, LARGEST)


def fold_tail(detector: SlimmableDetector, size: NetworkSize) -> Tail:
    """What follows the stem at `size`, for inference. Shares no memory with `detector`."""
    return folded_copy(Tail(detector, size), size)


def folded_copy(module: Module, size: NetworkSize) -> Module:
    """Any network of slimmable and fixed layers at `size`, for inference. Shares no memory with `module`."""
    with torch.no_grad():
        return _with_folded_layers(module, size).eval().requires_grad_(False)


def _with_folded_layers(module: Module, size: NetworkSize) -> Module:
    """A copy of `module` whose layers are folded. No layer is copied only to be replaced, which took most of the time
    of making an engine; only layers have tensors.
    """
    copied = copy.copy(module)
    copied._modules = {name: _folded_child(child, size) for name, child in module.named_children()}
    return copied


def _folded_child(child: nn.Module, size: NetworkSize) -> nn.Module:
    if isinstance(child, SlimmableConv):
        scale, bias = _scale_and_shift(child.norm_at(size))
        return _folded(child.weight_at(size) * scale, bias, child.stride, child.depthwise, child.activated)
    if isinstance(child, FixedConv):
        scale, bias = _scale_and_shift(child.norm)
        return _folded(child.weight * scale, bias, child.stride, child.depthwise, child.activated)
    if isinstance(child, PredictionConv):
        return FoldedConv(child.weight_at(size).detach().clone(), child.bias.detach().clone())
    return _with_folded_layers(child, size)


def _scale_and_shift(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """([outputs, 1, 1, 1], [outputs]): what the norm multiplies with and adds."""
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    return scale.view(-1, 1, 1, 1), norm.bias - norm.running_mean * scale


def _folded(weight: Tensor, bias: Tensor, stride: int, depthwise: bool, activated: bool) -> FoldedConv:
    return FoldedConv(weight.detach(), bias.detach(), stride, depthwise=depthwise, activated=activated)
