"""The detector: residual backbone, feature pyramid, one prediction head per level; anchor-free.

Parts join by addition, never by concatenation, so that a narrower network's weights are a leading
slice of the wider's in every layer. Knows nothing of losses, thresholds, devices or files.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jellyfish.core import CLASSES
from jellyfish.model.layers import PredictionConv, Residual, SlimmableConv

BOX_PARAMETERS = 4
PREDICTIONS = len(CLASSES) + BOX_PARAMETERS
"""Numbers per grid point: a logit per class, then centre offset x, y and log size x, y in strides."""

STRIDES: tuple[int, ...] = (8, 16, 32)
"""Pixels per grid point of the three levels, finest first."""

_PRIOR = 0.01
"""Initial score of every point: almost everything is background (Lin et al., ICCV 2017)."""


class Stage(nn.Module):
    """Halves the resolution, then refines with residual blocks."""

    def __init__(self, inputs: int, outputs: int, blocks: int) -> None:
        super().__init__()
        self.down = SlimmableConv(inputs, outputs, stride=2)
        self.blocks = nn.ModuleList(Residual(outputs) for _ in range(blocks))

    def forward(self, x: Tensor, width: float) -> Tensor:
        """[n, inputs, h, w] -> [n, outputs, h / 2, w / 2]."""
        x = self.down(x, width)
        for block in self.blocks:
            x = block(x, width)
        return x


class Head(nn.Module):
    """Predictions of one level of the pyramid."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.smooth = SlimmableConv(inputs, inputs)
        self.hidden = SlimmableConv(inputs, hidden)
        self.predict = PredictionConv(hidden, PREDICTIONS)
        with torch.no_grad():
            self.predict.bias[: len(CLASSES)] = -math.log((1 - _PRIOR) / _PRIOR)

    def forward(self, x: Tensor, width: float) -> Tensor:
        """[n, inputs, h, w] -> [n, h * w, PREDICTIONS]."""
        x = self.predict(self.hidden(self.smooth(x, width), width), width)
        return x.permute(0, 2, 3, 1).flatten(1, 2)


class SlimmableDetector(nn.Module):
    """Street detector at any of `core.WIDTHS`; fully convolutional, any canvas of whole strides."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = SlimmableConv(3, 32, stride=2, image=True)
        self.stages = nn.ModuleList([Stage(32, 32, 1), Stage(32, 64, 2), Stage(64, 128, 2), Stage(128, 256, 1)])
        self.laterals = nn.ModuleList(SlimmableConv(c, 64, kernel=1, relu=False) for c in (64, 128, 256))
        self.heads = nn.ModuleList(Head(64, 128) for _ in STRIDES)

    def forward(self, images: Tensor, width: float) -> Tensor:
        """Predict at every grid point, finest level first, rows before columns.

        `images`: [n, 3, h, w], RGB scaled to 0..1, h and w multiples of 32 (best in channels_last).
        Returns [n, points, PREDICTIONS]; `boxes.grid_points` gives the points.
        """
        x = self.stem(images, width)
        features = []
        for stage in self.stages:
            x = stage(x, width)
            features.append(x)
        x = self.laterals[2](features[3], width)
        pyramid = [x]
        for lateral, feature in ((self.laterals[1], features[2]), (self.laterals[0], features[1])):
            x = lateral(feature, width).add_(F.interpolate(x, scale_factor=2.0, mode="nearest"))
            pyramid.insert(0, x)
        return torch.cat([head(level, width) for head, level in zip(self.heads, pyramid, strict=True)], dim=1)
