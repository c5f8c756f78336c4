"""Label files of videos: round trip and refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jellyfish.core import LabelledObject
from jellyfish.errors import InputError
from jellyfish.media.label_reader import VideoLabels, read_video_labels
from jellyfish.media.labels import Info, labels_path, save_labels
from jellyfish.models.slimmable.street import CLASSES


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


@given(frames=st.lists(st.lists(objects(), max_size=4, unique_by=lambda thing: thing.track), max_size=4))
def test_labels_come_back_within_a_tenth_of_a_pixel(
    tmp_path_factory: pytest.TempPathFactory, frames: list[list[LabelledObject]]
) -> None:
    path = tmp_path_factory.mktemp("labels") / "a.labels.json"
    save_labels(path, frames, CLASSES, 640, 360, Info("test"))
    loaded = read_video_labels(path, "a.mp4", len(frames), (640, 360)).frames
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
    save_labels(path, [[], [LabelledObject(7, 2, 0.5, 0.5, 0.75, 1.0)]], CLASSES, 640, 360, Info("test", "town", 3, 1))
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


def loaded(folder: Path, **changes: object) -> VideoLabels:
    path = folder / "a.labels.json"
    path.write_text(json.dumps(_content() | changes))
    return read_video_labels(path, "a.mp4", 1, (64, 36))


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ({"id": 1, "width": 64, "height": 36, "frame": 4}, "do not run from 0 to 0"),
        ({"id": 1, "width": 64, "height": 36}, "give each its `frame`, from 0"),
        ({"id": 1, "width": 640, "height": 360, "frame": 0}, "labelled at 640 x 360 pixels, but a.mp4 is 64 x 36"),
        ({"id": 1, "width": 36, "height": 64, "frame": 0}, "it may be turned by its own orientation"),
    ],
)
def test_labels_that_do_not_fit_their_video_are_refused(tmp_path: Path, image: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        loaded(tmp_path, images=[image])


def test_labels_of_another_length_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"labels 0 frames, but a\.mp4 has 1"):
        loaded(tmp_path, images=[], annotations=[])


def test_frames_are_in_order_whatever_the_order_in_the_file(tmp_path: Path) -> None:
    images = [{"id": number, "width": 64, "height": 36, "frame": 2 - number} for number in (1, 2)]
    path = tmp_path / "a.labels.json"
    path.write_text(json.dumps(_content() | {"images": images}))
    assert [len(frame) for frame in read_video_labels(path, "a.mp4", 2, (64, 36)).frames] == [0, 1]


def test_a_sound_file_of_another_maker_is_read(tmp_path: Path) -> None:
    ((thing,),) = loaded(tmp_path, licenses=[], info="me").frames
    assert thing == LabelledObject(0, 0, 1 / 64, 1 / 36, 6 / 64, 10 / 36)
