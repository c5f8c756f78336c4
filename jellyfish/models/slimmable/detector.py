"""The detector: a stem that all sizes share, two slimmable stages with an exit after each, heads; anchor-free.

The backbone has the layout of EfficientNet-Lite0 without its last block, so that training may begin from published
weights. Pyramid levels join by addition, never by concatenation, so that a narrower network's weights are a leading
slice of the wider's in every layer. Knows nothing of losses, thresholds, devices or files.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jellyfish.models.slimmable.layers import (
    FixedBlock,
    FixedConv,
    PredictionConv,
    SlimmableBlock,
    SlimmableConv,
    blocks,
)
from jellyfish.models.slimmable.layout import PREDICTIONS, SHARED_CHANNELS, STRIDES
from jellyfish.models.slimmable.sizes import EXITS, NetworkSize
from jellyfish.models.slimmable.street import CLASSES

_NECK, _HIDDEN = 96, 96
_PRIOR = 0.01
"""Initial score of every point: almost everything is background (Lin et al., ICCV 2017)."""


def normalise(images: Tensor) -> Tensor:
    """Bytes 0..255 -> floats -1..1, as the backbone's initial weights know pictures."""
    return images.float().sub_(127.0).div_(128.0)


class Stem(nn.Module):
    """The first stage, alike at every size: frames of all sizes run it as one batch."""

    def __init__(self) -> None:
        super().__init__()
        self.entry = FixedConv(3, 32, kernel=3, stride=2)
        rows = [(16, 3, 1, 1, 1), (24, 3, 2, 6, 2), (SHARED_CHANNELS, 5, 2, 6, 2)]
        self.blocks = blocks(FixedBlock, 32, rows)

    def forward(self, images: Tensor) -> Tensor:
        """[n, 3, h, w] -> [n, SHARED_CHANNELS, h / 8, w / 8]."""
        x: Tensor = self.entry(images)
        for block in self.blocks:
            x = block(x)
        return x


class Neck(nn.Module):
    """From an exit's features to a pyramid of three levels with the same channels each, coarse to fine."""

    def __init__(self, sixteen: int, thirty_two: int, *, halve: bool) -> None:
        """Channels of the features at strides 16 and 32; `halve` makes the latter from the former's."""
        super().__init__()
        self.lateral8 = _lateral(SHARED_CHANNELS)
        self.lateral16 = _lateral(sixteen)
        self.lateral32 = _lateral(thirty_two, kernel=3, stride=2) if halve else _lateral(thirty_two)

    def forward(self, eight: Tensor, sixteen: Tensor, thirty_two: Tensor, size: NetworkSize) -> list[Tensor]:
        """Features at strides 8, 16 and 32 (16 again where that is halved) -> levels, finest first."""
        level32 = self.lateral32(thirty_two, size)
        level16 = self.lateral16(sixteen, size) + _doubled(level32)
        level8 = self.lateral8(eight, size) + _doubled(level16)
        return [level8, level16, level32]


def _lateral(inputs: int, kernel: int = 1, stride: int = 1) -> SlimmableConv:
    return SlimmableConv(inputs, _NECK, kernel, stride, slim_inputs=False, activated=False)


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


class Head(nn.Module):
    """Predictions of one level of the pyramid; all exits share it, each with norms of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.smooth = SlimmableConv(_NECK, _NECK, kernel=3, per_exit=True)
        self.hidden = SlimmableConv(_NECK, _HIDDEN, kernel=3, per_exit=True)
        self.predict = PredictionConv(_HIDDEN, PREDICTIONS)
        with torch.no_grad():
            self.predict.bias[: len(CLASSES)] = -math.log((1 - _PRIOR) / _PRIOR)

    def forward(self, x: Tensor, size: NetworkSize) -> Tensor:
        """[n, neck at size, h, w] -> [n, h * w, PREDICTIONS]."""
        x = self.predict(self.hidden(self.smooth(x, size), size), size)
        return x.permute(0, 2, 3, 1).flatten(1, 2)


class SlimmableDetector(nn.Module):
    """Street detector at any of `sizes.SIZES`; fully convolutional, any canvas of whole strides."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Stem()
        self.second = blocks(SlimmableBlock, SHARED_CHANNELS, [(80, 3, 2, 6, 3)])
        self.third = blocks(SlimmableBlock, 80, [(112, 5, 1, 6, 3)])
        self.fourth = blocks(SlimmableBlock, 112, [(192, 5, 2, 6, 4)])
        self.necks = nn.ModuleList([Neck(80, 80, halve=True), Neck(112, 192, halve=False)])
        self.heads = nn.ModuleList(Head() for _ in STRIDES)

    def forward(self, images: Tensor, size: NetworkSize) -> Tensor:
        """Predict at every grid point, finest level first, rows before columns.

        `images`: [n, 3, h, w], RGB as `normalise` makes it, h and w multiples of 32 (best in channels_last).
        Returns [n, points, PREDICTIONS]; `boxes.grid_points` gives the points.
        """
        predictions: Tensor = Tail(self, size)(self.stem(images))
        return predictions

    def exits(self, shared: Tensor, width: float) -> tuple[Tensor, Tensor]:
        """Predictions of both exits of one width, whose common part runs once, from the stem's features."""
        early, late = Tail(self, NetworkSize(width, EXITS[0])), Tail(self, NetworkSize(width, EXITS[1]))
        second = early.to_second(shared)
        return early.predict_early(shared, second), late.predict_late(shared, second)


class Tail(nn.Module):
    """What follows the stem at one size: the parts of a detector that this size uses, not copies of them."""

    def __init__(self, detector: SlimmableDetector, size: NetworkSize) -> None:
        super().__init__()
        self.size = size
        self.second, self.heads = detector.second, detector.heads
        self.neck = detector.necks[size.exit - 1]
        deep = size.exit == EXITS[1]
        self.third = detector.third if deep else nn.ModuleList()
        self.fourth = detector.fourth if deep else nn.ModuleList()

    def forward(self, shared: Tensor) -> Tensor:
        """The stem's features [n, SHARED_CHANNELS, h / 8, w / 8] -> predictions [n, points, PREDICTIONS]."""
        second = self.to_second(shared)
        deep = self.size.exit == EXITS[1]
        return self.predict_late(shared, second) if deep else self.predict_early(shared, second)

    def to_second(self, shared: Tensor) -> Tensor:
        """The stem's features -> the second stage's, at stride 16."""
        return self._through(self.second, shared)

    def predict_early(self, shared: Tensor, second: Tensor) -> Tensor:
        """Predictions from the features of stem and second stage alone."""
        return self._predict(shared, second, second)

    def predict_late(self, shared: Tensor, second: Tensor) -> Tensor:
        """Predictions after the last stage."""
        third = self._through(self.third, second)
        return self._predict(shared, third, self._through(self.fourth, third))

    def _predict(self, eight: Tensor, sixteen: Tensor, thirty_two: Tensor) -> Tensor:
        levels = self.neck(eight, sixteen, thirty_two, self.size)
        return torch.cat([head(level, self.size) for head, level in zip(self.heads, levels, strict=True)], dim=1)

    def _through(self, stage: nn.ModuleList, x: Tensor) -> Tensor:
        for block in stage:
            x = block(x, self.size)
        return x
