"""Label files: what is truly in each picture of a set, or in each frame of a video, as COCO JSON; how one is written.

`street-avenue.mp4` has its labels in `street-avenue.labels.json`. Boxes are COCO's [left, top, width, height] in
pixels of the picture as a person sees it; `iscrowd` is 1 for objects to ignore (0 is left out); `frame`, `track_id` and
`visible` (0..1; 1 is left out) are additions that COCO readers pass over. `label_reader` is the one way back in.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from jellyfish.core import LabelledObject


class Info(msgspec.Struct, frozen=True):
    """How the labelled video came about."""

    description: str
    layout: str = ""
    seed: int = 0
    generator: int = 0


class Category(msgspec.Struct, frozen=True):
    """A class of objects."""

    id: int
    name: str


class Image(msgspec.Struct, frozen=True, omit_defaults=True):
    """One picture of a set, by the name of its file, or one frame of a video, by its index."""

    id: int
    width: int
    height: int
    frame: int | None = None
    file_name: str | None = None


class Annotation(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One object in one picture."""

    id: int | None = None
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    area: float | None = None
    iscrowd: int | bool = 0
    track_id: int = 0
    visible: float = 1.0


class LabelFile(msgspec.Struct, frozen=True):
    """What is read of a file; whatever else is in one is passed over."""

    categories: tuple[Category, ...]
    images: tuple[Image, ...]
    annotations: tuple[Annotation, ...]


class VideoLabelFile(msgspec.Struct, frozen=True):
    """What is written beside a video."""

    info: Info
    categories: tuple[Category, ...]
    images: tuple[Image, ...]
    annotations: tuple[Annotation, ...]


def category_id(label: int) -> int:
    """Of a class, where we write it."""
    return label + 1


def labels_path(video: Path) -> Path:
    """Where the labels of a video lie."""
    return video.with_suffix(".labels.json")


def save_labels(
    path: Path,
    frames: Sequence[Sequence[LabelledObject]],
    classes: Sequence[str],
    width: int,
    height: int,
    info: Info,
) -> None:
    """Write the labels of all frames, boxes rounded to a tenth of a pixel. `classes`: names by label."""
    annotations: list[Annotation] = []
    for index, objects in enumerate(frames):
        for thing in objects:
            annotations.append(_annotation(len(annotations) + 1, index + 1, thing, width, height))
    content = VideoLabelFile(
        info=info,
        categories=tuple(Category(category_id(label), name) for label, name in enumerate(classes)),
        images=tuple(Image(index + 1, width, height, index) for index in range(len(frames))),
        annotations=tuple(annotations),
    )
    path.write_bytes(msgspec.json.encode(content))


def _annotation(number: int, image: int, thing: LabelledObject, width: int, height: int) -> Annotation:
    left, top = round(thing.left * width, 1), round(thing.top * height, 1)
    wide, high = round(thing.right * width - left, 1), round(thing.bottom * height - top, 1)
    return Annotation(
        id=number,
        image_id=image,
        category_id=category_id(thing.label),
        bbox=(left, top, wide, high),
        area=round(wide * high),
        iscrowd=int(thing.ignore),
        track_id=thing.track,
        visible=round(thing.visible, 2),
    )
