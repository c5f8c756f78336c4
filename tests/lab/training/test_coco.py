"""Photographs with labels in COCO format."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from jellyfish.core import CLASSES
from jellyfish.errors import InputError
from jellyfish.lab.training.coco import CocoFrames

DATASET = {
    "images": [{"id": 7, "file_name": "a.png", "width": 200, "height": 100}],
    "annotations": [
        {"id": 1, "image_id": 7, "category_id": 30, "bbox": [20, 10, 100, 50], "area": 5000},
        {"id": 2, "image_id": 7, "category_id": 31, "bbox": [0, 0, 20, 20], "iscrowd": 1},
        {"id": 3, "image_id": 7, "category_id": 99, "bbox": [0, 0, 20, 20]},
        {"id": 4, "image_id": 8, "category_id": 30, "bbox": [0, 0, 20, 20]},
    ],
    "categories": [{"id": 30, "name": "car"}, {"id": 31, "name": "person"}, {"id": 99, "name": "kite"}],
}


def written(folder: Path, dataset: object) -> Path:
    cv2.imwrite(str(folder / "a.png"), np.full((100, 200, 3), (0, 0, 255), np.uint8))
    (folder / "labels.json").write_text(json.dumps(dataset))
    return folder / "labels.json"


def test_objects_are_matched_by_class_name_and_crowds_are_ignored(tmp_path):
    frames = CocoFrames(written(tmp_path, DATASET), tmp_path)
    assert len(frames) == 1
    image, (car, crowd) = frames[0]
    assert image.shape == (100, 200, 3)
    assert image[0, 0].tolist() == [255, 0, 0]
    assert CLASSES[car.label] == "car" and not car.ignore
    assert (car.left, car.top, car.right, car.bottom) == pytest.approx((0.1, 0.1, 0.6, 0.6))
    assert CLASSES[crowd.label] == "person" and crowd.ignore


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"categories": [{"id": 1, "name": "kite"}]}, "none of the classes"),
        ({"images": [{"id": 7, "file_name": "b.png", "width": 2, "height": 1}]}, "b.png"),
        ({"images": []}, "no images"),
        ({"annotations": 3}, "not a COCO data set"),
    ],
)
def test_unusable_data_sets_are_refused(tmp_path, change, word):
    with pytest.raises(InputError, match=word):
        CocoFrames(written(tmp_path, DATASET | change), tmp_path)


def test_a_missing_file_and_a_broken_image_are_refused(tmp_path):
    with pytest.raises(InputError, match="Cannot read"):
        CocoFrames(tmp_path / "none.json", tmp_path)
    frames = CocoFrames(written(tmp_path, DATASET), tmp_path)
    (tmp_path / "a.png").write_bytes(b"not an image")
    with pytest.raises(InputError, match=r"a\.png"):
        frames[0]
