"""Label files: what is truly in each frame of a video, as COCO JSON beside it. Knows nothing of video.

`street-avenue.mp4` has its labels in `street-avenue.labels.json`. Boxes are COCO's [left, top, width, height] in
pixels; `iscrowd` is 1 for objects to ignore (0 is left out); `track_id` and `visible` (0..1; 1 is left out) are
additions that COCO readers pass over.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from jellyfish.core import CLASSES, LabelledObject
from jellyfish.errors import InputError


class Info(msgspec.Struct, frozen=True):
    """How the labelled video came about."""

    description: str
    layout: str = ""
    seed: int = 0
    generator: int = 0


class Category(msgspec.Struct, frozen=True):
    """A class of objects; the id is the label index + 1."""

    id: int
    name: str


class Image(msgspec.Struct, frozen=True):
    """One frame of the video; `frame` is its index."""

    id: int
    width: int
    height: int
    frame: int


class Annotation(msgspec.Struct, frozen=True, omit_defaults=True):
    """One object in one frame."""

    id: int
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    area: float
    iscrowd: int = 0
    track_id: int = 0
    visible: float = 1.0


class LabelFile(msgspec.Struct, frozen=True):
    """The whole file."""

    info: Info
    categories: list[Category]
    images: list[Image]
    annotations: list[Annotation]


def labels_path(video: Path) -> Path:
    """Where the labels of a video lie."""
    return video.with_suffix(".labels.json")


def save_labels(path: Path, frames: Sequence[Sequence[LabelledObject]], width: int, height: int, info: Info) -> None:
    """Write the labels of all frames, boxes rounded to a tenth of a pixel."""
    annotations: list[Annotation] = []
    for index, objects in enumerate(frames):
        for thing in objects:
            annotations.append(_annotation(len(annotations) + 1, index + 1, thing, width, height))
    content = LabelFile(
        info=info,
        categories=[Category(index + 1, name) for index, name in enumerate(CLASSES)],
        images=[Image(index + 1, width, height, index) for index in range(len(frames))],
        annotations=annotations,
    )
    path.write_bytes(msgspec.json.encode(content))


def load_labels(path: Path) -> list[list[LabelledObject]]:
    """The objects of each frame, by frame index.

    Raises InputError when the file is missing, is not a label file, or contradicts itself.
    """
    try:
        content = msgspec.json.decode(path.read_bytes(), type=LabelFile)
    except OSError as error:
        raise InputError(f"cannot read the labels {path}: {error.strerror or error}") from error
    except msgspec.MsgspecError as error:
        raise InputError(f"{path} is not a label file in COCO format: {error}") from error
    try:
        return _by_frame(content)
    except ValueError as error:
        raise InputError(f"the labels {path} contradict themselves: {error}; make or fetch the file again") from error


def _annotation(number: int, image: int, thing: LabelledObject, width: int, height: int) -> Annotation:
    left, top = round(thing.left * width, 1), round(thing.top * height, 1)
    wide, high = round(thing.right * width - left, 1), round(thing.bottom * height - top, 1)
    return Annotation(
        id=number,
        image_id=image,
        category_id=thing.label + 1,
        bbox=(left, top, wide, high),
        area=round(wide * high),
        iscrowd=int(thing.ignore),
        track_id=thing.track,
        visible=round(thing.visible, 2),
    )


def _by_frame(content: LabelFile) -> list[list[LabelledObject]]:
    """Objects by frame index; raises ValueError saying what does not fit together."""
    labels = {category.id: _label(category) for category in content.categories}
    images = {image.id: image for image in content.images}
    if len(images) != len(content.images):
        raise ValueError("two images share an id")
    if sorted(image.frame for image in content.images) != list(range(len(images))):
        raise ValueError(f"the frame numbers of {len(images)} images do not run from 0 to {len(images) - 1}")
    frames: list[list[LabelledObject]] = [[] for _ in images]
    for annotation in content.annotations:
        image = images.get(annotation.image_id)
        if image is None:
            raise ValueError(f"annotation {annotation.id} is of image {annotation.image_id}, which is not listed")
        if annotation.category_id not in labels:
            raise ValueError(f"annotation {annotation.id} is of category {annotation.category_id}, which is not listed")
        frames[image.frame].append(_object(annotation, labels[annotation.category_id], image))
    return frames


def _label(category: Category) -> int:
    if category.name not in CLASSES:
        raise ValueError(f"category {category.name!r} is unknown; known are {', '.join(CLASSES)}")
    return CLASSES.index(category.name)


def _object(annotation: Annotation, label: int, image: Image) -> LabelledObject:
    left, top, wide, high = annotation.bbox
    right, bottom = left + wide, top + high
    slack = 0.11  # what rounding to a tenth may add
    if min(left, top) < 0 or min(wide, high) <= 0 or right > image.width + slack or bottom > image.height + slack:
        raise ValueError(f"the box {list(annotation.bbox)} of annotation {annotation.id} is not inside its image")
    return LabelledObject(
        track=annotation.track_id,
        label=label,
        left=left / image.width,
        top=top / image.height,
        right=min(right / image.width, 1.0),
        bottom=min(bottom / image.height, 1.0),
        visible=annotation.visible,
        ignore=bool(annotation.iscrowd),
    )
