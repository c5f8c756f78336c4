"""Labels read, from COCO JSON: the one way in, for labels beside a video and for those of a set of pictures.

There is one rule for each thing that may be wrong with them (docs/labels.md). What would make a figure wrong without a
word is refused; what can be done without is left out, counted, and told in `notes`. Pictures are not looked at here,
nor are models: labels keep their own classes, and what a model makes of those is asked of `LabelledClasses`.
"""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from jellyfish.classes import same_name, translation
from jellyfish.core import LabelledObject
from jellyfish.errors import InputError
from jellyfish.media.files import legible, require_file
from jellyfish.media.labels import Annotation, Image, LabelFile

SLACK_PX = 1.0
"""A box may reach so far beyond its picture, from rounding or from counting pixels from one; it is cut there."""
LEAST_SIDE_PX = 16
"""Of pictures at least so large, no object lies within the very first pixel: such boxes are shares."""
NAMED = 5
"""Of many classes, so many are told by name."""

_KeyT = TypeVar("_KeyT", bound=Hashable)
_BOXES_ARE = "boxes are [left, top, width, height] in pixels"


@dataclass(frozen=True, slots=True)
class LabelledClasses:
    """The classes that a label file speaks of."""

    file: str
    """As people call it."""
    names: tuple[str, ...]
    """By label, as the file writes them."""
    boxes: tuple[int, ...]
    """Of each, likewise."""

    def notes(self, classes: Sequence[str]) -> list[str]:
        """What a person should know where a model finds `classes`: what is left out, and what is taken for what."""
        labels = translation(self.names, classes)
        if all(label is None for label in labels):
            return [f"{self.file}: accuracy is not measured, {self.nothing_known(classes)}"]
        unknown = Counter({name: self.boxes[own] for own, name in enumerate(self.names) if labels[own] is None})
        named = {name: classes[label] for name, label in zip(self.names, labels, strict=True) if label is not None}
        other = [f"{said} for {meant}" for said, meant in named.items() if said != meant]
        left_out = f"left out {_boxes(unknown.total())} of classes that the model does not know ({_some(unknown)})"
        told = [left_out] * bool(unknown.total()) + [f"took {', '.join(other)}"] * bool(other)
        return [f"{self.file}: {note}" for note in told]

    def nothing_known(self, classes: Sequence[str]) -> str:
        """Why nothing can be measured of a model that finds `classes`, none of which are here."""
        return f"for none of its categories ({_first(self.names)}) is one of the model's classes ({_first(classes)})"


@dataclass(frozen=True, slots=True)
class LabelSet:
    """A label file whose parts fit together."""

    images: tuple[Image, ...]
    objects: Mapping[int, list[LabelledObject]]
    """What is in each picture, by its id; sides as shares of it."""
    classes: LabelledClasses
    notes: tuple[str, ...]
    """What was left out, for people."""


@dataclass(frozen=True, slots=True)
class VideoLabels:
    """The labels of a video."""

    frames: list[list[LabelledObject]]
    """The objects of each frame, by its index."""
    classes: LabelledClasses
    notes: tuple[str, ...] = ()


def read_labels(path: Path) -> LabelSet:
    """The labels in a file. Raises InputError that says what is wrong with it, and what to do."""
    content = _decoded(path)
    try:
        _check_ids(content)
        reading = _Reading(content)
        for annotation in content.annotations:
            reading.take(annotation)
    except ValueError as error:
        raise InputError(f"the labels {path} cannot be used: {error}") from error
    file = legible(path)
    return LabelSet(content.images, reading.objects, reading.classes(file), reading.notes(file))


def read_video_labels(path: Path, video: str, frames: int, size: tuple[int, int]) -> VideoLabels:
    """The labels of the video called so, which has so many frames of (width, height). Raises InputError."""
    labels = read_labels(path)
    numbers = [image.frame for image in labels.images]
    if None in numbers:
        raise InputError(f"{path} does not say which frame each image is: give each its `frame`, from 0")
    if len(numbers) != frames:
        raise InputError(f"{path} labels {len(numbers)} frames, but {video} has {frames}: make both again")
    if sorted(number for number in numbers if number is not None) != list(range(frames)):
        raise InputError(f"the frame numbers of {path} do not run from 0 to {frames - 1}: make or fetch it again")
    for image in labels.images:
        check_size(image, size, f"{path}, frame {image.frame}", video)
    by_frame = sorted(labels.images, key=lambda image: image.frame or 0)
    return VideoLabels([labels.objects[image.id] for image in by_frame], labels.classes, labels.notes)


def check_size(image: Image, size: tuple[int, int], where: str, picture: object) -> None:
    """InputError unless labels are of a picture of this (width, height), as a person sees it."""
    if (image.width, image.height) == size:
        return
    advice = "label the picture as it is seen, or correct the labels"
    if (image.height, image.width) == size:
        advice = f"it may be turned by its own orientation (EXIF): {advice}"
    raise InputError(
        f"{where}: labelled at {image.width} x {image.height} pixels, but {picture} is {size[0]} x {size[1]}; {advice}"
    )


