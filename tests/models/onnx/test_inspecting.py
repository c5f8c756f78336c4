"""What is guessed of graphs by names and shapes, and that a draft can be read again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from jellyfish.core import InputSize, Task
from jellyfish.errors import InputError
from jellyfish.models.onnx.inspecting.coco import NAMES, by_number
from jellyfish.models.onnx.inspecting.facts import GraphFacts, Port
from jellyfish.models.onnx.inspecting.families import family_of
from jellyfish.models.onnx.inspecting.guess import Sure
from jellyfish.models.onnx.inspecting.inputs import image_input
from jellyfish.models.onnx.inspecting.inspection import inspect_graphs
from jellyfish.models.onnx.inspecting.names import names_in
from jellyfish.models.onnx.manifest import Fit, Layout
from jellyfish.models.onnx.manifest_reader import read_manifest
from tests.models.onnx.graphs import boxes_graph, graph, save

CANVAS = InputSize(96, 64)
CELLS = 96 + 24 + 6


def pixels(*shape: int) -> np.ndarray:
    """Boxes in pixels and scores up to 1."""
    table = np.random.default_rng(0).uniform(0, 1, shape).astype(np.float32)
    table[..., :4] *= 60
    return table


def shares(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(0.01, 1, shape).astype(np.float32)


def logits(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 3, shape).astype(np.float32)


@pytest.mark.parametrize(
    ("outputs", "names", "decoder", "options", "classes"),
    [
        ({"o": logits(1, CELLS, 85)}, None, "yolox", {"strides": [8, 16, 32]}, 80),
        ({"o": pixels(1, CELLS, 85)}, None, "yolov5", {}, 80),
        ({"o": pixels(1, 3 * CELLS, 7)}, None, "yolov5", {}, 2),
        ({"o": pixels(1, CELLS, 7)}, 3, "yolov8", {}, 3),
        ({"o": pixels(1, CELLS, 7)}, 2, "yolov5", {}, 2),
        ({"o": pixels(1, CELLS, 84).transpose(0, 2, 1)}, None, "yolov8", {}, 80),
        ({"o": shares(1, CELLS, 84).transpose(0, 2, 1)}, None, "yolov8", {"normalised": True}, 80),
        ({"o": logits(1, CELLS, 84)}, None, "yolov8", {"activation": "sigmoid"}, 80),
        ({"o": pixels(1, 116, CELLS), "masks": logits(1, 32, 16, 16)}, 80, "", {}, None),
        ({"l": logits(1, 30, 80), "b": shares(1, 30, 4)}, None, "detr",
         {"logits": "l", "boxes": "b", "activation": "sigmoid"}, 80),
        ({"b": logits(1, 2000, 4), "l": shares(1, 2000, 91)}, None, "anchors",
         {"logits": "l", "deltas": "b", "activation": "none"}, 91),
        ({"b": pixels(30, 4), "s": shares(30), "l": np.arange(30)}, None, "boxes",
         {"boxes": "b", "scores": "s", "labels": "l"}, None),
        ({"detection_boxes": shares(1, 9, 4), "detection_classes": shares(1, 9), "detection_scores": shares(1, 9),
          "num_detections": shares(1)}, None, "boxes",
         {"boxes": "detection_boxes", "scores": "detection_scores", "labels": "detection_classes",
          "count": "num_detections", "format": "yxyx", "normalised": True}, None),
        ({"o": pixels(1, 300, 6)}, None, "rows", {"columns": ["box", "score", "label"]}, None),
        ({"o": pixels(30, 7)}, None, "rows", {"columns": ["image", "box", "label", "score"]}, None),
        ({"flat": pixels(30, 7)}, None, "rows", {"columns": ["image", "box", "score", "label"]}, None),
        ({"o": logits(1, 1000)}, None, "scores", {"activation": "softmax"}, 1000),
        ({"o": np.full((1, 10), 0.1, np.float32)}, None, "scores", {"activation": "none"}, 10),
        ({"o": logits(1, 2, 3, 4, 5)}, None, "", {}, None),
    ],
)  # fmt: skip
def test_families(
    outputs: dict[str, Any], names: int | None, decoder: str, options: dict[str, Any], classes: int | None
) -> None:
    family = family_of(outputs, CANVAS, names)
    assert (family.decoder, dict(family.options), family.classes) == (decoder, options, classes), family.why


def facts(*shapes: Any, kind: str = "tensor(float)", **metadata: str) -> GraphFacts:
    return GraphFacts("x.onnx", tuple(Port(f"in{n}", shape, kind) for n, shape in enumerate(shapes)), (), metadata)


@pytest.mark.parametrize(
    ("known", "layout", "canvas", "batch", "sure"),
    [
        (facts((1, 3, 32, 64)), Layout.NCHW, InputSize(64, 32), 1, Sure.KNOWN),
        (facts(("n", 32, 64, 3)), Layout.NHWC, InputSize(64, 32), None, Sure.KNOWN),
        (facts((3, 32, 64)), Layout.CHW, InputSize(64, 32), 1, Sure.KNOWN),
        (facts((32, 64, 3)), Layout.HWC, InputSize(64, 32), 1, Sure.KNOWN),
        (facts(("n", 3, "h", "w")), Layout.NCHW, InputSize(640, 640), None, Sure.GUESS),
        (facts(("n", 3, "h", "w"), imgsz="[320, 480]"), Layout.NCHW, InputSize(480, 320), None, Sure.LIKELY),
    ],
)
def test_inputs(known: GraphFacts, layout: Layout, canvas: InputSize, batch: int | None, sure: Sure) -> None:
    given = image_input(known)
    assert (given.layout, given.canvas, given.batch) == (layout, canvas, batch)
    assert next(guess.sure for guess in given.guesses if guess.what == "size") == sure
    assert [array.ndim for array in given.feeds().values()] == [len(known.inputs[0].shape)]


def test_a_second_input_is_for_the_size() -> None:
    given = image_input(facts((1, 3, 32, 64), (1, 2)))
    assert given.size_name == "in1"
    assert given.feeds()["in1"].tolist() == [[64, 32]]


@pytest.mark.parametrize("others", [[(1, 2), (1, 2)], [(1,)], [(1, 4)]])
def test_inputs_that_nobody_knows_are_refused(others: list[tuple[int, ...]]) -> None:
    with pytest.raises(InputError, match=r"x\.onnx takes more than pictures: in1 "):
        image_input(facts((1, 3, 32, 64), *others))


def test_what_takes_no_pictures_is_refused() -> None:
    with pytest.raises(InputError, match=r"no input of x\.onnx looks like colour pictures.*in0 \[1, 1, 28, 28\]"):
        image_input(facts((1, 1, 28, 28)))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{0: 'cat', 1: 'dog'}", ("cat", "dog")),
        ('["cat", "dog"]', ("cat", "dog")),
        ("cat, dog", ("cat", "dog")),
        ("{0: 'cat', 2: 'dog'}", ("cat", "", "dog")),
        ("['a\\nb', 'a b']", ("a b", "a b 1")),
        ("", None),
        ("{'a': 1}", None),
        ("[" * 2000, ("[" * 2000,)),
    ],
)
def test_names_in_metadata(text: str, names: tuple[str, ...] | None) -> None:
    assert names_in({"names": text}) == names


def test_coco_by_numbers() -> None:
    numbered = by_number()
    assert (len(NAMES), len(set(NAMES)), len(numbered)) == (80, 80, 91)
    assert [numbered[number] for number in (0, 1, 13, 44, 90)] == ["", "person", "stop sign", "bottle", "toothbrush"]


def drafted(path: Path, made: onnx.ModelProto, name: str = "tiny.onnx") -> Path:
    save(made, path / name)
    (path / "model.toml").write_text(inspect_graphs([path / name], "tiny").text())
    return path


def test_a_draft_can_be_read(tmp_path: Path) -> None:
    made = boxes_graph(shape=(2, 3, 32, 64), names={"names": "{0: 'cat \"Tom\"', 1: 'dög'}", "license": "MIT"})
    manifest = read_manifest(drafted(tmp_path, made) / "model.toml")
    assert (manifest.name, manifest.licence, manifest.task) == ("tiny", "MIT", Task.DETECTION)
    assert manifest.classes == ('cat "Tom"', "dög")
    assert (manifest.batches, manifest.input.name, manifest.input.fit) == ((2,), "images", Fit.TOP_LEFT)
    assert (manifest.sizes[0].input, manifest.sizes[0].variant.name) == (InputSize(64, 32), "tiny-64")


def test_a_draft_of_a_classifier_with_many_classes_can_be_read(tmp_path: Path) -> None:
    made = graph({"logits": np.zeros((1, 1000), np.float32)})
    manifest = read_manifest(drafted(tmp_path, made) / "model.toml")
    assert (manifest.task, len(manifest.classes)) == (Task.CLASSIFICATION, 1000)


def test_sizes_of_one_model_are_alike(tmp_path: Path) -> None:
    for side in (32, 64):
        save(boxes_graph(shape=("n", 3, side, side)), tmp_path / f"tiny-{side}.onnx")
    paths = [tmp_path / "tiny-32.onnx", tmp_path / "tiny-64.onnx"]
    (tmp_path / "model.toml").write_text(inspect_graphs(paths, "tiny").text())
    sizes = read_manifest(tmp_path / "model.toml").sizes
    assert [size.variant.name for size in sizes] == ["tiny-32", "tiny-64"]
    assert sizes[0].accuracy < sizes[1].accuracy
    save(boxes_graph(shape=(1, 3, 96, 96)), tmp_path / "other.onnx")
    with pytest.raises(InputError, match=r"other\.onnx is not like tiny-32\.onnx"):
        inspect_graphs([paths[0], tmp_path / "other.onnx"], "tiny")
