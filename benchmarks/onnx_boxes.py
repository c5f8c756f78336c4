"""YOLOX as a package beside a plain script around onnxruntime: are the boxes the same?

    python -m benchmarks.onnx_boxes PACKAGE FOLDER_OF_PICTURES --limit 100

`plainly` is what somebody would write who knows nothing of Jellyfish. Each of its boxes is matched with one of the
package's: of the same class, all sides within `SIDE_PX` pixels of the input, scores within `SCORE`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torchvision.ops import batched_nms

from jellyfish.core import Detection
from jellyfish.media.picture import read_picture
from jellyfish.models.model import EngineOptions, Image, answers
from jellyfish.models.onnx.package import open_package

SIDE, SCORE, IOU = 416, 0.25, 0.65
SIDE_PX, SCORE_STEP = 0.01, 1e-4
Boxes = NDArray[np.float64]
"""[k, 6]: label, score, left, top, right, bottom in pixels of the input."""


def plainly(session: Any, image: Image) -> Boxes:
    """Ten lines: letterbox, run, grids, scores, NMS, cut."""
    scale = min(SIDE / image.shape[0], SIDE / image.shape[1])
    width, height = round(image.shape[1] * scale), round(image.shape[0] * scale)
    canvas = np.full((SIDE, SIDE, 3), 114, np.uint8)
    canvas[:height, :width] = cv2.resize(
        image, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    )[..., ::-1]
    out = session.run(None, {"images": canvas.transpose(2, 0, 1)[None].astype(np.float32)})[0][0]
    grid = np.concatenate([[(x, y, s) for y in range(SIDE // s) for x in range(SIDE // s)] for s in (8, 16, 32)])
    centre, size = (out[:, :2] + grid[:, :2]) * grid[:, 2:], np.exp(out[:, 2:4]) * grid[:, 2:]
    sides, labels = np.concatenate([centre - size / 2, centre + size / 2], 1), out[:, 5:].argmax(1)
    scores = (out[:, 4] * out[:, 5:].max(1)).astype(np.float64)
    rows = np.flatnonzero(scores >= SCORE)
    rows = rows[batched_nms(*(torch.from_numpy(each[rows]) for each in (sides, scores, labels)), IOU).numpy()]
    return np.column_stack([labels[rows], scores[rows], sides[rows].clip(0, [width, height] * 2)])


def by_package(found: tuple[Detection, ...], image: Image) -> Boxes:
    scale = min(SIDE / image.shape[0], SIDE / image.shape[1])
    width, height = round(image.shape[1] * scale), round(image.shape[0] * scale)
    rows = [(d.label, d.score, d.left * width, d.top * height, d.right * width, d.bottom * height) for d in found]
    return np.array(rows, np.float64).reshape(-1, 6)


def unmatched(one: Boxes, other: Boxes) -> int:
    """Boxes of either that the other does not have."""
    left = list(range(len(other)))
    lacking = 0
    for box in one:
        twin = next((row for row in left if _same(box, other[row])), None)
        if twin is None:
            lacking += 1
        else:
            left.remove(twin)
    return lacking + len(left)


def _same(one: Any, other: Any) -> bool:
    apart = np.abs(one - other)
    return bool(apart[0] == 0 and apart[1] <= SCORE_STEP and apart[2:].max() <= SIDE_PX)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", type=Path)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--limit", type=int, default=100)
    options = parser.parse_args()
    model = open_package(options.package)
    (variant,) = model.description.variants
    engine = model.engine(EngineOptions())
    session = onnxruntime.InferenceSession(
        model.folder / model.manifest.sizes[0].file, providers=["CPUExecutionProvider"]
    )
    paths = sorted(path for path in options.pictures.rglob("*") if path.suffix in (".jpg", ".png"))
    boxes = wrong = 0
    for path in paths[:: max(1, len(paths) // options.limit)][: options.limit]:
        image = read_picture(path)
        plain = plainly(session, image)
        boxes += len(plain)
        wrong += unmatched(plain, by_package(answers(engine, [image], [variant])[0].detections, image))
    looked_at = min(options.limit, len(paths))
    print(f"{looked_at} pictures, {boxes} boxes by the plain script, {wrong} without a twin on either side")


if __name__ == "__main__":
    main()
