"""Names of COCO's classes, which most published detectors find."""

from __future__ import annotations

import itertools

NAMES: tuple[str, ...] = (
    *("person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light"),
    *("fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow"),
    *("elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee"),
    *("skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard"),
    *("tennis racket", "bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple"),
    *("sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch"),
    *("potted plant", "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard"),
    *("cell phone", "microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors"),
    *("teddy bear", "hair drier", "toothbrush"),
)
"""The 80 that are labelled, in their order."""

_UNUSED = {0, 12, 26, 29, 30, 45, 66, 68, 69, 71, 83}
"""Numbers up to 90 that no category has."""


def by_number() -> tuple[str, ...]:
    """91 names by COCO's own numbers, empty where there is none: how torchvision, TensorFlow and DETR count."""
    names = iter(NAMES)
    numbered = tuple("" if number in _UNUSED else next(names) for number in range(91))
    assert not list(itertools.islice(names, 1))
    return numbered
