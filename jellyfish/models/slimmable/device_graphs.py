"""The detector's stem and tails as captured graphs of a GPU, for batches of few sizes, over buffers that all share.

A stem's output lies where every tail reads it, and the candidates of every tail where they are fetched from. What a
graph needs in between is shared, too (`Accelerator.captured`): graphs run one after the other, on one stream.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable

import torch
from torch import Tensor

from jellyfish.core import InputSize, Variant
from jellyfish.models.accelerator import Accelerator, DeviceStream
from jellyfish.models.slimmable.device_boxes import COLUMNS, candidates
from jellyfish.models.slimmable.layout import CANDIDATES, SHARED_CHANNELS, STRIDES
from jellyfish.models.slimmable.networks import FoldedNetworks
from jellyfish.models.slimmable.sizes import VARIANTS
from jellyfish.models.slimmable.street import RESOLUTIONS, input_size

COLOURS = 3
LeastScore = Callable[[Variant], float]
"""Of a detection that a variant answers with."""


def buckets(most: int) -> list[int]:
    """The batch sizes that there are graphs for, of up to `most` frames: powers of two, and `most`."""
    return [*(1 << power for power in range((most - 1).bit_length())), most]


def pixels_in(size: InputSize) -> int:
    """Bytes of one canvas."""
    return size.height * size.width * COLOURS


def features_in(size: InputSize) -> int:
    """Numbers of what the stem makes of one canvas."""
    return SHARED_CHANNELS * (size.height // STRIDES[0]) * (size.width // STRIDES[0])


class Buffers:
    """What all graphs read and write, for batches of up to `most` frames of any size."""

    def __init__(self, networks: FoldedNetworks, most: int) -> None:
        largest = input_size(RESOLUTIONS[-1])
        self.pixels = torch.zeros(most * pixels_in(largest), dtype=torch.uint8, device=networks.device)
        self.features = torch.zeros(most * features_in(largest), dtype=networks.dtype, device=networks.device)
        self.found = torch.zeros(most, CANDIDATES, COLUMNS, device=networks.device)
        self.all_features, self.all_found = torch.zeros_like(self.features), torch.zeros_like(self.found)
        """Of a batch of several variants, whose tails each read and write the beginnings of `features` and `found`."""

    def pixels_of(self, size: InputSize, batch: int) -> Tensor:
        """[batch, height, width, COLOURS]."""
        shape = (batch, size.height, size.width, COLOURS)
        return self.pixels[: math.prod(shape)].view(shape)

    def features_of(self, size: InputSize, batch: int) -> Tensor:
        """[batch, SHARED_CHANNELS, height / 8, width / 8], in memory channels last."""
        shape = (batch, size.height // STRIDES[0], size.width // STRIDES[0], SHARED_CHANNELS)
        return self.features[: math.prod(shape)].view(shape).permute(0, 3, 1, 2)


class DeviceGraphs:
    """Each is captured when it is first asked for, which warming up does before service; the largest at once.

    A batch between two sizes runs in the larger graph, on whatever lies in the rest of the buffers.
    """

    def __init__(
        self,
        networks: FoldedNetworks,
        accelerator: Accelerator,
        stream: DeviceStream,
        least_score: LeastScore,
        most: int,
    ) -> None:
        """For batches of up to `most`. Raises torch.OutOfMemoryError where these find no room: all others do then."""
        self._networks, self._accelerator, self._stream = networks, accelerator, stream
        self._least_score = least_score
        self.buffers = Buffers(networks, most)
        self._captured: dict[Hashable, Callable[[], None]] = {}
        self.lower(most)
        self.stem(VARIANTS[-1].resolution, most)
        self.tail(VARIANTS[-1], most)

    @property
    def most(self) -> int:
        """The largest batch."""
        return self._sizes[-1]

    def lower(self, most: int) -> None:
        """No more than so many frames at once from now on."""
        self._sizes = buckets(most)

    def stem(self, resolution: int, frames: int) -> Callable[[], None]:
        """From `pixels` to `features`, on the stream of the context."""
        key = resolution, self._bucket(frames)
        if key not in self._captured:
            self._captured[key] = self._accelerator.captured(self._stem_body(*key), self._stream)
        return self._captured[key]

    def tail(self, variant: Variant, frames: int) -> Callable[[], None]:
        """From `features` to `found`, on the stream of the context."""
        key = variant, self._bucket(frames)
        if key not in self._captured:
            self._captured[key] = self._accelerator.captured(self._tail_body(*key), self._stream)
        return self._captured[key]

    def _bucket(self, frames: int) -> int:
        return next(each for each in self._sizes if each >= frames)

    def _stem_body(self, resolution: int, batch: int) -> Callable[[], None]:
        size, networks = input_size(resolution), self._networks
        pixels, features = self.buffers.pixels_of(size, batch), self.buffers.features_of(size, batch)

        def body() -> None:
            features.copy_(networks.features(pixels))

        return body

    def _tail_body(self, variant: Variant, batch: int) -> Callable[[], None]:
        networks, least_score = self._networks, self._least_score(variant)
        features = self.buffers.features_of(input_size(variant.resolution), batch)
        points, found = networks.points[variant.resolution], self.buffers.found[:batch]

        def body() -> None:
            found.copy_(candidates(networks.predictions(features, variant.network), points, least_score))

        return body
