"""Slimmable layers: one set of weights, several sizes, the size an argument of every call.

A narrower layer is the leading slice of the wider one's weights; only its batch norm is its own
(Yu et al., "Slimmable Neural Networks", ICLR 2019). No layer may know which network it is part of,
and none keeps a size between calls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jellyfish.models.slimmable.depthwise import depthwise
from jellyfish.models.slimmable.layout import EPSILON
from jellyfish.models.slimmable.sizes import SIZES, WIDTHS, NetworkSize

MOMENTUM = 0.03


def channels(full: int, width: float) -> int:
    """Channel count at `width` of a layer that has `full` channels at width 1."""
    return round(full * width)


def width_key(size: NetworkSize) -> str:
    """The norm of a layer that all exits of a width share."""
    return size.name[:4]


def size_key(size: NetworkSize) -> str:
    """The norm of a layer that sees other features at each exit."""
    return size.name


class SlimmableConv(nn.Module):
    """Convolution without bias, a batch norm of the size, and (optionally) ReLU6.

    Inputs, outputs or both are slimmed; `depthwise` convolutions have one filter per channel. Features that
    differ from exit to exit have a norm per size, others one per width.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 1,
        stride: int = 1,
        *,
        depthwise: bool = False,
        slim_inputs: bool = True,
        slim_outputs: bool = True,
        activated: bool = True,
        per_exit: bool = False,
    ) -> None:
        super().__init__()
        self.inputs, self.outputs, self.stride, self.padding = inputs, outputs, stride, kernel // 2
        self.depthwise, self.slim_inputs, self.slim_outputs = depthwise, slim_inputs, slim_outputs
        self.activated = activated
        self._key: Callable[[NetworkSize], str] = size_key if per_exit else width_key
        self.weight = nn.Parameter(torch.empty(outputs, 1 if depthwise else inputs, kernel, kernel))
        nn.init.kaiming_normal_(self.weight, mode="fan_in", nonlinearity="relu")
        sizes = SIZES if per_exit else [NetworkSize(width, 1) for width in WIDTHS]
        self.norms = nn.ModuleDict({self._key(size): self._norm(size) for size in sizes})

    def _norm(self, size: NetworkSize) -> nn.BatchNorm2d:
        return nn.BatchNorm2d(self.outputs_at(size), eps=EPSILON, momentum=MOMENTUM)

    def outputs_at(self, size: NetworkSize) -> int:
        """Output channels at `size`."""
        return channels(self.outputs, size.width) if self.slim_outputs else self.outputs

    def forward(self, x: Tensor, size: NetworkSize) -> Tensor:
        """[n, inputs at size, h, w] -> [n, outputs at size, h / stride, w / stride]."""
        return _convolved(self, x, self.weight_at(size), self.norm_at(size))

    def weight_at(self, size: NetworkSize) -> Tensor:
        """The leading slice of the weights that the network of `size` uses."""
        slim = self.slim_inputs and not self.depthwise
        inputs = channels(self.inputs, size.width) if slim else self.weight.shape[1]
        return self.weight[: self.outputs_at(size), :inputs]

    def norm_at(self, size: NetworkSize) -> nn.BatchNorm2d:
        """The batch norm that the network of `size` uses."""
        norm = self.norms[self._key(size)]
        assert isinstance(norm, nn.BatchNorm2d)
        return norm


