"""Detectors of other families as ONNX graphs, made by their own frameworks: what `benchmarks.onnx_families` compares.

Their weights are random: no trained ones are at hand. They are made so that answers differ from picture to picture and
from box to box, for among scores that are all alike a comparison would find nothing: norms have the statistics of the
pictures, and the last layers a spread like that of trained ones.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.models import detection
from torchvision.models.detection.image_list import ImageList

MOST = 100
"""Boxes of a picture that are compared."""
SEED = 5
Run = Callable[[], object]


@dataclass(frozen=True)
class Found:
    """Boxes of one picture, best first: classes by label, scores, sides in pixels."""

    labels: Tensor
    scores: Tensor
    sides: Tensor


@dataclass(frozen=True)
class Graph:
    """A network as it is exported, and what its framework makes of its outputs."""

    name: str
    words: str
    network: nn.Module
    """Pictures 0..1 as the manifest has them prepared -> outputs."""
    outputs: tuple[str, ...]
    height: int
    width: int
    own: Callable[[Tensor], list[Found]]
    """The framework's own answers for pictures [n, 3, h, w], 0..1: everything, however little it scores."""
    classes: tuple[str, ...]
    manifest: str
    """[input], [output] and [thresholds] of `model.toml`."""
    batched: bool = True
    """Whether it takes batches; else one picture, without an axis for it."""
    dynamo: bool = True
    """Whether PyTorch's present exporter can write it; else the one before."""
    first_label: int = 0
    """The framework's label of the first class that has a name."""
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    arrays: dict[str, Any] = field(default_factory=dict)
    """Further files of the package."""

    def inputs(self, pictures: Tensor) -> Tensor:
        """Pictures 0..1 -> what the network takes."""
        return (pictures - torch.tensor(self.mean)[:, None, None]) / torch.tensor(self.std)[:, None, None]

    def write(self, folder: Path) -> None:
        """The package: the graph, its `model.toml` and what else it needs."""
        folder.mkdir(parents=True, exist_ok=True)
        example = (
            torch.zeros(2, 3, self.height, self.width) if self.batched else torch.zeros(3, self.height, self.width)
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                self.network, (example,), folder / "model.onnx", input_names=["images"],
                output_names=list(self.outputs), external_data=False, verbose=False, dynamo=self.dynamo, **self._axes(),
            )  # fmt: skip
        for name, array in self.arrays.items():
            np.save(folder / name, array)
        (folder / "model.toml").write_text(self._manifest())

    def _axes(self) -> dict[str, Any]:
        if not self.batched:
            return {}
        if self.dynamo:
            return {"dynamic_shapes": ({0: torch.export.Dim("batch")},)}
        return {"dynamic_axes": {name: {0: "batch"} for name in ("images", *self.outputs)}}

    def _manifest(self) -> str:
        return f"""name = "{self.name}"
classes = {json.dumps(self.classes)}
{"" if self.batched else "batches = [1]"}
[[sizes]]
name = "{self.name}"
file = "model.onnx"
width = {self.width}
height = {self.height}
accuracy = 0.0
source = "random weights, which find nothing"

{self.manifest}"""


