"""The detector as ONNX graphs in memory, for processors: the stem, and a tail for each size, straight from the weights.

The same network as `detector` and `folding` have it, written down a second time so that a processor's workers need no
torch: names of tensors tell which blocks there are, norms how wide they are. A test holds the two together. Any batch
and any canvas of whole strides.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from jellyfish.errors import InputError
from jellyfish.models.slimmable.layout import EPSILON, PREDICTIONS, SHARED_CHANNELS
from jellyfish.models.slimmable.sizes import EXITS, LARGEST, NetworkSize

INPUT, OUTPUT = "input", "output"
"""What every graph calls them."""
_OPSET, _IR = 18, 9
_STRIDES = {"stem.entry": 2, "stem.blocks.1": 2, "stem.blocks.3": 2, "second.0": 2, "fourth.0": 2, "lateral32": 2}
"""Layers and blocks that halve their features; all others keep them."""
Floats = NDArray[np.float32]


class WeightTensors:
    """What a weights file holds; knows which of it has been used."""

    def __init__(self, path: Path, tensors: Mapping[str, NDArray[np.generic]]) -> None:
        self._path, self._tensors = path, tensors
        self._used: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    def take(self, name: str) -> Floats:
        """The tensor called so. InputError if there is none."""
        self._used.add(name)
        try:
            return self._tensors[name].astype(np.float32)
        except KeyError:
            raise InputError(f"{self._path} lacks tensor {name}") from None

    def sliced(self, name: str, outputs: int, inputs: int, whole: bool) -> Floats:
        """The leading outputs and inputs of a convolution's weights, which may have no more if they are `whole`."""
        tensor = self.take(name)
        found = tensor[:outputs, :inputs] if tensor.ndim == 4 else tensor
        if tensor.ndim != 4 or found.shape[:2] != (outputs, inputs) or (whole and found.shape != tensor.shape):
            raise self._misshapen(name)
        return found

    def vector(self, name: str, length: int) -> Floats:
        """A tensor of so many numbers. InputError."""
        tensor = self.take(name)
        if tensor.shape != (length,):
            raise self._misshapen(name)
        return tensor

    def norm(self, name: str) -> tuple[Floats, Floats]:
        """What a norm multiplies with and adds, for each channel. InputError."""
        gain = self.take(f"{name}.weight")
        shift, mean, variance = (
            self.vector(f"{name}.{part}", gain.size) for part in ("bias", "running_mean", "running_var")
        )
        scale = gain / np.sqrt(variance + np.float32(EPSILON))
        return scale, shift - mean * scale

    def _misshapen(self, name: str) -> InputError:
        return InputError(f"{self._path} has another shape of tensor {name}")

    def check_used(self) -> None:
        """InputError if there is something that the network does not have."""
        unknown = [name for name in self._tensors.keys() - self._used if not name.endswith("num_batches_tracked")]
        if unknown:
            raise InputError(f"{self._path} has the unknown tensor {min(unknown)} (and {len(unknown) - 1} more)")


class Features(NamedTuple):
    """What a part of the graph hands on."""

    name: str
    channels: int


