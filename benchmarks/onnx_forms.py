"""The exported detector in the forms that ONNX files come in: what does each find beside the one with dynamic batches?

    jellyfish export FOLDER --variant w100e1-128
    python -m benchmarks.onnx_forms FOLDER PHOTOGRAPHS [--count 8] [--calibrated 24]

Of a package with one size: a fixed batch of one, float16 with inputs of either kind, and int8 (QDQ) of convolutions
alone and of all operators, calibrated on photographs. Each is made a package and run as any other.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.tools.onnx_model_utils import make_dim_param_fixed
from onnxruntime.transformers.float16 import convert_float_to_float16

from jellyfish.media.resize import letterbox
from jellyfish.models.model import EngineOptions, Image, answers
from jellyfish.models.onnx.package import open_package

Make = Callable[[Path], None]


class Calibration(CalibrationDataReader):
    """Photographs as the graph takes them."""

    def __init__(self, images: Sequence[Image], width: int, height: int) -> None:
        self._inputs = self._made(images, width, height)

    def get_next(self) -> dict[str, Any] | None:
        return next(self._inputs, None)

    @staticmethod
    def _made(images: Sequence[Image], width: int, height: int) -> Iterator[dict[str, Any]]:
        for image in images:
            canvas = letterbox(image, height, width).canvas
            yield {"images": canvas.transpose(2, 0, 1)[None].astype(np.float32)}


def forms(source: Path, calibration: Callable[[], Calibration]) -> dict[str, Make]:
    """Name -> what writes the graph in that form."""

    def fixed(target: Path) -> None:
        model = onnx.load(source)
        make_dim_param_fixed(model.graph, model.graph.input[0].type.tensor_type.shape.dim[0].dim_param, 1)
        onnx.save(model, target)

    def half(target: Path, keep: bool) -> None:
        onnx.save(convert_float_to_float16(onnx.load(source), keep_io_types=keep), target)

    def quantised(target: Path, operators: list[str] | None) -> None:
        quantize_static(
            source, target, calibration(), quant_format=QuantFormat.QDQ, per_channel=True,
            weight_type=QuantType.QInt8, activation_type=QuantType.QUInt8, op_types_to_quantize=operators,
        )  # fmt: skip

    return {
        "dynamic batch": lambda target: onnx.save(onnx.load(source), target),
        "fixed batch": fixed,
        "float16, inputs too": lambda target: half(target, keep=False),
        "float16, inputs float32": lambda target: half(target, keep=True),
        "int8, convolutions": lambda target: quantised(target, ["Conv"]),
        "int8, all operators": lambda target: quantised(target, None),
    }


def packed(package: Path, make: Make, folder: Path, batches: str) -> Path:
    """A copy of the package whose graph is made anew."""
    shutil.copytree(package, folder)
    (graph,) = folder.glob("*.onnx")
    make(graph)
    lines = (folder / "model.toml").read_text().splitlines()
    kept = [line for line in lines if not line.startswith(("sha256", "batches"))]
    (folder / "model.toml").write_text("\n".join([batches, *kept]) + "\n")
    return folder


def found(package: Path, images: Sequence[Image]) -> str:
    """What a package finds, in words."""
    model = open_package(package)
    (variant,) = model.description.variants
    answered = answers(model.engine(EngineOptions()), images, [variant] * len(images))
    boxes = [one for each in answered for one in each.detections]
    best = max((one.score for one in boxes), default=0.0)
    return f"{len(boxes)} boxes, the best score {best:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", type=Path)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("--count", type=int, default=8, help="photographs that are looked at")
    parser.add_argument("--calibrated", type=int, default=24, help="photographs that int8 is calibrated on")
    arguments = parser.parse_args()
    paths = sorted(arguments.photographs.rglob("*.jpg"))[: max(arguments.count, arguments.calibrated)]
    images = [np.asarray(cv2.imread(str(path)), np.uint8)[..., ::-1].copy() for path in paths]
    (source,) = arguments.package.glob("*.onnx")
    (size,) = open_package(arguments.package).description.sizes
    calibration = partial(Calibration, images[: arguments.calibrated], size.input.width, size.input.height)
    with tempfile.TemporaryDirectory() as folder:
        for name, make in forms(source, calibration).items():
            batches = "batches = [1]" if name == "fixed batch" else ""
            try:
                told = found(packed(arguments.package, make, Path(folder) / name, batches), images[: arguments.count])
            except Exception as error:
                told = f"{type(error).__name__}: {error}"
            print(f"{name}: {told}", flush=True)


if __name__ == "__main__":
    main()
