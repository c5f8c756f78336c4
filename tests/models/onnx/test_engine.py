"""Graphs of all kinds run, or are refused with what to change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, external_data_helper, helper, numpy_helper

from jellyfish.core import Answer, Variant
from jellyfish.errors import InputError
from jellyfish.models.model import EngineOptions, answers
from jellyfish.models.onnx.package import open_package
from tests.models.onnx.graphs import BOXES, boxes_graph, graph, package, save

VARIANT = Variant(32, "only")


def run(folder: Path, images: int = 1) -> list[Answer]:
    engine = open_package(folder).engine(EngineOptions())
    return answers(engine, [np.zeros((20, 32, 3), np.uint8)] * images, [VARIANT] * images)


def batches(text: str, manifest: str = BOXES) -> str:
    return f"batches = {text}\n{manifest}"


def input_lines(*lines: str) -> str:
    return BOXES.replace("[input]", "\n".join(["[input]", *lines]))


@pytest.mark.parametrize(
    ("manifest", "options"),
    [
        (BOXES, {}),
        (batches("[1]"), {"shape": (1, 3, 32, 32)}),
        (batches("[4]"), {"shape": (4, 3, 32, 32)}),
        (batches("[2, 4]"), {}),
        (batches("[1]", input_lines('layout = "CHW"')), {"shape": (3, 32, 32)}),
        (BOXES, {"shape": ("n", 3, "height", "width")}),
        (BOXES, {"kind": TensorProto.FLOAT16}),
        (BOXES, {"kind": TensorProto.UINT8}),
        (input_lines('layout = "NHWC"'), {"shape": ("n", 32, 32, 3), "kind": TensorProto.UINT8}),
    ],
)
def test_any_number_of_images_is_answered(tmp_path: Path, manifest: str, options: dict[str, Any]) -> None:
    if options.get("shape") == (3, 32, 32):
        made = graph(
            {
                "boxes": np.array([[0, 0, 16, 32], [16, 0, 32, 32]], np.float32),
                "scores": np.array([0.9, 0.4], np.float32),
                "labels": np.array([1, 0], np.int64),
            },
            **options,
        )
    else:
        made = boxes_graph(**options)
    folder = package(tmp_path / "tiny", manifest, made)
    for images in (1, 3, 5):
        found = run(folder, images)
        assert [len(answer.detections) for answer in found] == [2] * images


def test_half_precision_comes_out_as_well(tmp_path: Path) -> None:
    outputs = {"only": np.array([[[0, 0, 16, 16, 0.75, 1]]], np.float16)}
    manifest = BOXES.replace('decoder = "boxes"', 'decoder = "rows"')
    (answer,) = run(package(tmp_path / "tiny", manifest, graph(outputs, kind=TensorProto.FLOAT16)))
    assert [(each.label, each.score, each.right) for each in answer.detections] == [(1, 0.75, 0.5)]


def test_a_quantised_graph_runs(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("QuantizeLinear", ["images", "scale", "zero_point"], ["quantised"]),
        helper.make_node("DequantizeLinear", ["quantised", "scale", "zero_point"], ["numbers"]),
        helper.make_node("GlobalAveragePool", ["numbers"], ["scores"]),
    ]
    constants = [
        numpy_helper.from_array(np.float32(1 / 127), "scale"),
        numpy_helper.from_array(np.int8(0), "zero_point"),
    ]
    made = helper.make_model(
        helper.make_graph(
            nodes,
            "quantised",
            [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, 32, 32])],
            [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 3, 1, 1])],
            constants,
        ),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=9,
    )
    manifest = (
        BOXES.replace('["cat", "dog"]', '["red", "green", "blue"]\ntask = "classification"')
        .replace('decoder = "boxes"', 'decoder = "scores"\nactivation = "none"\ntop = 2')
        .replace("scale = 1.0", "scale = 0.00392156862745098")
    )
    engine = open_package(package(tmp_path / "tiny", manifest, made)).engine(EngineOptions())
    image = np.full((32, 32, 3), (51, 255, 102), np.uint8)
    (answer,) = answers(engine, [image], [VARIANT])
    assert [(each.label, round(each.score, 2)) for each in answer.scores] == [(1, 1.0), (2, 0.4)]
    assert answer.detections == ()


def test_sizes_of_one_file_share_what_is_loaded(tmp_path: Path) -> None:
    entry = '[[sizes]]\nname = "only"\nfile = "tiny.onnx"\nresolution = 64\naccuracy = 0.6\n'
    made = boxes_graph(shape=("n", 3, "height", "width"))
    folder = package(tmp_path / "tiny", BOXES.replace("[input]", f"{entry}[input]"), made)
    engine = open_package(folder).engine(EngineOptions())
    assert engine.memory_bytes == (folder / "tiny.onnx").stat().st_size
    image = np.zeros((32, 32, 3), np.uint8)
    rights = [answers(engine, [image], [Variant(side, "only")])[0].detections[0].right for side in (32, 64)]
    assert rights == [0.5, 0.25]


def test_a_graph_may_ask_for_the_size_of_the_image(tmp_path: Path) -> None:
    sizes = helper.make_tensor_value_info("sizes", TensorProto.INT64, ["n", 2])
    made = boxes_graph(more_inputs=[sizes])
    (answer,) = run(package(tmp_path / "tiny", input_lines('name = "images"', 'size_name = "sizes"'), made))
    assert len(answer.detections) == 2
    with pytest.raises(InputError, match="has more inputs than the images: sizes"):
        run(package(tmp_path / "other", input_lines('name = "images"'), made))
    with pytest.raises(InputError, match=r"2 inputs: set `name` in \[input\] to one of images, sizes"):
        run(package(tmp_path / "third", BOXES, made))


def other_outputs(name: str, boxes: Any, scores: Any) -> onnx.ModelProto:
    values = {"boxes": np.array(boxes, np.float32), name: np.array(scores, np.float32)}
    return graph(values | {"labels": np.ones((1, 1), np.int64)})


@pytest.mark.parametrize(
    ("manifest", "made", "why"),
    [
        (BOXES, boxes_graph(shape=(1, 3, 32, 32)), r"takes batches of 1 only: write batches = \[1\]"),
        (batches("[1, 4]"), boxes_graph(shape=(4, 3, 32, 32)), r"takes batches of 4 only: write batches = \[4\]"),
        (BOXES, boxes_graph(shape=("n", 3, 64, 64)), r"by model\.toml it would get NCHW with 32 x 32 pixels"),
        (BOXES, boxes_graph(shape=("n", 32, 32, 3)), "set `layout`"),
        (BOXES, boxes_graph(kind=TensorProto.INT8), r"as tensor\(int8\): export it with an input of float"),
        (input_lines('name = "pixels"'), boxes_graph(), "no input 'pixels': set `name`"),
        (input_lines('size_name = "sizes"'), boxes_graph(), "no input 'sizes'"),
        (BOXES, other_outputs("marks", [[[0, 0, 1, 1]]], [[1]]), "no output 'scores': it has boxes, marks, labels"),
        (BOXES, other_outputs("scores", [[[0, 0, 1]]], [[1]]), r"tiny\.onnx: an output has the shape \[1, 1, 3\]"),
        (BOXES, other_outputs("scores", [[[0, 0, 1, np.nan]]], [[1]]), "output boxes has NaN or infinity"),
        (BOXES, other_outputs("scores", [[[0, 0, 1, 1]]], [[np.inf]]), "output scores has NaN or infinity"),
        (BOXES.replace('["cat", "dog"]', '["cat"]'), boxes_graph(), "label 1, but `classes` has 1 names"),
        (BOXES.replace('"boxes"', '"yolox"'), boxes_graph(), "has 3 outputs: set `output`"),
        (BOXES.replace('"boxes"', '"yolov8"\noutput = "boxes"'), boxes_graph(), "6 = a box and 2 classes"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_before_anything_is_served(
    tmp_path: Path, manifest: str, made: onnx.ModelProto, why: str
) -> None:
    with pytest.raises(InputError, match=why) as raised:
        run(package(tmp_path / "tiny", manifest, made))
    assert "\n" not in str(raised.value)


def test_what_cannot_be_loaded_is_told_in_words(tmp_path: Path) -> None:
    folder = package(tmp_path / "tiny", BOXES, boxes_graph(opset=40))
    with pytest.raises(InputError, match=r"tiny\.onnx cannot be loaded: it is newer than onnxruntime"):
        run(folder)
    (folder / "tiny.onnx").write_bytes(b"no graph at all")
    with pytest.raises(InputError, match=r"tiny\.onnx cannot be loaded: it is not an ONNX file"):
        run(folder)
    made = boxes_graph()
    external_data_helper.convert_model_to_external_data(made, location="tiny.data", size_threshold=60)
    save(made, folder / "tiny.onnx")
    with pytest.raises(InputError, match=r"its weights \(external data\) is missing"):
        run(folder)


def test_weights_in_a_file_of_their_own_are_found(tmp_path: Path) -> None:
    folder = package(tmp_path / "tiny", BOXES.replace('file = "tiny.onnx"', 'file = "tiny.onnx"\ndata = ["tiny.data"]'))
    # of the arrays only the boxes are so large: shapes have to lie in the graph
    onnx.save(boxes_graph(), folder / "tiny.onnx", save_as_external_data=True, location="tiny.data", size_threshold=60)
    assert (folder / "tiny.data").is_file()
    (answer,) = run(folder)
    assert len(answer.detections) == 2


def test_a_gpu_needs_an_onnxruntime_for_it(tmp_path: Path) -> None:
    model = open_package(package(tmp_path / "tiny"))
    with pytest.raises(InputError, match="install onnxruntime-gpu"):
        model.engine(EngineOptions("cuda:0"))


def test_an_unknown_variant_is_told_from_those_there_are(tmp_path: Path) -> None:
    engine = open_package(package(tmp_path / "tiny")).engine(EngineOptions())
    with pytest.raises(InputError, match="there are: only-32"):
        engine.prepare([np.zeros((32, 32, 3), np.uint8)], [Variant(64, "only")])