class GraphWriter:
    """Writes one graph, layer after layer, for one size."""

    def __init__(self, tensors: WeightTensors, size: NetworkSize) -> None:
        self._tensors, self._size = tensors, size
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []
        self._bounds = [self._constant(np.array(bound, np.float32)) for bound in (0, 6)]

    def written(self, output: Features, input_type: int, input_shape: list[str | int]) -> bytes:
        """The graph as a file's bytes."""
        self._nodes.append(helper.make_node("Identity", [output.name], [OUTPUT]))
        graph = helper.make_graph(
            self._nodes, "detector",
            [helper.make_tensor_value_info(INPUT, input_type, input_shape)],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, None)],
            self._constants,
        )  # fmt: skip
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR)
        data: bytes = model.SerializeToString()
        return data

    def pictures(self) -> Features:
        """Bytes 0..255 as they lie on canvases -> floats around 0, colours first."""
        floats = self._node("Cast", [INPUT], to=TensorProto.FLOAT)
        moved = self._node("Transpose", [floats], perm=[0, 3, 1, 2])
        return Features(self._node("Sub", [moved, self._constant(np.array(127, np.float32))]), 3)

    def through(self, stage: str, features: Features) -> Features:
        """All blocks of a stage, one after the other."""
        number = 0
        while f"{stage}.{number}.project.weight" in self._tensors:
            features = self.block(f"{stage}.{number}", features)
            number += 1
        return features

    def block(self, name: str, features: Features) -> Features:
        """An inverted residual block."""
        stride, inner = _STRIDES.get(name, 1), features
        if f"{name}.expand.weight" in self._tensors:
            inner = self.convolution(f"{name}.expand", inner)
        inner = self.convolution(f"{name}.depthwise", inner, stride, depthwise=True)
        outer = self.convolution(f"{name}.project", inner, activated=False)
        return self.sum(outer, features) if stride == 1 and outer.channels == features.channels else outer

    def convolution(
        self,
        name: str,
        features: Features,
        stride: int = 1,
        *,
        depthwise: bool = False,
        activated: bool = True,
        divisor: float = 1.0,
    ) -> Features:
        """A layer with its norm folded in. `divisor`: of its inputs."""
        scale, shift = self._tensors.norm(self._norm(name))
        weight = self._weight(name, len(scale), 1 if depthwise else features.channels) * scale[:, None, None, None]
        return self._convolved(features, weight / np.float32(divisor), shift, stride, activated)

    def predicted(self, name: str, features: Features) -> Features:
        """The last layer of a head: [n, PREDICTIONS, points]."""
        weight = self._weight(name, PREDICTIONS, features.channels)
        bias = self._tensors.vector(f"{name}.bias", PREDICTIONS)
        maps = self._convolved(features, weight, bias, 1, activated=False)
        shape = self._constant(np.array([0, PREDICTIONS, -1], np.int64))
        return Features(self._node("Reshape", [maps.name, shape]), PREDICTIONS)

    def doubled(self, features: Features) -> Features:
        """Each point four times."""
        scales = self._constant(np.array([1, 1, 2, 2], np.float32))
        how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        return Features(self._node("Resize", [features.name, "", scales], **how), features.channels)

    def sum(self, one: Features, other: Features) -> Features:
        """Of two of the same shape."""
        return Features(self._node("Add", [one.name, other.name]), one.channels)

    def side_by_side(self, parts: list[Features]) -> Features:
        """Predictions of all levels."""
        return Features(self._node("Concat", [part.name for part in parts], axis=2), parts[0].channels)

    def _norm(self, name: str) -> str:
        """The layer's norm: the only one, that of the width, or that of the size."""
        size = self._size.name
        known = (f"{name}.norm", f"{name}.norms.{size[:4]}", f"{name}.norms.{size}")
        return next((norm for norm in known if f"{norm}.weight" in self._tensors), known[0])

    def _weight(self, name: str, outputs: int, inputs: int) -> Floats:
        whole = self._size.width == LARGEST.width
        return self._tensors.sliced(f"{name}.weight", outputs, inputs, whole)

    def _convolved(self, features: Features, weight: Floats, bias: Floats, stride: int, activated: bool) -> Features:
        outputs, inputs, kernel, _ = weight.shape
        name = self._node(
            "Conv", [features.name, self._constant(weight), self._constant(bias)],
            strides=[stride] * 2, pads=[kernel // 2] * 4, group=features.channels // inputs,
        )  # fmt: skip
        return Features(self._node("Clip", [name, *self._bounds]) if activated else name, outputs)

    def _node(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        name = f"{kind}{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def _constant(self, values: NDArray[np.generic]) -> str:
        name = f"constant{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(values, name))
        return name


def stem_graph(tensors: WeightTensors) -> bytes:
    """[n, h, w, 3] bytes -> [n, channels, h / 8, w / 8] floats."""
    writer = GraphWriter(tensors, LARGEST)
    entry = writer.convolution("stem.entry", writer.pictures(), _STRIDES["stem.entry"], divisor=128.0)
    return writer.written(writer.through("stem.blocks", entry), TensorProto.UINT8, ["images", "height", "width", 3])


def tail_graph(tensors: WeightTensors, size: NetworkSize) -> bytes:
    """What the stem makes -> predictions [n, PREDICTIONS, points]."""
    writer = GraphWriter(tensors, size)
    eight = Features(INPUT, SHARED_CHANNELS)
    sixteen = thirty_two = writer.through("second", eight)
    halve = size.exit == EXITS[0]
    if not halve:
        sixteen = writer.through("third", sixteen)
        thirty_two = writer.through("fourth", sixteen)
    levels = _pyramid(writer, f"necks.{size.exit - 1}", (eight, sixteen, thirty_two), halve)
    heads = [_head(writer, f"heads.{number}", level) for number, level in enumerate(levels)]
    return writer.written(
        writer.side_by_side(heads), TensorProto.FLOAT, ["images", SHARED_CHANNELS, "eighth height", "eighth width"]
    )


def _pyramid(
    writer: GraphWriter, neck: str, features: tuple[Features, Features, Features], halve: bool
) -> list[Features]:
    """Levels, finest first."""
    eight, sixteen, thirty_two = features
    stride = _STRIDES["lateral32"] if halve else 1
    level32 = writer.convolution(f"{neck}.lateral32", thirty_two, stride, activated=False)
    level16 = writer.convolution(f"{neck}.lateral16", sixteen, activated=False)
    level16 = writer.sum(level16, writer.doubled(level32))
    level8 = writer.convolution(f"{neck}.lateral8", eight, activated=False)
    return [writer.sum(level8, writer.doubled(level16)), level16, level32]


def _head(writer: GraphWriter, name: str, level: Features) -> Features:
    smooth = writer.convolution(f"{name}.smooth", level)
    return writer.predicted(f"{name}.predict", writer.convolution(f"{name}.hidden", smooth))