def lively(network: nn.Module, run: Run, heads: Sequence[tuple[nn.Module, float]]) -> None:
    """Have norms know the pictures that `run` shows, and each of `heads` answer with such a deviation."""
    norms = [part for part in network.modules() if isinstance(part, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None
        norm.reset_running_stats()
        norm.train()
    with torch.no_grad():
        run()
        network.eval()
        for layer, deviation in heads:
            spread(layer, run, deviation)


def spread(layer: Any, run: Run, deviation: float) -> None:
    """Scale a layer's weights."""
    if not layer.weight.any():
        nn.init.normal_(layer.weight)
    seen: list[Tensor] = []
    hook = layer.register_forward_hook(lambda layer, given, result: seen.append(result.flatten()))
    run()
    hook.remove()
    layer.weight *= deviation / torch.cat(seen).std()


class OnePicture(nn.Module):
    """A detector of torchvision as its users export it: one picture in, the boxes it chose out."""

    def __init__(self, detector: nn.Module) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[3, h, w], 0..1 -> boxes [k, 4], scores [k], labels [k]."""
        (found,) = self.detector([picture])
        return found["boxes"], found["scores"], found["labels"]


class Heads(nn.Module):
    """The network of such a detector alone: normalised pictures in, what its heads say of each anchor out."""

    def __init__(self, detector: Any) -> None:
        super().__init__()
        self.backbone, self.head = detector.backbone, detector.head

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """[n, 3, h, w] -> logits [n, anchors, classes], deltas [n, anchors, 4]."""
        said = self.head(list(self.backbone(images).values()))
        return said["cls_logits"], said["bbox_regression"]


def torchvision_graphs(detector: Any, name: str, size: tuple[int, int], heads: str, shared: str) -> list[Graph]:
    """Such a detector both ways. `heads`, `shared`: lines of the manifest, for heads alone and for both."""
    height, width = size
    mean, std = tuple(detector.transform.image_mean), tuple(detector.transform.image_std)

    def own(pictures: Tensor) -> list[Found]:
        with torch.inference_mode():
            answers = [detector([picture])[0] for picture in pictures]
        return [Found(each["labels"], each["scores"], each["boxes"]) for each in answers]

    with torch.inference_mode():
        features = list(detector.backbone(torch.zeros(1, 3, height, width)).values())
        (anchors,) = detector.anchor_generator(ImageList(torch.zeros(1, 3, height, width), [(height, width)]), features)
    categories = detection.SSDLite320_MobileNet_V3_Large_Weights.COCO_V1.meta["categories"]
    classes = ("", *(each if each != "N/A" else f"category {label}" for label, each in enumerate(categories) if label))
    common: dict[str, Any] = {"own": own, "height": height, "width": width, "classes": classes, "first_label": 1}
    return [
        Graph(
            name, f"torchvision {name}, boxes chosen in the graph", OnePicture(detector).eval(),
            ("boxes", "scores", "labels"), batched=False, dynamo=False,
            manifest=f'[input]\nlayout = "CHW"\nscale = {1 / 255}\n{shared}\n\n[output]\ndecoder = "boxes"\n', **common,
        ),
        Graph(
            f"{name}-heads", f"torchvision {name}, heads alone", Heads(detector).eval(),
            ("cls_logits", "bbox_regression"), mean=mean, std=std,
            arrays={f"anchors-{name}-heads.npy": anchors.numpy()},
            manifest=f"[input]\nscale = {1 / 255}\nmean = {list(mean)}\nstd = {list(std)}\n{shared}\n\n{heads}",
            **common,
        ),
    ]  # fmt: skip


def ssdlite(pictures: Callable[[int, int], Tensor]) -> list[Graph]:
    """SSDlite with MobileNetV3, 320 x 320 pixels."""
    torch.manual_seed(SEED)
    detector: Any = detection.ssdlite320_mobilenet_v3_large(
        weights=None, weights_backbone=None, score_thresh=0.0, detections_per_img=MOST, topk_candidates=MOST
    ).eval()
    shown = pictures(320, 320) * 2 - 1
    last = [(level[-1], 2.0) for level in detector.head.classification_head.module_list]
    last += [(level[-1], 1.0) for level in detector.head.regression_head.module_list]
    lively(detector, lambda: Heads(detector)(shown), last)
    heads = (
        '[output]\ndecoder = "anchors"\nactivation = "softmax"\nweights = [10.0, 10.0, 5.0, 5.0]\n\n'
        "[thresholds]\nnms_iou = 0.55\n"
    )
    return torchvision_graphs(detector, "ssdlite", (320, 320), heads, 'fit = "stretch"')


def retinanet(pictures: Callable[[int, int], Tensor]) -> list[Graph]:
    """RetinaNet with ResNet-50, 320 x 256 pixels."""
    torch.manual_seed(SEED)
    detector: Any = detection.retinanet_resnet50_fpn(
        weights=None, weights_backbone=None, score_thresh=0.0, detections_per_img=MOST, min_size=256, max_size=320
    ).eval()
    transform = detector.transform
    mean, std = torch.tensor(transform.image_mean), torch.tensor(transform.image_std)
    shown = (pictures(256, 320) - mean[:, None, None]) / std[:, None, None]
    last = [(detector.head.classification_head.cls_logits, 1.5), (detector.head.regression_head.bbox_reg, 0.3)]
    lively(detector, lambda: Heads(detector)(shown), last)
    heads = '[output]\ndecoder = "anchors"\n\n[thresholds]\nnms_iou = 0.5\n'
    return torchvision_graphs(detector, "retinanet", (256, 320), heads, 'fit = "letterbox-top-left"')


class Queries(nn.Module):
    """A detector of transformers with its two outputs."""

    def __init__(self, detector: nn.Module) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """[n, 3, h, w], 0..1 -> logits [n, queries, classes], boxes [n, queries, 4]: centre and size as shares."""
        said = self.detector(images)
        return said.logits, said.pred_boxes


def rtdetr(pictures: Callable[[int, int], Tensor]) -> list[Graph]:
    """RT-DETR v2 with ResNet-18 and three decoder layers, 320 x 320 pixels, from its configuration."""
    from transformers import RTDetrImageProcessor, RTDetrResNetConfig, RTDetrV2Config, RTDetrV2ForObjectDetection

    torch.manual_seed(SEED)
    backbone = RTDetrResNetConfig(
        depths=[2, 2, 2, 2], hidden_sizes=[64, 128, 256, 512], embedding_size=64, layer_type="basic",
        out_features=["stage2", "stage3", "stage4"],
    )  # fmt: skip
    config = RTDetrV2Config(
        backbone_config=backbone, encoder_in_channels=[128, 256, 512], decoder_layers=3, num_labels=80,
        freeze_backbone_batch_norms=False,
    )  # fmt: skip
    detector: Any = RTDetrV2ForObjectDetection(config).eval()
    network, shown = Queries(detector).eval(), pictures(320, 320)
    inner = detector.model
    last = [(inner.enc_score_head, 1.5), (inner.enc_bbox_head.layers[-1], 0.5)]
    last += [(layer, 1.5) for layer in inner.decoder.class_embed]
    last += [(layer.layers[-1], 0.3) for layer in inner.decoder.bbox_embed]
    lively(network, lambda: network(shown), last)
    processor = RTDetrImageProcessor()

    def own(given: Tensor) -> list[Found]:
        with torch.inference_mode():
            said = detector(given)
        answers = processor.post_process_object_detection(said, threshold=0.0, target_sizes=[(320, 320)] * len(given))
        return [Found(each["labels"][:MOST], each["scores"][:MOST], each["boxes"][:MOST]) for each in answers]

    manifest = f'[input]\nscale = {1 / 255}\nfit = "stretch"\n\n[output]\ndecoder = "detr"\n'
    classes = tuple(f"class {label}" for label in range(80))
    words, outputs = "transformers RT-DETR v2, queries", ("logits", "pred_boxes")
    return [Graph("rtdetr", words, network, outputs, 320, 320, own, classes, manifest, dynamo=False)]


FAMILIES: dict[str, Callable[[Callable[[int, int], Tensor]], list[Graph]]] = {
    "ssdlite": ssdlite,
    "retinanet": retinanet,
    "rtdetr": rtdetr,
}
