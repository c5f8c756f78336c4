"""Tiny ONNX graphs and packages around them: they say the same of every image, whatever it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET, IR_VERSION = 18, 9
SHAPE: tuple[Any, ...] = ("n", 3, 32, 32)
BOXES = """name = "tiny"
classes = ["cat", "dog"]
[[sizes]]
name = "only"
file = "tiny.onnx"
resolution = 32
accuracy = 0.5
[input]
scale = 1.0
fit = "letterbox-top-left"
[output]
decoder = "boxes"
"""
"""A manifest for `boxes_graph`."""


def graph(
    outputs: Mapping[str, NDArray[Any]],
    shape: Sequence[Any] = SHAPE,
    kind: int = TensorProto.FLOAT,
    more_inputs: Sequence[Any] = (),
    opset: int = OPSET,
    names: Mapping[str, str] | None = None,
) -> onnx.ModelProto:
    """A graph that takes `images` of `shape` and answers each image of a batch with the arrays of `outputs`.

    Their first axis is that of the batch, of length 1, where the input has one. `names`: metadata.
    """
    axes = numpy_helper.from_array(np.arange(1 if len(shape) == 4 else 0, len(shape)), "axes")
    nodes = [
        helper.make_node("Cast", ["images"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["numbers", "axes"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "nothing"], ["zero"]),
    ]
    constants = [axes, numpy_helper.from_array(np.float32(0), "nothing")]
    told = []
    for name, array in outputs.items():
        constants.append(numpy_helper.from_array(array, f"{name}_values"))
        constants.append(numpy_helper.from_array(np.array([-1] + [1] * (array.ndim - 1)), f"{name}_shape"))
        element = helper.np_dtype_to_tensor_dtype(array.dtype)
        nodes += [
            helper.make_node("Reshape", ["zero", f"{name}_shape"], [f"{name}_zero"]),
            helper.make_node("Cast", [f"{name}_zero"], [f"{name}_cast"], to=element),
            helper.make_node("Add", [f"{name}_cast", f"{name}_values"], [name]),
        ]
        told.append(
            helper.make_tensor_value_info(
                name, element, [shape[0] if len(shape) == 4 else array.shape[0], *array.shape[1:]]
            )
        )
    images = helper.make_tensor_value_info("images", kind, shape)
    made = helper.make_model(
        helper.make_graph(nodes, "tiny", [images, *more_inputs], told, constants),
        opset_imports=[helper.make_opsetid("", opset)],
        ir_version=IR_VERSION,
    )
    helper.set_model_props(made, dict(names or {}))
    return made


def boxes_graph(**options: Any) -> onnx.ModelProto:
    """A dog at the left half of the input, sure; a cat at the right, hardly."""
    outputs = {
        "boxes": np.array([[[0, 0, 16, 32], [16, 0, 32, 32]]], np.float32),
        "scores": np.array([[0.9, 0.4]], np.float32),
        "labels": np.array([[1, 0]], np.int64),
    }
    return graph(outputs, **options)


def save(made: onnx.ModelProto, path: Path) -> None:
    path.write_bytes(made.SerializeToString())


def package(folder: Path, manifest: str = BOXES, made: onnx.ModelProto | None = None) -> Path:
    """A package in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.toml").write_text(manifest)
    save(made or boxes_graph(), folder / "tiny.onnx")
    return folder
