"""The engine: pictures in, class probabilities out, at any variant, on one device.

Each size is folded once at construction; after that a variant is an argument of every call and switching costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from jellyfish.core import Answer, ClassScore, Variant
from jellyfish.media.resize import letterbox
from jellyfish.models.classification.network import Classifier
from jellyfish.models.classification.sizes import SIZES
from jellyfish.models.model import Image
from jellyfish.models.precision import inference_dtype
from jellyfish.models.slimmable.detector import normalise
from jellyfish.models.slimmable.folding import folded_copy


class ClassifierInputs(NamedTuple):
    """A batch as the network takes it."""

    images: Tensor
    """[n, 3, side, side] bytes."""
    network: str


class ClassifierEngine:
    """A classifier on a device, ready to run every variant."""

    def __init__(self, classifier: Classifier, device: torch.device, dtype: torch.dtype | None = None) -> None:
        """`dtype`: of the network's arithmetic; None takes what is quickest on the device."""
        self._device, self._dtype = device, dtype or inference_dtype(device)
        self._networks = {name: folded_copy(classifier, size).to(device, self._dtype) for name, size in SIZES.items()}

    @property
    def memory_bytes(self) -> int:
        """See `Engine.memory_bytes`: the weights, a folded copy for each size."""
        return sum(held.nbytes for network in self._networks.values() for held in network.state_dict().values())

    def prepare(self, images: Sequence[Image], variants: Sequence[Variant]) -> ClassifierInputs:
        """See `Engine.prepare`: each image fitted into the square, at its top left; the rest is black."""
        side = variants[0].resolution
        batch = np.stack([letterbox(image, side, side).canvas for image in images])
        return ClassifierInputs(torch.from_numpy(batch).permute(0, 3, 1, 2), variants[0].network)

    def launch(self, inputs: ClassifierInputs) -> Tensor:
        """See `Engine.launch`: [n, classes] probabilities, on the device."""
        with torch.inference_mode():
            images = normalise(inputs.images.to(self._device)).to(self._dtype)
            scores = self._networks[inputs.network](images, SIZES[inputs.network])
            probabilities: Tensor = scores.float().softmax(dim=1)
        return probabilities

    def finish(self, handle: Tensor) -> list[Answer]:
        """See `Engine.finish`: every class with its probability, the likeliest first."""
        return [Answer(scores=_ranked(row)) for row in handle.cpu().tolist()]


def _ranked(probabilities: Sequence[float]) -> tuple[ClassScore, ...]:
    best = sorted(range(len(probabilities)), key=lambda label: -probabilities[label])
    return tuple(ClassScore(label, probabilities[label]) for label in best)
