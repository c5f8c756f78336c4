"""A batch that is run in parts: each image keeps its own boxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jellyfish.models.model import EngineOptions, answers
from jellyfish.models.onnx.package import open_package
from tests.models.onnx.graphs import BOXES, graph, package

MANIFEST = BOXES.replace('decoder = "boxes"', 'decoder = "rows"\ncolumns = ["image", "box", "label", "score"]')


def test_the_last_image_of_a_part_may_have_no_rows(tmp_path: Path) -> None:
    """Rows name their image within the part: here all of them, two, the first one."""
    rows = np.array([[0, 0, 0, 16, 32, 1, 0.9]], np.float32)
    made = graph({"rows": rows}, shape=(2, 3, 32, 32))
    made.graph.output[0].type.tensor_type.shape.dim[0].dim_param = "rows"
    model = open_package(package(tmp_path, MANIFEST.replace("[[sizes]]", "batches = [2]\n[[sizes]]"), made))
    (variant,) = model.description.variants
    image = np.zeros((32, 32, 3), np.uint8)
    found = answers(model.engine(EngineOptions()), [image] * 4, [variant] * 4)
    assert [len(each.detections) for each in found] == [2, 0, 2, 0]
