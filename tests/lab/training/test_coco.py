"""Photographs with labels in COCO format: what the labels themselves may be is tested with their reader."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from jellyfish.errors import InputError
from jellyfish.lab.training.coco import CocoFrames
from jellyfish.models.slimmable.street import CLASSES

WIDTH, HEIGHT = 200, 100
NAMES_OF_ONE = ("a.png", "./a.png")
TURNED = 6
"""EXIF: to be seen as it should be, turn it clockwise by a quarter."""


def saved(path: Path, size: tuple[int, int] = (WIDTH, HEIGHT), orientation: int | None = None) -> Path:
    """A red picture of that (width, height) as it is stored."""
    exif = Image.Exif()
    if orientation is not None:
        exif[0x112] = orientation
    Image.new("RGB", size, (255, 0, 0)).save(path, exif=exif)
    return path


def png_header(width: int, height: int) -> bytes:
    """A PNG of that size as far as the beginning of its pixels."""
    data = b"\x89PNG\r\n\x1a\n"
    for kind, body in ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", b"")):
        data += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return data


def frames(
    folder: Path, file_name: str = "a.png", size: tuple[int, int] = (WIDTH, HEIGHT), **changes: Any
) -> CocoFrames:
    """One picture with a car, labelled at `size`."""
    image = {"id": 7, "file_name": file_name, "width": size[0], "height": size[1]}
    annotation = {"id": 1, "image_id": 7, "category_id": 30, "bbox": [20, 10, 50, 40]}
    content = {"images": [image], "annotations": [annotation], "categories": [{"id": 30, "name": "car"}]}
    (folder / "labels.json").write_text(json.dumps(content | changes))
    return CocoFrames(folder / "labels.json", folder, CLASSES)


def test_a_picture_comes_with_its_objects(tmp_path: Path) -> None:
    saved(tmp_path / "a.png")
    read = frames(tmp_path)
    read.check(range(len(read)))
    image, (car,) = read[0]
    assert (image.shape, image[0, 0].tolist()) == ((HEIGHT, WIDTH, 3), [255, 0, 0])
    assert (car.left, car.top, car.right, car.bottom) == pytest.approx((0.1, 0.1, 0.35, 0.5))


def test_objects_are_matched_by_name_to_the_classes_of_a_model(tmp_path: Path) -> None:
    saved(tmp_path / "a.png")
    categories = [{"id": 30, "name": "Car"}, {"id": 3, "name": "kite"}]
    boxes = [{"image_id": 7, "category_id": key, "bbox": [20, 10, 50, 40]} for key in (3, 30)]
    read = frames(tmp_path, annotations=boxes, categories=categories)
    assert ([thing.label for thing in read[0][1]], read.spoken_of) == ([2], {2})
    assert [note.partition(": ")[2] for note in read.notes] == [
        "left out 1 box of classes that the model does not know (kite)", "took Car for car",
    ]  # fmt: skip
    with pytest.raises(InputError, match=r"none of its categories \(car\) is one of the model's classes \(dog\)"):
        frames(tmp_path)
        CocoFrames(tmp_path / "labels.json", tmp_path, ("dog",))


def test_a_picture_that_is_there_twice_under_two_names_is_refused(tmp_path: Path) -> None:
    saved(tmp_path / "a.png")
    images = [{"id": 7 + n, "file_name": name, "width": WIDTH, "height": HEIGHT} for n, name in enumerate(NAMES_OF_ONE)]
    with pytest.raises(InputError, match=r"have the file a\.png"):
        frames(tmp_path, images=images)


@pytest.mark.parametrize("name", ["turned.jpg", "turned.png", "turned.webp", "turned.tif"])
def test_labels_are_of_the_picture_as_a_person_sees_it(tmp_path: Path, name: str) -> None:
    saved(tmp_path / name, (HEIGHT, WIDTH), TURNED)
    read = frames(tmp_path, name, (WIDTH, HEIGHT))
    read.check([0])
    assert read[0][0].shape == (HEIGHT, WIDTH, 3)
    stored = frames(tmp_path, name, (HEIGHT, WIDTH))
    with pytest.raises(
        InputError, match=r"labelled at 100 x 200 pixels, but .*turned.* is 200 x 100; it may be turned"
    ):
        stored.check([0])
    with pytest.raises(InputError, match="labelled at 100 x 200"):
        stored[0]


def test_a_size_that_is_not_the_pictures_is_refused(tmp_path: Path) -> None:
    saved(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"labels\.json: labelled at 400 x 200 pixels, but .*a\.png is 200 x 100"):
        frames(tmp_path, size=(400, 200)).check([0])


def test_a_huge_picture_is_refused_by_its_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bomb.png").write_bytes(png_header(20_000, 20_000))
    monkeypatch.setattr(Image.Image, "load", lambda image: pytest.fail("it is being decoded"))
    read = frames(tmp_path, "bomb.png", (20_000, 20_000))
    for look in (lambda: read.check([0]), lambda: read[0]):
        with pytest.raises(InputError, match=r"bomb\.png.*over 179 million pixels"):
            look()


def test_half_a_picture_is_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.jpg")
    whole = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"a\.jpg.*truncated"):
        frames(tmp_path, "a.jpg")[0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"file_name": "b.png"}, r"names b\.png"),
        ({"file_name": ""}, "image 7 .* has no `file_name`"),
        ({"images": [], "annotations": []}, "names no images"),
        ({"images": [{"id": n, "file_name": "a.png", "width": 200, "height": 100} for n in (7, 8)]}, r"two .* a\.png"),
        ({"images": [{"id": 7, "frame": 0, "width": 200, "height": 100}]}, "only labels of pictures"),
    ],
)
def test_unusable_sets_are_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    saved(tmp_path / "a.png")
    with pytest.raises(InputError, match=words):
        frames(tmp_path, **changes)


def test_a_missing_folder_and_a_broken_picture_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"not an image")
    with pytest.raises(InputError, match=r"a\.png"):
        frames(tmp_path).check([0])
    with pytest.raises(InputError, match=r"there is no folder .*nowhere"):
        CocoFrames(tmp_path / "labels.json", tmp_path / "nowhere", CLASSES)
