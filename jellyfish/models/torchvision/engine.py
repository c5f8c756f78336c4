"""Static detectors behind the interface of the slimmable one: images in, detections out, at any variant, on a device.

At most `CAPACITY` networks are on the device. `detect` runs what it is asked for and waits while that is loaded; who
must not wait asks `ready` first. Knows nothing of queues, deadlines or clients. `detect` is for one thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from jellyfish.core import CLASSES, Detection, Variant, canvas_size
from jellyfish.errors import InputError
from jellyfish.models.precision import inference_dtype
from jellyfish.models.torchvision.cache import CAPACITY, Loads, ModelCache
from jellyfish.models.torchvision.networks import NETWORKS, Zoo


class ZooEngine:
    """A zoo's networks on a device. Switching to one that is loaded costs nothing; another is loaded beside it."""

    def __init__(self, zoo: Zoo, device: torch.device, capacity: int = CAPACITY) -> None:
        """`capacity`: how many networks may be on the device at the same time."""
        self._zoo, self._device = zoo, device
        self._variants = zoo.variants()
        self._dtype = inference_dtype(device)
        self._labels = label_table(NETWORKS[0].published.meta["categories"]).to(device)
        self._cache = ModelCache(zoo.order, self._load, capacity)

    def variants(self) -> tuple[Variant, ...]:
        """Every variant that `detect` runs, small resolutions first."""
        return self._variants

    @property
    def loads(self) -> Loads:
        """What loading networks has cost so far."""
        return self._cache.loads

    def settle(self) -> None:
        """Wait until the network wanted last and its neighbours are loaded."""
        self._cache.settle()

    def ready(self, variant: Variant) -> Variant:
        """What to run now in place of `variant`: itself if its network is loaded, else the nearest that is.

        Returns at once; the network is loaded meanwhile. Safe to call from any thread, between two batches.
        """
        return stand_in(self._variants, variant, self._cache.ready(variant.network))

    def detect(self, canvases: NDArray[np.uint8], variant: Variant) -> list[list[Detection]]:
        """Objects in each image of a batch, best score first, at most 100 each.

        `canvases`: [n, canvas height, canvas width, 3] RGB. Sides of the detections are normalised to the canvas.
        Raises InputError if the variant is not one of the zoo's, its network cannot be loaded, or the canvases do
        not have its size.
        """
        if variant not in self._variants:
            raise InputError(f"unknown variant {variant.name}; known: {', '.join(v.name for v in self._variants)}")
        height, width = canvas_size(variant.resolution)
        if canvases.shape[1:] != (height, width, 3):
            raise InputError(f"{variant.name} takes images of shape {(height, width, 3)}, not {canvases.shape[1:]}")
        network = self._cache.get(variant.network)
        reduced = self._dtype != torch.float32
        with torch.inference_mode(), torch.autocast(self._device.type, self._dtype, enabled=reduced):
            found = network(self._upload(canvases))
        return _to_lists(found, self._labels, height, width)

    def _load(self, name: str) -> nn.Module:
        """A network on the device; copied on a stream of its own, so that the one that runs does not wait."""
        if self._device.type != "cuda":
            return self._zoo.load(name, self._device)
        stream: torch.cuda.Stream = cast(Any, torch.cuda.Stream)(self._device)
        with torch.cuda.device(self._device), torch.cuda.stream(stream):
            network = self._zoo.load(name, self._device)
            stream.synchronize()
        return network

    def _upload(self, canvases: NDArray[np.uint8]) -> Tensor:
        """[n, h, w, 3] bytes -> [n, 3, h, w] in 0..1 on the device."""
        images = torch.from_numpy(canvases)
        if self._device.type == "cuda":
            images = images.pin_memory().to(self._device, non_blocking=True)
        return images.permute(0, 3, 1, 2).float() / 255


def label_table(categories: Sequence[str]) -> Tensor:
    """[categories] index of `CLASSES` for each of the network's categories, by name; -1 for what is none of ours."""
    return torch.tensor([CLASSES.index(name) if name in CLASSES else -1 for name in categories])


def stand_in(variants: Sequence[Variant], wanted: Variant, network: str) -> Variant:
    """`network` at the wanted resolution, or the next smaller one that it has, or its smallest.

    A frame was scaled for the wanted resolution: enlarging it would cost time and find no more.
    """
    if network == wanted.network:
        return wanted
    offered = sorted(variant for variant in variants if variant.network == network)
    return next((each for each in reversed(offered) if each.resolution <= wanted.resolution), offered[0])


def _to_lists(found: list[dict[str, Any]], labels: Tensor, height: int, width: int) -> list[list[Detection]]:
    """torchvision's results -> detections of `CLASSES`, sides normalised to the canvas. One copy from the device."""
    sizes = [len(each["scores"]) for each in found]
    label = labels[torch.cat([each["labels"] for each in found])]
    canvas = torch.tensor([width, height, width, height], device=label.device)
    sides = (torch.cat([each["boxes"] for each in found]).float() / canvas).clamp_(0, 1)
    score = torch.cat([each["scores"] for each in found]).float()
    rows = torch.split(torch.cat([label[:, None].float(), score[:, None], sides], dim=1).cpu(), sizes)
    return [[Detection(int(row[0]), *row[1:]) for row in image.tolist() if row[0] >= 0] for image in rows]
