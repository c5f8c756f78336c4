"""How boxes or scores come out of a network, by the name that `model.toml` gives. One file each."""

from __future__ import annotations

from jellyfish.core import Task
from jellyfish.models.onnx.decoders.anchors import AnchorDecoder
from jellyfish.models.onnx.decoders.boxes import BoxesDecoder
from jellyfish.models.onnx.decoders.decoder import Decoder
from jellyfish.models.onnx.decoders.detr import DetrDecoder
from jellyfish.models.onnx.decoders.rows import RowsDecoder
from jellyfish.models.onnx.decoders.scores import ScoresDecoder
from jellyfish.models.onnx.decoders.yolov5 import YoloV5Decoder
from jellyfish.models.onnx.decoders.yolov8 import YoloV8Decoder
from jellyfish.models.onnx.decoders.yolox import YoloXDecoder

DECODERS: dict[Task, dict[str, type[Decoder]]] = {
    Task.DETECTION: {
        "boxes": BoxesDecoder,
        "rows": RowsDecoder,
        "yolox": YoloXDecoder,
        "yolov5": YoloV5Decoder,
        "yolov8": YoloV8Decoder,
        "detr": DetrDecoder,
        "anchors": AnchorDecoder,
    },
    Task.CLASSIFICATION: {"scores": ScoresDecoder},
}
