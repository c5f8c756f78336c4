"""Images as they are: the frame is on its canvas already, so a network has nothing left to scale.

torchvision's own transform enlarges every image to the size of training (800 pixels and more), whatever it was sent as.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList


class CanvasTransform(nn.Module):
    """In the place of torchvision's `GeneralizedRCNNTransform`: normalises, does not scale."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, mean: Sequence[float], deviation: Sequence[float]) -> None:
        """`mean`, `deviation`: of each colour, in the images the network was trained on (0..1)."""
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor(deviation)[:, None, None], persistent=False)

    def forward(self, images: Tensor, targets: None = None) -> tuple[Any, None]:
        """`images`: [n, 3, h, w] in 0..1, sides multiples of 32."""
        normalised = ((images - self.mean) / self.deviation).contiguous(memory_format=torch.channels_last)
        count, _, height, width = images.shape
        return ImageList(normalised, [(height, width)] * count), None

    def postprocess(self, result: Any, image_sizes: Any, original_sizes: Any) -> Any:
        """Boxes are in pixels of the canvas already."""
        return result
