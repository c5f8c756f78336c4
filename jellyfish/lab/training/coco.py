"""Labelled photographs of any data set in COCO format, decoded as they are asked for."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from jellyfish.core import CLASSES, LabelledObject
from jellyfish.errors import InputError


class _Category(msgspec.Struct, frozen=True):
    id: int
    name: str


class _Image(msgspec.Struct, frozen=True):
    id: int
    file_name: str
    width: int
    height: int


class _Annotation(msgspec.Struct, frozen=True):
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    iscrowd: int = 0


class _Dataset(msgspec.Struct, frozen=True):
    images: tuple[_Image, ...]
    annotations: tuple[_Annotation, ...]
    categories: tuple[_Category, ...]


class CocoFrames:
    """The images of a COCO file and their objects of the classes this project knows, matched by name.

    Objects with `iscrowd` are regions to ignore: nothing is asked for there, and nothing is wrong.
    """

    def __init__(self, file: Path, images: Path) -> None:
        """InputError if the file cannot be read or understood, knows none of the classes, or lacks images."""
        dataset = _read(file)
        labels = {
            category.id: CLASSES.index(category.name) for category in dataset.categories if category.name in CLASSES
        }
        if not labels:
            raise InputError(f"{file} has none of the classes {', '.join(CLASSES)}; rename its categories")
        missing = next((image.file_name for image in dataset.images if not (images / image.file_name).is_file()), None)
        if missing is not None or not dataset.images:
            raise InputError(f"{file} names {missing or 'no images'}; {images} must hold the images it names")
        self._images, self._folder = dataset.images, images
        self._objects = _objects_by_image(dataset, labels)

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, number: int) -> tuple[NDArray[np.uint8], tuple[LabelledObject, ...]]:
        """Image `number`: RGB [h, w, 3] and its objects."""
        image = self._images[number]
        pixels = cv2.imread(str(self._folder / image.file_name), cv2.IMREAD_COLOR)
        if pixels is None:
            raise InputError(f"{self._folder / image.file_name} is not an image that can be decoded")
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), dtype=np.uint8), tuple(self._objects[image.id])


def _read(file: Path) -> _Dataset:
    try:
        return msgspec.json.decode(file.read_bytes(), type=_Dataset)
    except OSError as error:
        raise InputError(f"Cannot read the data set {file}: {error.strerror}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InputError(f"{file} is not a COCO data set: {error}") from error


def _objects_by_image(dataset: _Dataset, labels: dict[int, int]) -> dict[int, list[LabelledObject]]:
    """Image id -> its objects, sides normalised to the image."""
    sizes = {image.id: (image.width, image.height) for image in dataset.images}
    objects: dict[int, list[LabelledObject]] = defaultdict(list)
    for number, annotation in enumerate(dataset.annotations):
        if annotation.image_id not in sizes or annotation.category_id not in labels:
            continue
        width, height = sizes[annotation.image_id]
        left, top, wide, high = annotation.bbox
        objects[annotation.image_id].append(
            LabelledObject(
                track=number,
                label=labels[annotation.category_id],
                left=left / width,
                top=top / height,
                right=(left + wide) / width,
                bottom=(top + high) / height,
                ignore=bool(annotation.iscrowd),
            )
        )
    return objects