def _decoded(path: Path) -> LabelFile:
    require_file(path, "label file")
    try:
        return msgspec.json.decode(path.read_bytes().removeprefix(codecs.BOM_UTF8), type=LabelFile)
    except OSError as error:
        raise InputError(f"cannot read the labels {path}: {error.strerror or error}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not a label file in COCO format: {error}") from error


def _check_ids(content: LabelFile) -> None:
    """ValueError for what is there twice, or has no size."""
    for what, things in (
        ("images", content.images),
        ("categories", content.categories),
        ("annotations", content.annotations),
    ):
        twice = first_twice(thing.id for thing in things)
        if twice is not None:
            raise ValueError(f"two {what} have the id {twice}: which one is meant? Make or fetch the file again")
    for image in content.images:
        if min(image.width, image.height) < 1:
            raise ValueError(f"image {image.id} is {image.width} x {image.height} pixels; give the size of the picture")


def first_twice(keys: Iterable[_KeyT | None]) -> _KeyT | None:
    """The first key that has been there before; None is no key."""
    seen: set[_KeyT] = set()
    for key in keys:
        if key in seen:
            return key
        if key is not None:
            seen.add(key)
    return None


class _Reading:
    """The boxes that were taken in so far, and those that were left out. Methods raise ValueError."""

    def __init__(self, content: LabelFile) -> None:
        self._images = {image.id: image for image in content.images}
        self._names: dict[str, str] = {}
        for category in content.categories:
            self._names.setdefault(same_name(category.name), category.name)
        order = list(self._names)
        self._labels = {category.id: order.index(same_name(category.name)) for category in content.categories}
        if not self._labels:
            raise ValueError("it names no categories: say what the boxes are around")
        self._seen: set[Hashable] = set()
        self._empty = self._twice = 0
        self._boxes: Counter[int] = Counter()
        self.objects: dict[int, list[LabelledObject]] = {image.id: [] for image in content.images}

    def take(self, annotation: Annotation) -> None:
        """Add the object, or count why it is none."""
        image, label = self._images.get(annotation.image_id), self._labels.get(annotation.category_id)
        if image is None:
            raise ValueError(f"{_name(annotation)} is of image {annotation.image_id}, which it does not list")
        if label is None:
            raise ValueError(f"{_name(annotation)} is of category {annotation.category_id}, which it does not list")
        if not _has_area(annotation):
            self._empty += 1
        elif (key := (image.id, label, annotation.bbox, annotation.track_id)) in self._seen:
            self._twice += 1
        else:
            self._seen.add(key)
            self._boxes[label] += 1
            self.objects[image.id].append(_object(annotation, label, image))

    def classes(self, file: str) -> LabelledClasses:
        """What there are boxes of, and how many."""
        return LabelledClasses(
            file, tuple(self._names.values()), tuple(self._boxes[label] for label in range(len(self._names)))
        )

    def notes(self, file: str) -> tuple[str, ...]:
        """What is not as the file says, in words."""
        left_out = []
        if self._empty:
            left_out.append(f"{_boxes(self._empty)} without area")
        if self._twice:
            left_out.append(f"{_boxes(self._twice)} that {'is' if self._twice == 1 else 'are'} there twice")
        return (f"{file}: left out {', '.join(left_out)}",) if left_out else ()


def _has_area(annotation: Annotation) -> bool:
    wide, high = annotation.bbox[2:]
    if min(wide, high) < 0:
        raise ValueError(f"{_place(annotation)} has a negative size; {_BOXES_ARE}")
    return wide > 0 and high > 0


def _object(annotation: Annotation, label: int, image: Image) -> LabelledObject:
    left, top, wide, high = annotation.bbox
    right, bottom = left + wide, top + high
    if max(right, bottom) <= 1 and min(image.width, image.height) >= LEAST_SIDE_PX:
        raise ValueError(f"{_place(annotation)} lies within the first pixel; {_BOXES_ARE}, not shares of the picture")
    if not (_within(left, right, image.width) and _within(top, bottom, image.height)):
        raise ValueError(
            f"{_place(annotation)} is not inside its picture of {image.width} x {image.height}; {_BOXES_ARE}, not "
            "corners: correct it, or cut it at the edge"
        )
    return LabelledObject(
        track=annotation.track_id,
        label=label,
        left=max(left / image.width, 0.0),
        top=max(top / image.height, 0.0),
        right=min(right / image.width, 1.0),
        bottom=min(bottom / image.height, 1.0),
        visible=annotation.visible,
        ignore=bool(annotation.iscrowd),
    )


def _within(begin: float, end: float, side: int) -> bool:
    """Whether an interval lies in a side of the picture, but for some slack, and has a part in it."""
    return begin >= -SLACK_PX and end <= side + SLACK_PX and begin < side and end > 0


def _place(annotation: Annotation) -> str:
    return f"the box {[round(side, 2) for side in annotation.bbox]} of {_name(annotation)}"


def _name(annotation: Annotation) -> str:
    return f"an annotation of image {annotation.image_id}" if annotation.id is None else f"annotation {annotation.id}"


def _boxes(count: int) -> str:
    return "1 box" if count == 1 else f"{count:,} boxes"


def _some(counted: Counter[str]) -> str:
    """The most frequent names of those that there are any of, and how many more."""
    return _first([name for name, count in counted.most_common() if count])


def _first(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
