"""Labelled photographs of any data set in COCO format, decoded as they are asked for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from jellyfish.classes import translation
from jellyfish.core import LabelledObject
from jellyfish.errors import InputError
from jellyfish.media.label_reader import check_size, first_twice, read_labels
from jellyfish.media.picture import read_picture
from jellyfish.media.picture_size import picture_size


class CocoFrames:
    """The images of a COCO file and their objects of a model's classes, matched by name.

    Objects with `iscrowd` are regions to ignore: nothing is asked for there, and nothing is wrong.
    """

    def __init__(self, file: Path, folder: Path, classes: Sequence[str]) -> None:
        """`classes`: the model's, by label. InputError if the file cannot be read or used, has none of them, or
        `folder` lacks images that it names."""
        labels = read_labels(file)
        own = translation(labels.classes.names, classes)
        self.spoken_of = frozenset(label for label in own if label is not None)
        """The labels of classes that the file knows. Whether detections of others are right, it does not say."""
        if not self.spoken_of:
            raise InputError(f"{file}: nothing can be measured, {labels.classes.nothing_known(classes)}")
        self._file, self._folder = file, folder
        self._images = labels.images
        self._objects = {image: _of_classes(things, own) for image, things in labels.objects.items()}
        self.notes = (*labels.notes, *labels.classes.notes(classes))
        """What was left out of the labels, in words."""
        self._check_names()

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, number: int) -> tuple[NDArray[np.uint8], tuple[LabelledObject, ...]]:
        """Image `number`: RGB [h, w, 3], as a person sees it, and its objects. InputError if it cannot be decoded."""
        self.check([number])  # before it is decoded
        pixels = read_picture(self._path(number))
        self._check_size(number, (pixels.shape[1], pixels.shape[0]))
        return pixels, tuple(self._objects[self._images[number].id])

    def check(self, numbers: Iterable[int]) -> None:
        """InputError unless these images have the sizes that they are labelled at, by their headers."""
        for number in numbers:
            self._check_size(number, picture_size(self._path(number)))

    def _path(self, number: int) -> Path:
        return self._folder / str(self._images[number].file_name)

    def _check_size(self, number: int, size: tuple[int, int]) -> None:
        check_size(self._images[number], size, str(self._file), self._path(number))

    def _check_names(self) -> None:
        if not self._images:
            raise InputError(f"{self._file} names no images")
        if not self._folder.is_dir():
            raise InputError(f"there is no folder {self._folder}: it must hold the images that {self._file} names")
        nameless = next((image.id for image in self._images if not image.file_name), None)
        if nameless is not None:
            raise InputError(
                f"image {nameless} of {self._file} has no `file_name`: only labels of pictures are taken here"
            )
        twice = first_twice(os.path.normpath(str(image.file_name)) for image in self._images)
        if twice is not None:
            raise InputError(f"two images of {self._file} have the file {twice}: put all its labels to one of them")
        missing = next((number for number in range(len(self)) if not self._path(number).is_file()), None)
        if missing is not None:
            name = self._images[missing].file_name
            raise InputError(f"{self._file} names {name}; {self._folder} must hold the images it names")


def _of_classes(things: Iterable[LabelledObject], labels: Sequence[int | None]) -> list[LabelledObject]:
    """The same with other labels, without those that have none."""
    told = ((thing, labels[thing.label]) for thing in things)
    return [msgspec.structs.replace(thing, label=label) for thing, label in told if label is not None]


def spread_numbers(total: int, count: int) -> Iterator[int]:
    """The numbers of `count` frames, spread evenly over `total`."""
    return (number * total // count for number in range(count))
