"""The slimmable detector as a model: what its card says, and engines of its weights. Torch is loaded by the engines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jellyfish.core import Task
from jellyfish.errors import InputError
from jellyfish.models.model import Description, EngineOptions, Size
from jellyfish.models.slimmable.card import SHIPPED, Card, CardedVariants, read_weights
from jellyfish.models.slimmable.street import input_size
from jellyfish.models.weights_file import card_path

if TYPE_CHECKING:
    from jellyfish.models.slimmable.engine import DetectorEngine

IN_FLIGHT = 2
"""Batches that a GPU is given: one that runs, and the next."""
NAMES = (
    "The name w075e2-320, for example, says: 75 % of the channels (w075) up to the second exit (e2, all of the "
    "network; e1 leaves out its last third) on frames of 320 pixels."
)


class SlimmableModel:
    """All sizes of one network: any of them can run at any time, and in a process of its own."""

    def __init__(self, weights: Path | None, card: Card) -> None:
        """`weights`: the file that `card` is of; None: the one that ships."""
        self._weights = weights
        self.description = _described(card, card_path(weights or SHIPPED))

    def engine(self, options: EngineOptions) -> DetectorEngine:
        """See `Model.engine`."""
        from jellyfish.models.slimmable.engine import DetectorEngine
        from jellyfish.models.slimmable.weights import load_weights
        from jellyfish.models.torch_device import opened_device

        device, pipelined = opened_device(options), None
        if device.type == "cuda":
            from jellyfish.models.cuda import CudaAccelerator
            from jellyfish.models.slimmable.device_pipeline import Pipelined

            pipelined = Pipelined(CudaAccelerator(device), IN_FLIGHT, options.max_batch)
        return DetectorEngine(load_weights(self._weights), device, None, options.least_score, pipelined)


def open_slimmable(part: str, weights: Path | None) -> SlimmableModel:
    """The detector with these weights, or with those that ship. InputError for what cannot be used."""
    if part:
        raise InputError(f"the slimmable detector has no part {part!r}: --variant names one of its sizes")
    return SlimmableModel(weights, read_weights(weights)[0])


def _described(card: Card, path: Path) -> Description:
    known = CardedVariants(card)
    sets = ", ".join(f"{each.name} ({each.images:,} images)" for each in card.evaluations)
    source = f"measured: mean F1 on {sets}; {path}" if sets else f"as {path} says"
    sizes = [
        Size(each, input_size(each.resolution), known.accuracy(each), source, known.score_threshold(each))
        for each in known.variants()
    ]
    return Description(
        name="slimmable",
        version=card.sha256[:8],
        task=Task.DETECTION,
        classes=card.classes,
        sizes=tuple(sizes),
        identity=card.sha256,
        libraries=("torch",),
        preload=("jellyfish.models.slimmable.engine", "jellyfish.models.slimmable.weights"),
        in_flight=IN_FLIGHT,
        mixes=True,
        movable=True,
        notes=(NAMES,),
    )
