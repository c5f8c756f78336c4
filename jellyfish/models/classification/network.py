"""The network: stem and stages of the slimmable detector, then one guess for the whole picture.

All sizes share their weights; a narrower network has norms of its own, as the detector's.
"""

from __future__ import annotations

from torch import Tensor, nn

from jellyfish.models.classification.sizes import SIZES
from jellyfish.models.slimmable.detector import SlimmableDetector, Stem
from jellyfish.models.slimmable.layers import PredictionConv, SlimmableBlock, SlimmableConv, blocks, width_key
from jellyfish.models.slimmable.layout import SHARED_CHANNELS
from jellyfish.models.slimmable.sizes import NetworkSize
from jellyfish.models.slimmable.street import CLASSES

_FEATURES = 640
"""Channels that are averaged over the picture: half of what ImageNet's thousand classes are told apart by."""


class Classifier(nn.Module):
    """Street classes at any of `SIZES`; fully convolutional, any picture of at least 32 pixels a side."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Stem()
        self.second = blocks(SlimmableBlock, SHARED_CHANNELS, [(80, 3, 2, 6, 3)])
        self.third = blocks(SlimmableBlock, 80, [(112, 5, 1, 6, 3)])
        self.fourth = blocks(SlimmableBlock, 112, [(192, 5, 2, 6, 4)])
        self.features = SlimmableConv(192, _FEATURES, slim_inputs=False)
        self.predict = PredictionConv(_FEATURES, len(CLASSES))
        self._keep_norms({width_key(size) for size in SIZES.values()})

    def _keep_norms(self, keys: set[str]) -> None:
        """Have no norms of widths that this network does not come in."""
        for layer in self.modules():
            if isinstance(layer, SlimmableConv):
                layer.norms = nn.ModuleDict({key: norm for key, norm in layer.norms.items() if key in keys})

    def begin_with(self, detector: SlimmableDetector | Classifier) -> None:
        """Take over a trained detector's stem and stages, which has learned to see these classes already, or all of a
        classifier.
        """
        own = self.state_dict()
        self.load_state_dict(
            {name: found for name, found in detector.state_dict().items() if name in own}, strict=False
        )

    def forward(self, images: Tensor, size: NetworkSize) -> Tensor:
        """[n, 3, h, w] as `normalise` makes it -> [n, classes] before softmax."""
        return self.late_stages(self.early_stages(self.stem(images), size), size)

    def early_stages(self, shared: Tensor, size: NetworkSize) -> Tensor:
        """The stem's features [n, SHARED_CHANNELS, h / 8, w / 8] -> those at stride 16."""
        for block in (*self.second, *self.third):
            shared = block(shared, size)
        return shared

    def late_stages(self, sixteen: Tensor, size: NetworkSize) -> Tensor:
        """Features at stride 16 -> [n, classes] before softmax."""
        x = sixteen
        for block in self.fourth:
            x = block(x, size)
        x = self.features(x, size).mean(dim=(2, 3), keepdim=True)
        scores: Tensor = self.predict(x, size).flatten(1)
        return scores
