"""Label files: round trip and refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jellyfish.core import CLASSES, LabelledObject
from jellyfish.errors import InputError
from jellyfish.media.labels import Info, labels_path, load_labels, save_labels


@st.composite
def objects(draw: st.DrawFn) -> LabelledObject:
    left, top = draw(st.floats(0, 0.9)), draw(st.floats(0, 0.9))
    return LabelledObject(
        track=draw(st.integers(0, 10**6)),
        label=draw(st.integers(0, len(CLASSES) - 1)),
        left=left,
        top=top,
        right=left + draw(st.floats(0.01, 0.1)),
        bottom=top + draw(st.floats(0.01, 0.1)),
        visible=draw(st.floats(0, 1)),
        ignore=draw(st.booleans()),
    )


@given(frames=st.lists(st.lists(objects(), max_size=4), max_size=4))
def test_labels_come_back_within_a_tenth_of_a_pixel(
    tmp_path_factory: pytest.TempPathFactory, frames: list[list[LabelledObject]]
) -> None:
    path = tmp_path_factory.mktemp("labels") / "a.labels.json"
    save_labels(path, frames, 640, 360, Info("test"))
    loaded = load_labels(path)
    assert [len(frame) for frame in loaded] == [len(frame) for frame in frames]
    for frame, same in zip(frames, loaded, strict=True):
        for thing, back in zip(frame, same, strict=True):
            assert (back.track, back.label, back.ignore) == (thing.track, thing.label, thing.ignore)
            assert back.visible == pytest.approx(thing.visible, abs=0.0051)
            assert back.left * 640 == pytest.approx(thing.left * 640, abs=0.11)
            assert back.right * 640 == pytest.approx(thing.right * 640, abs=0.11)
            assert back.top * 360 == pytest.approx(thing.top * 360, abs=0.11)
            assert back.bottom * 360 == pytest.approx(thing.bottom * 360, abs=0.11)


def test_the_file_is_coco_with_ids_from_one(tmp_path: Path) -> None:
    path = tmp_path / "a.labels.json"
    save_labels(path, [[], [LabelledObject(7, 2, 0.5, 0.5, 0.75, 1.0)]], 640, 360, Info("test", "town", 3, 1))
    content = json.loads(path.read_bytes())
    assert content["info"] == {"description": "test", "layout": "town", "seed": 3, "generator": 1}
    assert content["categories"][2] == {"id": 3, "name": "car"}
    assert content["images"][1] == {"id": 2, "width": 640, "height": 360, "frame": 1}
    (annotation,) = content["annotations"]
    assert annotation["image_id"] == 2
    assert annotation["category_id"] == 3
    assert annotation["bbox"] == [320, 180, 160, 180]
    assert annotation["area"] == 160 * 180
    assert annotation["track_id"] == 7


def test_labels_lie_beside_the_video() -> None:
    assert labels_path(Path("videos/street-town.mp4")) == Path("videos/street-town.labels.json")


def _content() -> dict[str, Any]:
    return {
        "info": {"description": ""},
        "categories": [{"id": 1, "name": "person"}],
        "images": [{"id": 1, "width": 64, "height": 36, "frame": 0}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 9], "area": 45}],
    }


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (("images", 0, "frame"), 4, "do not run from 0"),
        (("annotations", 0, "image_id"), 9, "image 9, which is not listed"),
        (("annotations", 0, "category_id"), 5, "category 5, which is not listed"),
        (("annotations", 0, "bbox"), [60, 1, 9, 9], "not inside its image"),
        (("annotations", 0, "bbox"), [1, 1, 0, 9], "not inside its image"),
        (("annotations", 0, "bbox"), [1, 1], "not a label file"),
        (("categories", 0, "name"), "unicorn", "'unicorn' is unknown"),
        (("images",), None, "not a label file"),
    ],
)
def test_inconsistent_files_are_refused(
    tmp_path: Path, place: tuple[str | int, ...], value: object, words: str
) -> None:
    content: Any = _content()
    inner = content
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    path = tmp_path / "a.labels.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=words):
        load_labels(path)


def test_a_sound_file_of_another_maker_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.labels.json"
    path.write_text(json.dumps({**_content(), "licenses": []}))
    ((thing,),) = load_labels(path)
    assert thing == LabelledObject(0, 0, 1 / 64, 1 / 36, 6 / 64, 10 / 36)


def test_missing_and_broken_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the labels"):
        load_labels(tmp_path / "none.json")
    broken = tmp_path / "broken.json"
    broken.write_bytes(b'{"info": ')
    with pytest.raises(InputError, match="not a label file"):
        load_labels(broken)
