"""A detector as engines run it: folded once per size, on a device, in one arithmetic. Functions of tensors alone."""

from __future__ import annotations

import torch
from torch import Tensor

from jellyfish.models.slimmable.boxes import grid_points
from jellyfish.models.slimmable.detector import normalise
from jellyfish.models.slimmable.folding import fold_stem, fold_tail
from jellyfish.models.slimmable.sizes import SIZES
from jellyfish.models.slimmable.street import RESOLUTIONS, input_size
from jellyfish.models.slimmable.weights import Weights


class FoldedNetworks:
    """The stem that all sizes share, and a tail for each of them."""

    def __init__(self, weights: Weights, device: torch.device, dtype: torch.dtype) -> None:
        detector = weights.detector()
        self.device, self.dtype = device, dtype
        self._stem = fold_stem(detector).to(device, dtype)
        self._tails = {size.name: fold_tail(detector, size).to(device, dtype) for size in SIZES}
        inputs = {resolution: input_size(resolution) for resolution in RESOLUTIONS}
        self.points = {each: grid_points(size.height, size.width, device) for each, size in inputs.items()}
        """Resolution -> where predictions are made."""

    @property
    def nbytes(self) -> int:
        """Of the weights."""
        parts = (self._stem, *self._tails.values())
        return sum(tensor.nbytes for part in parts for tensor in part.state_dict().values())

    def features(self, images: Tensor) -> Tensor:
        """RGB bytes [n, h, w, 3] on the device -> what the tails begin with, [n, SHARED_CHANNELS, h / 8, w / 8]."""
        features: Tensor = self._stem(normalise(images.permute(0, 3, 1, 2)).to(self.dtype))
        return features

    def predictions(self, features: Tensor, network: str) -> Tensor:
        """From features, at every grid point: [n, points, PREDICTIONS] in float32."""
        predictions: Tensor = self._tails[network](features)
        return predictions.float()
