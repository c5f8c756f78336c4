"""Torchvision's detectors as a model: the baseline with one network for each size. Known only once torch is loaded."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from jellyfish.core import Task
from jellyfish.errors import InputError
from jellyfish.models.model import Description, EngineOptions, Size
from jellyfish.models.torchvision.names import SOURCE, names_of

if TYPE_CHECKING:
    from jellyfish.models.torchvision.engine import ZooEngine
    from jellyfish.models.torchvision.networks import Zoo


class TorchvisionModel:
    """Networks that are loaded as they are wanted, beside the one that runs."""

    def __init__(self, zoo: Zoo) -> None:
        self._zoo = zoo
        self.description = _described(zoo)

    def engine(self, options: EngineOptions) -> ZooEngine:
        """See `Model.engine`."""
        from jellyfish.models.torch_device import opened_device
        from jellyfish.models.torchvision.engine import ZooEngine

        return ZooEngine(self._zoo, opened_device(options), least_score=options.least_score)


def open_torchvision(part: str, weights: Path | None) -> TorchvisionModel:
    """The networks in `part` (all where it is empty), with the state files in the folder `weights`. InputError."""
    names_of(part)
    if weights is not None and not weights.is_dir():
        raise InputError(f"--weights {weights}: there is no such folder; of {SOURCE} it is that of the state files")
    from jellyfish.models.torchvision.networks import open_zoo

    return TorchvisionModel(open_zoo(part, weights))


def _described(zoo: Zoo) -> Description:
    from jellyfish.models.torchvision.networks import CLASSES, input_size

    source = "measured: F1, as the cards beside the state files say"
    if not zoo.measured:
        source = "guessed from the published box AP on COCO (docs/models.md)"
    sizes = [
        Size(each, input_size(each.resolution), zoo.accuracy(each), source, zoo.threshold(each.network))
        for each in zoo.variants()
    ]
    return Description(
        name=SOURCE,
        version=version(SOURCE),
        task=Task.DETECTION,
        classes=CLASSES,
        sizes=tuple(sizes),
        identity=zoo.identity,
        libraries=("torch", SOURCE),
    )
