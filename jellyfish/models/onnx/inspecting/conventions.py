"""How pictures are prepared for the networks of a family, as those who publish them do it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from jellyfish.models.onnx.inspecting.families import Family
from jellyfish.models.onnx.inspecting.guess import Guess, Sure
from jellyfish.models.onnx.inspecting.inputs import ImageInput
from jellyfish.models.onnx.manifest import ColourOrder, Fit

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
NEITHER = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
GREY, BLACK = (114, 114, 114), (0, 0, 0)
"""Of the space beside a frame: YOLO's, and others'."""


@dataclass(frozen=True)
class Convention:
    """What becomes of a picture, and which boxes count."""

    who: str
    """Whose way it is."""
    fit: Fit
    bytes_scale: float = 1 / 255
    colour: ColourOrder = ColourOrder.RGB
    shift: tuple[tuple[float, float, float], tuple[float, float, float]] = NEITHER
    """Mean and deviation."""
    padding: tuple[int, int, int] = BLACK
    score: float = 0.3
    nms_iou: float = 0.5
    sure: Sure = Sure.LIKELY

    def guesses(self) -> list[Guess]:
        """As people read them."""
        way = f"as {self.who}"
        scale = "1" if self.bytes_scale == 1 else "1/255"
        shift = "" if self.shift == NEITHER else ", less ImageNet's mean, by its deviation"
        return [
            Guess("fit", self.fit, self.sure, way),
            Guess("colour", self.colour, self.sure, way),
            Guess("scale", f"{scale}{shift}", self.sure, way),
            Guess("score", f"{self.score:g}", Sure.GUESS, "the least of a box: yours to choose"),
        ]


_CONVENTIONS = {
    "yolox": Convention("YOLOX's authors", Fit.TOP_LEFT, 1.0, ColourOrder.BGR, padding=GREY, score=0.25, nms_iou=0.65),
    "yolov5": Convention("YOLOv5", Fit.CENTRE, padding=GREY, score=0.25, nms_iou=0.45),
    "yolov8": Convention("YOLOv8 and v11", Fit.CENTRE, padding=GREY, score=0.25, nms_iou=0.7),
    "rows": Convention("YOLO exported with NMS", Fit.CENTRE, padding=GREY, score=0.25, sure=Sure.GUESS),
    "detr": Convention("RT-DETR and D-FINE", Fit.STRETCH, score=0.4, sure=Sure.GUESS),
    "detr by ImageNet": Convention("DETR and RF-DETR", Fit.STRETCH, shift=IMAGENET, score=0.4, sure=Sure.GUESS),
    "boxes": Convention("torchvision, which shifts inside", Fit.TOP_LEFT, score=0.4, sure=Sure.GUESS),
    "boxes of a square": Convention("RT-DETR, D-FINE, TensorFlow", Fit.STRETCH, score=0.4, sure=Sure.GUESS),
    "anchors": Convention("torchvision's RetinaNet; SSDlite has .5", Fit.STRETCH, shift=IMAGENET, sure=Sure.GUESS),
    "scores": Convention("classifiers by ImageNet", Fit.STRETCH, shift=IMAGENET, sure=Sure.GUESS),
    "": Convention("many", Fit.STRETCH, sure=Sure.GUESS),
}
"""By decoder, and what tells those of one apart."""


def convention_of(family: Family, given: ImageInput) -> Convention:
    """Of a graph of this family."""
    key = family.decoder
    if key == "detr" and (family.options.get("boxes") == "dets" or family.classes in (91, 92)):
        key = "detr by ImageNet"
    if key == "boxes" and (given.size_name or family.options.get("normalised")):
        key = "boxes of a square"
    found = _CONVENTIONS[key]
    return replace(found, bytes_scale=1.0, shift=NEITHER) if given.takes_bytes else found
