"""The catalogue of static detectors: what there is, what it is worth, and how it comes from a file to a device.

The networks and their weights are torchvision's, trained on COCO. State files are read as tensors only (no pickled
objects): a file cannot run code. Every way in which they can be wrong is an `InputError`.
"""

from __future__ import annotations

import copy
import hashlib
import math
import pickle
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple, cast

import msgspec
import torch
import torchvision
from torch import Tensor, nn
from torchvision.models import detection

from jellyfish.core import InputSize, Variant
from jellyfish.errors import InputError
from jellyfish.models.torchvision.canvas import CanvasTransform
from jellyfish.models.torchvision.names import SOURCE, names_of

SCORE_THRESHOLD = 0.5
"""Least score of a detection where no card says better."""
MAXIMUM_DETECTIONS = 100
SIZE_EXPONENT = 0.4
"""COCO box AP falls about as this power of the image's size. From torchvision's own figures: its Faster R-CNN with
MobileNetV3 has an AP of 0.328 with images of 800 pixels and of 0.228 with 320."""

STRIDE = 32
"""Sides of a canvas are multiples of it."""

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Pixels = Annotated[int, msgspec.Meta(ge=32, le=4096)]


def input_size(resolution: int) -> InputSize:
    """The canvas at `resolution`: 16:9, as most cameras, rounded up to the stride."""
    return InputSize(resolution, STRIDE * math.ceil(resolution * 9 / 16 / STRIDE))


class Network(NamedTuple):
    """A static detector as torchvision knows it."""

    name: str
    build: Callable[..., nn.Module]
    published: Any
    """torchvision's entry of the weights: where they are, and what they reach on COCO."""
    native_side: int
    """Longest side in pixels of a 4:3 photograph at the size that the published accuracy is for."""
    resolutions: tuple[int, ...]
    fixed: bool = False
    """It scales whatever it gets to a size of its own."""
    option_prefix: str = ""
    """What torchvision puts before the names of the options for scores and counts."""
    norm_epsilon: float | None = None
    """Of the batch norms, where the published weights need another than the usual one."""

    @property
    def file_name(self) -> str:
        """Of the state file. It ends in the first digits of the file's SHA-256."""
        return str(self.published.url.rpartition("/")[2])

    @property
    def box_ap(self) -> float:
        """Published COCO box AP (0..1)."""
        return float(self.published.meta["_metrics"]["COCO-val2017"]["box_map"]) / 100

    def expected_accuracy(self, resolution: int) -> float:
        """A guess from published figures, until it is measured: COCO box AP, less for images smaller than its own."""
        return self.box_ap * math.pow(min(1.0, resolution / self.native_side), SIZE_EXPONENT)


NETWORKS: tuple[Network, ...] = (
    Network(
        "ssdlite",
        detection.ssdlite320_mobilenet_v3_large,
        detection.SSDLite320_MobileNet_V3_Large_Weights.COCO_V1,
        320,
        (320,),
        fixed=True,
    ),
    Network(
        "fasterrcnn_mobile",
        detection.fasterrcnn_mobilenet_v3_large_320_fpn,
        detection.FasterRCNN_MobileNet_V3_Large_320_FPN_Weights.COCO_V1,
        427,
        (320, 384, 448),
        option_prefix="box_",
    ),
    Network("fcos", detection.fcos_resnet50_fpn, detection.FCOS_ResNet50_FPN_Weights.COCO_V1, 1067, (320, 448)),
    Network(
        "retinanet",
        detection.retinanet_resnet50_fpn,
        detection.RetinaNet_ResNet50_FPN_Weights.COCO_V1,
        1067,
        (320, 448),
        norm_epsilon=0.0,
    ),
    Network(
        "retinanet_v2",
        detection.retinanet_resnet50_fpn_v2,
        detection.RetinaNet_ResNet50_FPN_V2_Weights.COCO_V1,
        1067,
        (320, 448),
    ),
    Network(
        "fasterrcnn_v2",
        detection.fasterrcnn_resnet50_fpn_v2,
        detection.FasterRCNN_ResNet50_FPN_V2_Weights.COCO_V1,
        1067,
        (320, 448),
        option_prefix="box_",
    ),
)
"""In order of size: of the operations that torchvision states for them."""


_CATEGORIES: list[str] = NETWORKS[0].published.meta["categories"]
"""As the networks count them, alike in all: those of COCO, which has numbers that no category uses any more."""
_UNUSED = ("__background__", "N/A")
CLASSES: tuple[str, ...] = tuple(name for name in _CATEGORIES if name not in _UNUSED)
"""By label."""
LABELS: tuple[int, ...] = tuple(CLASSES.index(name) if name in CLASSES else -1 for name in _CATEGORIES)
"""The label of each of the networks' categories; -1 for a number that none uses."""


class ZooCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON beside a state file: what the network was measured to find on the kind of images it is to see."""

    score_threshold: Share
    f1: Annotated[dict[Pixels, Share], msgspec.Meta(min_length=1)]
    """By resolution. The network is offered at these."""


class Zoo:
    """Some networks of the catalogue with their state files at hand."""

    def __init__(self, networks: Sequence[Network], folder: Path, cards: Mapping[str, ZooCard]) -> None:
        """`networks`: in order of size; `cards`: of all of them, or of none."""
        self._networks = {network.name: network for network in networks}
        self._folder, self._cards = folder, cards
        self._empty: dict[tuple[str, float], nn.Module] = {}
        """Networks without tensors, to copy: building one takes longer than reading its state."""

    @property
    def order(self) -> tuple[str, ...]:
        """The networks' names, small ones first."""
        return tuple(self._networks)

    @property
    def measured(self) -> bool:
        """Whether cards say how accurate its networks are."""
        return bool(self._cards)

    @property
    def identity(self) -> str:
        """A checksum of what latency depends on: which networks, with which weights, by which torchvision."""
        parts = [torchvision.__version__, *(network.file_name for network in self._networks.values())]
        parts += [f"{name}: {self.threshold(name)}" for name in self._networks]
        parts += [variant.name for variant in self.variants()]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def variants(self) -> tuple[Variant, ...]:
        """Every network at every resolution that it is offered at, small resolutions first, then small networks."""
        offered = [Variant(resolution, name) for name in self.order for resolution in self._resolutions(name)]
        return tuple(sorted(offered, key=lambda variant: variant.resolution))

    def accuracy(self, variant: Variant) -> float:
        """Measured F1 (0..1) where cards say it, otherwise what published figures let expect."""
        card = self._cards.get(variant.network)
        if card is not None:
            return card.f1[variant.resolution]
        return self._networks[variant.network].expected_accuracy(variant.resolution)

    def load(self, name: str, device: torch.device, least_score: float | None = None) -> nn.Module:
        """The network from its state file, on `device`, ready to run. InputError if the file does not fit it.

        `least_score`: of a detection; None takes the card's.
        """
        network, score = self._networks[name], self.threshold(name) if least_score is None else least_score
        if (name, score) not in self._empty:
            self._empty[name, score] = build_network(network, score)
        module = copy.deepcopy(self._empty[name, score])
        path = self._folder / network.file_name
        state = _read_state(path)
        for key in module.state_dict():
            if key.endswith("num_batches_tracked"):  # of use in training only; published states lack it
                state.setdefault(key, torch.zeros((), dtype=torch.int64))
        try:
            module.load_state_dict(state, assign=True)
        except RuntimeError as error:
            raise InputError(f"{path} is not the state of {name}: {str(error).splitlines()[-1].strip()}") from error
        module.eval().requires_grad_(False).to(device, torch.float32)
        return module.to(memory_format=torch.channels_last)

    def _resolutions(self, name: str) -> tuple[int, ...]:
        card = self._cards.get(name)
        return self._networks[name].resolutions if card is None else tuple(sorted(card.f1))

    def threshold(self, name: str) -> float:
        """The least score of a detection that this network answers with."""
        card = self._cards.get(name)
        return SCORE_THRESHOLD if card is None else card.score_threshold


def open_zoo(part: str, folder: Path | None) -> Zoo:
    """The networks in `part`, e.g. `ssdlite,fcos`; all of them where it is empty.

    `folder`: where their state files lie, named as torchvision names them, each with a card of the same name and
    `.json` if it was measured; None takes torchvision's own folder and downloads what is not there yet. Raises
    InputError: a name is unknown, a file is missing, a card is wrong or only some have one.
    """
    wanted = names_of(part)
    networks = [network for network in NETWORKS if network.name in wanted]
    for network in networks:
        if folder is None:
            _download(network)
        elif not (folder / network.file_name).is_file():
            raise InputError(
                f"{folder} has no {network.file_name}, the weights of {network.name}: put it there, or name only the "
                f"networks that you have, e.g. --model {SOURCE}:{networks[0].name}"
            )
    folder = folder or _download_folder()
    cards = {network.name: card for network in networks if (card := _read_card(folder, network)) is not None}
    lacking = [network.name for network in networks if network.name not in cards]
    if cards and lacking:
        raise InputError(
            f"{folder} has cards for {', '.join(cards)} but none for {', '.join(lacking)}: measured accuracy cannot be "
            "compared with expected; add the cards or take them all away"
        )
    return Zoo(networks, folder, cards)


def build_network(network: Network, score_threshold: float) -> nn.Module:
    """The network without tensors: neither memory nor random numbers for what its state file will bring."""
    prefix = network.option_prefix
    options = {f"{prefix}score_thresh": score_threshold, f"{prefix}detections_per_img": MAXIMUM_DETECTIONS}
    with torch.device("meta"):
        module = network.build(weights=None, weights_backbone=None, **options)
    if network.norm_epsilon is not None:
        for part in module.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.eps = network.norm_epsilon
    if not network.fixed:
        scaling = cast(Any, module.transform)
        module.transform = CanvasTransform(scaling.image_mean, scaling.image_std)
    return module


def _download_folder() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints"


def _download(network: Network) -> None:
    """Have torchvision's weights in its own folder."""
    path = _download_folder() / network.file_name
    if path.is_file():
        return
    checksum = path.stem.rpartition("-")[2]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(network.published.url, str(path), checksum, progress=False)
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"{network.published.url} cannot be downloaded ({error}); give the folder of your copy: --weights FOLDER"
        ) from error


def _read_card(folder: Path, network: Network) -> ZooCard | None:
    path = (folder / network.file_name).with_suffix(".json")
    if not path.exists():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=ZooCard)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not a card (docs/models.md): {error}") from error


def _read_state(path: Path) -> dict[str, Tensor]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise InputError(f"the weights {path} cannot be read: {error.strerror}") from error
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, ValueError) as error:
        reason = str(error).partition("\n")[0] or "it ends too soon"
        raise InputError(f"{path} is not a file of tensors: {reason}") from error
    if not isinstance(state, dict) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise InputError(f"{path} holds no tensors by name")
    return state
