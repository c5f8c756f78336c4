"""COCO's average precision of detections, by faster-coco-eval. Knows nothing of networks, images or thresholds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster
from numpy.typing import NDArray

from jellyfish.core import LabelledObject

Found = NDArray[np.float64]
"""[k, 6]: label, score, left, top, right, bottom of what was found in one image, sides as shares of it."""

MOST_DETECTIONS = 100
"""In an image, the best ones: COCO's own limit."""
_EVERY_AREA = [0.0, 1e10]


class AveragePrecision(NamedTuple):
    """Means over the classes that there are objects of."""

    ap50: float
    """At an IoU of 0.5."""
    ap: float
    """Mean over the IoU thresholds 0.50, 0.55 .. 0.95."""


class GroundTruth:
    """The objects of a set of images, against which any number of detectors can be held.

    An object to ignore is COCO's `iscrowd`: detections of its class that lie on it are neither right nor wrong.
    """

    def __init__(self, images: Sequence[Sequence[LabelledObject]], classes: Sequence[str]) -> None:
        """`images`: the objects of each image; `classes`: names by label."""
        self._classes = classes
        self._images = len(images)
        self._truth = self._coco(
            _annotation((o.left, o.top, o.right, o.bottom), image, o.label, iscrowd=int(o.ignore))
            for image, objects in enumerate(images)
            for o in objects
        )

    def average_precision(self, found: Sequence[Found]) -> AveragePrecision:
        """Of the detections in each image, in the images' order.

        Without a single object to find both figures are 0.
        """
        assert len(found) == self._images
        results = self._coco(
            _annotation(sides, image, int(label), score=score)
            for image, rows in enumerate(found)
            for label, score, *sides in rows.tolist()
        )
        evaluation = COCOeval_faster(self._truth, results, "bbox")
        evaluation.params.maxDets = [MOST_DETECTIONS]
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [_EVERY_AREA], ["all"]
        evaluation.evaluate()
        evaluation.accumulate()
        precision = evaluation.eval["precision"]  # [IoU thresholds, recalls, classes, 1, 1]; -1: nothing to find
        known = precision[0, 0, :, 0, 0] >= 0
        if not known.any():
            return AveragePrecision(0.0, 0.0)
        return AveragePrecision(float(precision[0][:, known].mean()), float(precision[:, :, known].mean()))

    def _coco(self, annotations: Iterable[dict[str, Any]]) -> COCO:
        return COCO(
            {
                "images": [{"id": image} for image in range(self._images)],
                "categories": [{"id": label, "name": name} for label, name in enumerate(self._classes)],
                "annotations": [annotation | {"id": number} for number, annotation in enumerate(annotations, start=1)],
            }
        )


def _annotation(sides: Sequence[float], image: int, label: int, **more: float) -> dict[str, Any]:
    left, top, right, bottom = sides
    box = [left, top, right - left, bottom - top]
    return {"image_id": image, "category_id": label, "bbox": box, "area": box[2] * box[3], **more}
