"""Static detectors behind the interface of all engines: images in, detections out, at any variant, on a device.

At most `CAPACITY` networks are on the device. A batch runs what it is asked for and waits while that is loaded; who
must not wait asks `ready` first. Knows nothing of queues, deadlines or clients.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from jellyfish.core import Answer, Detection, Variant
from jellyfish.errors import InputError
from jellyfish.models.canvases import Canvases, on_canvases
from jellyfish.models.precision import inference_dtype
from jellyfish.models.torchvision.cache import CAPACITY, Loads, ModelCache
from jellyfish.models.torchvision.networks import LABELS, Zoo, input_size


class NetworkInputs(NamedTuple):
    """A batch as a network takes it."""

    canvases: Canvases
    variant: Variant


class Running(NamedTuple):
    """A batch that runs, or has run."""

    canvases: Canvases
    found: list[dict[str, Tensor]]
    """As torchvision gives it, for each image."""


class ZooEngine:
    """A zoo's networks on a device. Switching to one that is loaded costs nothing; another is loaded beside it."""

    memory_bytes = 0
    """Which networks are there changes."""

    def __init__(
        self, zoo: Zoo, device: torch.device, capacity: int = CAPACITY, least_score: float | None = None
    ) -> None:
        """`capacity`: how many networks may be on the device at the same time. `least_score`: of a detection; None
        takes each network's own."""
        self._zoo, self._device, self._least_score = zoo, device, least_score
        self._variants = zoo.variants()
        self._dtype = inference_dtype(device)
        self._labels = torch.tensor(LABELS).to(device)
        self._cache = ModelCache(zoo.order, self._load, capacity)

    @property
    def loads(self) -> Loads:
        """What loading networks has cost so far."""
        return self._cache.loads

    @property
    def loading(self) -> str:
        """See `LoadingEngine.loading`."""
        return str(self.loads)

    def settle(self) -> None:
        """Wait until the network wanted last and its neighbours are loaded."""
        self._cache.settle()

    def ready(self, variant: Variant) -> Variant:
        """See `LoadingEngine.ready`: the nearest network that is loaded stands in."""
        return stand_in(self._variants, variant, self._cache.ready(variant.network))

    def prepare(self, images: Sequence[NDArray[np.uint8]], variants: Sequence[Variant]) -> NetworkInputs:
        """See `Engine.prepare`; InputError for a variant that is not one of the zoo's."""
        variant = variants[0]
        if variant not in self._variants:
            raise InputError(f"unknown variant {variant.name}; known: {', '.join(v.name for v in self._variants)}")
        return NetworkInputs(on_canvases(images, input_size(variant.resolution)), variant)

    def launch(self, inputs: NetworkInputs) -> Running:
        """See `Engine.launch`; InputError if its network cannot be loaded."""
        network = self._cache.get(inputs.variant.network)
        reduced = self._dtype != torch.float32
        with torch.inference_mode(), torch.autocast(self._device.type, self._dtype, enabled=reduced):
            return Running(inputs.canvases, network(self._upload(inputs.canvases.pixels)))

    def finish(self, handle: Running) -> list[Answer]:
        """See `Engine.finish`: at most 100 detections for each image."""
        _, height, width, _ = handle.canvases.pixels.shape
        with torch.inference_mode():
            return handle.canvases.answers(_to_lists(handle.found, self._labels, height, width))

    def _load(self, name: str) -> nn.Module:
        """A network on the device; copied on a stream of its own, so that the one that runs does not wait."""
        if self._device.type != "cuda":
            return self._zoo.load(name, self._device, self._least_score)
        stream: torch.cuda.Stream = cast(Any, torch.cuda.Stream)(self._device)
        with torch.cuda.device(self._device), torch.cuda.stream(stream):
            network = self._zoo.load(name, self._device, self._least_score)
            stream.synchronize()
        return network

    def _upload(self, canvases: NDArray[np.uint8]) -> Tensor:
        """[n, h, w, 3] bytes -> [n, 3, h, w] in 0..1 on the device."""
        images = torch.from_numpy(canvases)
        if self._device.type == "cuda":
            images = images.pin_memory().to(self._device, non_blocking=True)
        return images.permute(0, 3, 1, 2).float() / 255


def stand_in(variants: Sequence[Variant], wanted: Variant, network: str) -> Variant:
    """`network` at the wanted resolution, or the next smaller one that it has, or its smallest.

    A frame was scaled for the wanted resolution: enlarging it would cost time and find no more.
    """
    if network == wanted.network:
        return wanted
    offered = sorted(variant for variant in variants if variant.network == network)
    return next((each for each in reversed(offered) if each.resolution <= wanted.resolution), offered[0])


def _to_lists(found: list[dict[str, Tensor]], labels: Tensor, height: int, width: int) -> list[list[Detection]]:
    """torchvision's results -> detections, sides normalised to the canvas. One copy from the device."""
    sizes = [len(each["scores"]) for each in found]
    label = labels[torch.cat([each["labels"] for each in found])]
    canvas = torch.tensor([width, height, width, height], device=label.device)
    sides = (torch.cat([each["boxes"] for each in found]).float() / canvas).clamp_(0, 1)
    score = torch.cat([each["scores"] for each in found]).float()
    rows = torch.split(torch.cat([label[:, None].float(), score[:, None], sides], dim=1).cpu(), sizes)
    return [[Detection(int(row[0]), *row[1:]) for row in image.tolist() if row[0] >= 0] for image in rows]
