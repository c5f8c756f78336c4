"""The cameras of a run: what is missing of their videos is told."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jellyfish.camera.sources.file import VideoSource
from jellyfish.config import BenchConfig, CameraConfig, Encoding
from jellyfish.core import Task
from jellyfish.media.files import legible
from jellyfish.media.labels import labels_path
from jellyfish.modes.fleet import Fleet
from jellyfish.protocol.served_model import ServedModel
from jellyfish.results.summary import incomplete_in_words
from tests.media.films import film
from tests.virtual import virtual


async def offload(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


def config(path: Path, encode: Encoding) -> BenchConfig:
    cameras = tuple(CameraConfig(f"camera-{n}", path, 10, 0.2, "none", 0.0, n) for n in range(6))
    return BenchConfig(cameras, 1.0, None, 0, encode=encode)


@pytest.mark.parametrize("encode", list(Encoding))
@virtual
async def test_what_is_missing_of_a_video_is_told_by_its_name(tmp_path: Path, encode: Encoding) -> None:
    path = film(tmp_path / "half.mkv", 36, crf="4")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with contextlib.ExitStack() as stack:
        losses = Fleet(config(path, encode), None, offload, stack).losses()
    (line,) = incomplete_in_words(losses)
    assert line.startswith(f"{path} is not whole: it is cut off, ")


@pytest.mark.parametrize("encode", list(Encoding))
@virtual
async def test_what_is_left_out_of_labels_is_told_once(tmp_path: Path, encode: Encoding) -> None:
    path = film(tmp_path / "a.mkv", 3)
    with VideoSource(path) as source:
        size = {"width": source.width, "height": source.height}
    images = [{"id": number, "frame": number} | size for number in range(3)]
    annotation = {"image_id": 0, "category_id": 9, "bbox": [1, 1, 5, 5]}
    categories = [{"id": 1, "name": "car"}, {"id": 9, "name": "kite"}]
    content = {"images": images, "annotations": [annotation], "categories": categories}
    labels_path(path).write_text(json.dumps(content))
    model = ServedModel("street", "1", Task.DETECTION, ("person", "car"), {})
    with contextlib.ExitStack() as stack:
        (note,) = Fleet(config(path, encode), None, offload, stack).label_notes(model)
    assert note == f"{labels_path(path)}: left out 1 box of classes that the model does not know (kite)"


def test_names_that_are_not_utf_8_can_be_written_into_results() -> None:
    assert legible(Path("a\udcff.mp4")) == "a\ufffd.mp4"