class FixedConv(nn.Module):
    """Convolution without bias, batch norm and (optionally) ReLU6, alike at every size."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 1,
        stride: int = 1,
        *,
        depthwise: bool = False,
        activated: bool = True,
    ) -> None:
        super().__init__()
        self.stride, self.padding, self.depthwise, self.activated = stride, kernel // 2, depthwise, activated
        self.weight = nn.Parameter(torch.empty(outputs, 1 if depthwise else inputs, kernel, kernel))
        nn.init.kaiming_normal_(self.weight, mode="fan_in", nonlinearity="relu")
        self.norm = nn.BatchNorm2d(outputs, eps=EPSILON, momentum=MOMENTUM)

    def forward(self, x: Tensor) -> Tensor:
        """[n, inputs, h, w] -> [n, outputs, h / stride, w / stride]."""
        return _convolved(self, x, self.weight, self.norm)


def _convolved(layer: SlimmableConv | FixedConv, x: Tensor, weight: Tensor, norm: nn.BatchNorm2d) -> Tensor:
    """What either kind of layer does in training, once it is known which weights and norm are meant."""
    if layer.depthwise:
        x = depthwise(x, weight, layer.stride)
    else:
        x = F.conv2d(x, weight, stride=layer.stride, padding=layer.padding)
    x = norm(x)
    return F.relu6(x, inplace=True) if layer.activated else x


class PredictionConv(nn.Module):
    """1x1 convolution with bias whose outputs are the same in number at every size."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs, 1, 1))
        self.bias = nn.Parameter(torch.zeros(outputs))
        nn.init.normal_(self.weight, std=0.01)

    def forward(self, x: Tensor, size: NetworkSize) -> Tensor:
        """[n, inputs at size, h, w] -> [n, outputs, h, w]."""
        return F.conv2d(x, self.weight_at(size), self.bias)

    def weight_at(self, size: NetworkSize) -> Tensor:
        """The leading slice of the weights that the network of `size` uses."""
        return self.weight[:, : channels(self.weight.shape[1], size.width)]


class FoldedConv(nn.Module):
    """What a layer becomes for inference at one size: a plain convolution with bias.

    It takes a size like the layer it stands for, so that one network class serves both forms, and has no use for it.
    """

    weight: Tensor
    bias: Tensor

    def __init__(
        self, weight: Tensor, bias: Tensor, stride: int = 1, *, depthwise: bool = False, activated: bool = False
    ) -> None:
        super().__init__()
        self.stride, self.padding, self.activated = stride, weight.shape[-1] // 2, activated
        self.groups = weight.shape[0] if depthwise else 1
        self.register_buffer("weight", weight.contiguous(memory_format=torch.channels_last))
        self.register_buffer("bias", bias)

    def forward(self, x: Tensor, size: NetworkSize | None = None) -> Tensor:
        """[n, inputs, h, w] -> [n, outputs, h / stride, w / stride]."""
        x = F.conv2d(x, self.weight, self.bias, stride=self.stride, padding=self.padding, groups=self.groups)
        return F.relu6(x, inplace=True) if self.activated else x


class FixedBlock(nn.Module):
    """Inverted residual block (Sandler et al., CVPR 2018) of the part that all sizes share."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self.expand = FixedConv(inputs, inner) if expansion > 1 else None
        self.depthwise = FixedConv(inner, inner, kernel, stride, depthwise=True)
        self.project = FixedConv(inner, outputs, activated=False)
        self.shortcut = inputs == outputs and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        """[n, inputs, h, w] -> [n, outputs, h / stride, w / stride]."""
        y: Tensor = x if self.expand is None else self.expand(x)
        y = self.project(self.depthwise(y))
        return y.add_(x) if self.shortcut else y


class SlimmableBlock(nn.Module):
    """Inverted residual block whose inner channels are slimmed; its cost is proportional to the width.

    Inputs and outputs keep their channels, so that a block of any width can follow one of any other.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self.expand = SlimmableConv(inputs, inner, slim_inputs=False)
        self.depthwise = SlimmableConv(inner, inner, kernel, stride, depthwise=True)
        self.project = SlimmableConv(inner, outputs, slim_outputs=False, activated=False)
        self.shortcut = inputs == outputs and stride == 1

    def forward(self, x: Tensor, size: NetworkSize) -> Tensor:
        """[n, inputs, h, w] -> [n, outputs, h / stride, w / stride]."""
        y: Tensor = self.project(self.depthwise(self.expand(x, size), size), size)
        return y.add_(x) if self.shortcut else y


def blocks(
    kind: type[FixedBlock] | type[SlimmableBlock], inputs: int, rows: Sequence[tuple[int, int, int, int, int]]
) -> nn.ModuleList:
    """Blocks one after the other: rows of (outputs, kernel, stride of the first, expansion, how many)."""
    made: list[nn.Module] = []
    for outputs, kernel, stride, expansion, count in rows:
        for number in range(count):
            made.append(kind(inputs, outputs, kernel, stride if number == 0 else 1, expansion))
            inputs = outputs
    return nn.ModuleList(made)
