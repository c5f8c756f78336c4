"""Labels in COCO format: one rule for each thing that may be wrong with them (docs/labels.md)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jellyfish.core import LabelledObject
from jellyfish.errors import InputError
from jellyfish.media.label_reader import LabelSet, read_labels
from jellyfish.models.slimmable.street import CLASSES

WIDTH, HEIGHT = 200, 100


def box(
    sides: list[float], number: int | None = 1, image: int = 7, category: int = 30, **more: object
) -> dict[str, Any]:
    return {"image_id": image, "category_id": category, "bbox": sides} | ({"id": number} if number else {}) | more


GOOD = box([20, 10, 100, 50], 100)
IMAGE = {"id": 7, "file_name": "a.png", "width": WIDTH, "height": HEIGHT}
CAR, PERSON, KITE = {"id": 30, "name": "car"}, {"id": 31, "name": "person"}, {"id": 99, "name": "kite"}


def labels(folder: Path, *annotations: object, **changes: object) -> LabelSet:
    path = folder / "labels.json"
    content = {"images": [IMAGE], "annotations": [GOOD, *annotations], "categories": [CAR, PERSON, KITE]}
    path.write_text(json.dumps(content | changes))
    return read_labels(path)


def objects(folder: Path, *annotations: object, **changes: object) -> list[LabelledObject]:
    return labels(folder, *annotations, **changes).objects[7]


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (box([0, 0, 5, 5], 100), "two annotations have the id 100"),
        (box([0, 0, 5, 5], image=8), "annotation 1 is of image 8, which it does not list"),
        (box([0, 0, 5, 5], None, image=8), "an annotation of image 8 is of image 8, which"),
        (box([0, 0, 5, 5], category=5), "annotation 1 is of category 5, which it does not list"),
        (box([150, 10, 180, 60]), "is not inside its picture of 200 x 100; .* not corners"),
        (box([210, 5, 30, 30]), "not inside"),
        (box([200.5, 5, 0.4, 30]), "not inside"),
        (box([10, -1.5, 30, 30]), "not inside"),
        (box([10, 10, 30, 91.5]), "not inside"),
        (box([1e308, 1e308, 1e308, 1e308]), "not inside"),
        (box([60, 30, -30, 20]), "has a negative size"),
        (box([60, 30, 0, -20]), "has a negative size"),
        (box([0.1, 0.1, 0.2, 0.2]), "within the first pixel; .* not shares"),
        (box([0.5, 0.5, 0.5, 0.5]), "within the first pixel"),
        (box([1, 1]), "not a label file in COCO format"),
        (box([0, 0, 5, 5], image="7"), "not a label file in COCO format"),  # type: ignore[arg-type]
    ],
)
def test_a_wrong_annotation_is_refused(tmp_path: Path, annotation: object, words: str) -> None:
    with pytest.raises(InputError, match=rf"labels\.json.*{words}"):
        labels(tmp_path, annotation)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"images": [IMAGE, IMAGE | {"file_name": "b.png"}]}, "two images have the id 7"),
        ({"categories": [CAR, CAR | {"name": "bus"}]}, "two categories have the id 30"),
        ({"images": [IMAGE | {"width": 0}]}, "image 7 is 0 x 100 pixels"),
        ({"images": [IMAGE | {"height": -100}]}, "image 7 is 200 x -100 pixels"),
        ({"images": None}, "not a label file"),
        ({"annotations": 3}, "not a label file"),
        ({"categories": []}, "names no categories"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=rf"labels\.json.*{words}"):
        labels(tmp_path, **changes)


def test_what_is_no_file_of_labels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no label file .*none\.json"):
        read_labels(tmp_path / "none.json")
    for content in (
        b'{"images": ',
        b"[]",
        b"",
        b'{"images": "\xff"}',
        '{"images": []}'.encode("utf-16"),
        b"\xff\xd8\xff",
    ):
        (tmp_path / "broken.json").write_bytes(content)
        with pytest.raises(InputError, match=r"broken\.json is not a label file in COCO format"):
            read_labels(tmp_path / "broken.json")


def test_what_a_figure_can_do_without_is_left_out_and_counted(tmp_path: Path) -> None:
    empty, twice = box([5, 5, 0, 9], 1), box([20, 10, 100, 50], 2)
    read = labels(tmp_path, empty, twice)
    assert len(read.objects[7]) == 1
    assert read.notes == (f"{tmp_path / 'labels.json'}: left out 1 box without area, 1 box that is there twice",)


def test_labels_keep_their_own_classes_whatever_a_model_knows(tmp_path: Path) -> None:
    read = labels(tmp_path, box([0, 0, 9, 5], 1, category=99), box([0, 0, 5, 5], 2, category=31))
    assert read.classes.names == ("car", "person", "kite")
    assert [read.classes.names[thing.label] for thing in read.objects[7]] == ["car", "kite", "person"]
    assert read.classes.boxes == (1, 1, 1)


def test_what_a_model_does_not_know_is_told_once_and_counted(tmp_path: Path) -> None:
    classes = labels(tmp_path, *(box([0, number, 9, 5], 10 + number, category=99) for number in range(2))).classes
    file = tmp_path / "labels.json"
    assert classes.notes(CLASSES) == [f"{file}: left out 2 boxes of classes that the model does not know (kite)"]
    assert classes.notes(("kite", "car", "person", "dog")) == []
    assert classes.notes(("dog",)) == [
        f"{file}: accuracy is not measured, for none of its categories (car, person, kite) is one of the model's "
        "classes (dog)"
    ]


def test_nothing_is_said_of_labels_that_are_as_they_should_be(tmp_path: Path) -> None:
    read = labels(tmp_path, box([20, 10, 100, 50], category=31))
    assert read.notes == ()
    assert read.classes.notes(CLASSES) == []


def test_of_many_unknown_categories_the_most_frequent_are_named(tmp_path: Path) -> None:
    names = [{"id": number, "name": f"thing {number}"} for number in range(8)]
    boxes = [box([5, 5, 5, 5 + n], None, category=number) for number in range(8) for n in range(number + 1)]
    (note,) = labels(tmp_path, *boxes, categories=[CAR, *names]).classes.notes(CLASSES)
    assert (
        "36 boxes of classes that the model does not know (thing 7, thing 6, thing 5, thing 4, thing 3 and 3 more)"
        in note
    )


def test_names_in_other_letters_are_the_same_and_that_is_said(tmp_path: Path) -> None:
    read = labels(tmp_path, categories=[CAR | {"name": " CAR "}, CAR | {"id": 1}, PERSON])
    assert read.classes.names == (" CAR ", "person")
    assert read.classes.notes(CLASSES) == [f"{tmp_path / 'labels.json'}: took  CAR  for car"]


def test_a_box_is_cut_where_it_reaches_a_pixel_beyond_its_picture(tmp_path: Path) -> None:
    cut = objects(tmp_path, box([-0.9, -0.9, 201.5, 101.5], 1))[1]
    assert (cut.left, cut.top, cut.right, cut.bottom) == (0, 0, 1, 1)


def test_sides_are_shares_and_crowds_are_to_be_ignored(tmp_path: Path) -> None:
    car, crowd, fact = objects(
        tmp_path, box([0, 0, 20, 20], None, category=31, iscrowd=1), box([0, 0, 8, 8], iscrowd=False)
    )
    assert (car.left, car.top, car.right, car.bottom) == pytest.approx((0.1, 0.1, 0.6, 0.6))
    assert (car.label, car.ignore, crowd.label, crowd.ignore) == (0, False, 1, True)
    assert not fact.ignore


def test_two_objects_in_one_place_are_two_if_their_tracks_say_so(tmp_path: Path) -> None:
    assert len(objects(tmp_path, box([5, 5, 9, 9], 1, track_id=1), box([5, 5, 9, 9], 2, track_id=2))) == 3


def test_a_byte_order_mark_is_no_part_of_the_labels(tmp_path: Path) -> None:
    labels(tmp_path)
    path = tmp_path / "labels.json"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(read_labels(path).objects[7]) == 1
