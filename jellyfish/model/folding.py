"""Folding: from the slimmable training form to a plain network of one width for inference.

Batch norm of a trained network is a fixed scale and shift per channel, which the convolution before
it can carry in its weights and bias. The folded network costs what a network built at that width costs.
"""

from __future__ import annotations

import copy

import torch
from torch import nn

from jellyfish.model.detector import SlimmableDetector
from jellyfish.model.layers import FoldedConv, PredictionConv, SlimmableConv, norm_key


def fold(detector: SlimmableDetector, width: float) -> SlimmableDetector:
    """A detector of the same topology that computes what `detector` computes in eval mode at `width`.

    Shares no memory with `detector`; its forward takes the width and has no use for it.
    """
    folded = copy.deepcopy(detector)
    with torch.no_grad():
        _fold_children(folded, width)
    return folded.eval().requires_grad_(False)


def _fold_children(module: nn.Module, width: float) -> None:
    """Replace every slimmable layer under `module` by its folded form."""
    for name, child in module.named_children():
        if isinstance(child, SlimmableConv):
            setattr(module, name, _fold_norm(child, width))
        elif isinstance(child, PredictionConv):
            setattr(module, name, FoldedConv(child.weight_at(width).detach().clone(), child.bias.detach().clone()))
        else:
            _fold_children(child, width)


def _fold_norm(layer: SlimmableConv, width: float) -> FoldedConv:
    """The layer at `width`, its batch norm carried by weights and bias."""
    norm = layer.norms[norm_key(width)]
    assert isinstance(norm, nn.BatchNorm2d) and norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    bias = norm.bias - norm.running_mean * scale
    weight = layer.weight_at(width) * scale.view(-1, 1, 1, 1)
    return FoldedConv(weight.detach(), bias.detach(), layer.stride, relu=layer.relu)
