"""Slimmable layers: one set of weights, several widths, the width an argument of every call.

A narrower layer is the leading slice of the wider one's weights; only its batch norm is its own
(Yu et al., "Slimmable Neural Networks", ICLR 2019). No layer may know which network it is part of,
and none keeps a width between calls.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jellyfish.core import WIDTHS


def channels(full: int, width: float) -> int:
    """Channel count at `width` of a layer that has `full` channels at width 1."""
    return round(full * width)


def norm_key(width: float) -> str:
    """Name of a width's own batch norm within a layer, e.g. `w050`."""
    return f"w{round(width * 100):03d}"


class SlimmableConv(nn.Module):
    """Convolution without bias, batch norm of the width, and (optionally) ReLU.

    An `image` layer reads the picture itself, whose three channels are the same at every width.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, *, relu: bool = True, image: bool = False
    ) -> None:
        super().__init__()
        self.inputs, self.outputs, self.stride, self.padding = inputs, outputs, stride, kernel // 2
        self.relu, self.image = relu, image
        self.weight = nn.Parameter(torch.empty(outputs, inputs, kernel, kernel))
        nn.init.kaiming_normal_(self.weight, mode="fan_in", nonlinearity="relu")
        self.norms = nn.ModuleDict({norm_key(w): nn.BatchNorm2d(channels(outputs, w), momentum=0.03) for w in WIDTHS})

    def forward(self, x: Tensor, width: float) -> Tensor:
        """[n, inputs at width, h, w] -> [n, outputs at width, h / stride, w / stride]."""
        x = F.conv2d(x, self.weight_at(width), stride=self.stride, padding=self.padding)
        x = self.norms[norm_key(width)](x)
        return F.relu(x, inplace=True) if self.relu else x

    def weight_at(self, width: float) -> Tensor:
        """The leading slice of the weights that the network of `width` uses."""
        inputs = self.inputs if self.image else channels(self.inputs, width)
        return self.weight[: channels(self.outputs, width), :inputs]


class PredictionConv(nn.Module):
    """1x1 convolution with bias whose outputs are the same in number at every width."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs, 1, 1))
        self.bias = nn.Parameter(torch.zeros(outputs))
        nn.init.normal_(self.weight, std=0.01)

    def forward(self, x: Tensor, width: float) -> Tensor:
        """[n, inputs at width, h, w] -> [n, outputs, h, w]."""
        return F.conv2d(x, self.weight_at(width), self.bias)

    def weight_at(self, width: float) -> Tensor:
        """The leading slice of the weights that the network of `width` uses."""
        return self.weight[:, : channels(self.weight.shape[1], width)]


class FoldedConv(nn.Module):
    """What a slimmable layer becomes for inference at one width: a plain convolution with bias.

    It takes the width like the layer it stands for, so that one network class serves both forms,
    and has no use for it.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, weight: Tensor, bias: Tensor, stride: int = 1, *, relu: bool = False) -> None:
        super().__init__()
        self.stride, self.padding, self.relu = stride, weight.shape[-1] // 2, relu
        self.register_buffer("weight", weight.contiguous(memory_format=torch.channels_last))
        self.register_buffer("bias", bias)

    def forward(self, x: Tensor, width: float) -> Tensor:
        """[n, inputs, h, w] -> [n, outputs, h / stride, w / stride]."""
        x = F.conv2d(x, self.weight, self.bias, stride=self.stride, padding=self.padding)
        return F.relu(x, inplace=True) if self.relu else x


class Residual(nn.Module):
    """Two 3x3 convolutions and a shortcut (He et al., CVPR 2016, basic block)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.first = SlimmableConv(size, size)
        self.second = SlimmableConv(size, size, relu=False)

    def forward(self, x: Tensor, width: float) -> Tensor:
        """Shape is kept."""
        return F.relu(self.second(self.first(x, width), width).add_(x), inplace=True)
