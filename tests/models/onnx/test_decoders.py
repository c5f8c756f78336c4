"""Outputs of each family become boxes in pixels of the input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from jellyfish.core import InputSize
from jellyfish.errors import InputError
from jellyfish.models.onnx.decoders.anchors import AnchorDecoder
from jellyfish.models.onnx.decoders.boxes import BoxesDecoder
from jellyfish.models.onnx.decoders.decoder import Activation, BoxFormat, Candidates, Case, Decoder
from jellyfish.models.onnx.decoders.detr import DetrDecoder
from jellyfish.models.onnx.decoders.rows import RowsDecoder
from jellyfish.models.onnx.decoders.scores import ScoresDecoder
from jellyfish.models.onnx.decoders.yolov5 import YoloV5Decoder
from jellyfish.models.onnx.decoders.yolov8 import YoloV8Decoder
from jellyfish.models.onnx.decoders.yolox import YoloXDecoder, grid

CANVAS = InputSize(64, 32)
Rows = list[tuple[Any, ...]]


def case(labels: tuple[str, ...] = ("cat", "dog"), score: float = 0.3, folder: Path = Path()) -> Case:
    return Case(CANVAS, labels, score, folder, "only")


def numbers(values: Any) -> NDArray[np.float32]:
    return np.array(values, np.float32)


def read(decoder: Decoder, *outputs: Any, of: Case | None = None) -> list[Rows]:
    """(label, score, sides) of each image, rounded."""
    found = decoder.reader(of or case())([numbers(output) for output in outputs])
    return [rows(image) for image in found]


def rows(found: Candidates) -> Rows:
    return [
        (int(label), round(float(score), 3), [round(float(side), 2) for side in sides])
        for sides, score, label in zip(found.sides, found.scores, found.labels, strict=True)
    ]


def logit(share: float) -> float:
    return float(np.log(share / (1 - share)))


def test_boxes_scores_and_labels() -> None:
    boxes, scores, labels = [[[0, 0, 8, 8], [1, 2, 3, 4], [5, 5, 9, 9]]], [[0.9, 0.2, 0.5]], [[1, 0, -1]]
    assert read(BoxesDecoder(), boxes, scores, labels) == [[(1, 0.9, [0, 0, 8, 8])]]
    assert read(BoxesDecoder(), boxes[0], scores[0], labels[0]) == [[(1, 0.9, [0, 0, 8, 8])]]


def test_boxes_rows_first_in_shares_with_a_count_as_tensorflow_has_them() -> None:
    decoder = BoxesDecoder(count="n", format=BoxFormat.CORNERS_ROWS_FIRST, normalised=True)
    boxes = [[[0, 0.5, 1, 0.75], [0, 0, 1, 1]]] * 2
    assert decoder.outputs == ("boxes", "scores", "labels", "n")
    assert read(decoder, boxes, [[0.9, 0.9]] * 2, [[1, 1]] * 2, [1, 0]) == [[(1, 0.9, [32, 0, 48, 32])], []]


def test_a_label_without_a_name_is_an_error() -> None:
    with pytest.raises(InputError, match="label 2, but `classes` has 2 names"):
        read(BoxesDecoder(), [[[0, 0, 8, 8]]], [[0.9]], [[2]])


@pytest.mark.parametrize("shape", [(1, 2, 5), (1, 2, 4, 1), (4,)])
def test_boxes_of_another_shape_are_an_error(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"has the shape .*, not \[images, boxes, 4\]"):
        read(BoxesDecoder(), np.zeros(shape), np.zeros((1, 2)), np.zeros((1, 2)))


def test_rows_of_each_image() -> None:
    assert read(RowsDecoder(), [[[0, 0, 8, 8, 0.9, 1], [0, 0, 8, 8, 0.1, 1]]] * 2) == [[(1, 0.9, [0, 0, 8, 8])]] * 2


def test_rows_that_name_their_image() -> None:
    decoder = RowsDecoder(columns=("image", "box", "label", "score"))
    table = [[1, 0, 0, 8, 8, 0, 0.9], [0, 0, 0, 4, 4, 1, 0.8]]
    assert read(decoder, table) == [[(1, 0.8, [0, 0, 4, 4])], [(0, 0.9, [0, 0, 8, 8])]]
    assert read(decoder, np.zeros((0, 7))) == [[]]


def test_yolox_on_its_grids() -> None:
    cells = grid(CANVAS, (8, 16, 32))
    assert len(cells) == 4 * 8 + 2 * 4 + 1 * 2
    output = np.zeros((1, len(cells), 7))
    output[0, 9] = [0.5, 0.25, np.log(2), np.log(1), 0.9, 0.1, 0.8]  # of stride 8: the second cell of the second row
    output[0, 40] = [1, 0.5, 0, 0, 1, 0.5, 0.2]  # of stride 32
    assert read(YoloXDecoder(), output) == [[(1, 0.72, [4, 6, 20, 14]), (0, 0.5, [16, 0, 48, 32])]]


def test_yolox_of_another_size_is_an_error() -> None:
    with pytest.raises(InputError, match=r"not \[images, 42 cells of the strides 8, 16, 32 at 64 x 32, 7: a box"):
        read(YoloXDecoder(), np.zeros((1, 52, 7)))


def test_yolo_with_objectness() -> None:
    table = [[[8, 8, 4, 4, 0.9, 0.1, 1.0], [8, 8, 4, 4, 0.2, 1.0, 1.0], [8, 8, 4, 4, 0.5, 0.5, 0.5]]]
    assert read(YoloV5Decoder(), table) == [[(1, 0.9, [6, 6, 10, 10])]]


@pytest.mark.parametrize("turned", [False, True])
def test_yolo_without_objectness_either_way_round(turned: bool) -> None:
    table = numbers([[[8, 8, 4, 4, 0.1, 0.7], [8, 8, 4, 4, 0.2, 0.1], [16, 8, 4, 8, 0.4, 0.3]]])
    output = table.transpose(0, 2, 1) if turned else table
    assert read(YoloV8Decoder(), output) == [[(1, 0.7, [6, 6, 10, 10]), (0, 0.4, [14, 4, 18, 12])]]


def test_yolo_of_another_number_of_classes_is_an_error() -> None:
    with pytest.raises(InputError, match="6 = a box and 2 classes"):
        read(YoloV8Decoder(), np.zeros((1, 84, 21)))


def test_queries_speak_for_every_class_by_sigmoid() -> None:
    logits = [[[logit(0.9), logit(0.6)], [logit(0.1), logit(0.2)]]]
    boxes = [[[0.5, 0.5, 0.5, 1], [0.5, 0.5, 1, 1]]]
    (found,) = read(DetrDecoder(), logits, boxes)
    assert sorted(found) == [(0, 0.9, [16, 0, 48, 32]), (1, 0.6, [16, 0, 48, 32])]


def test_queries_speak_for_one_class_or_none_by_softmax() -> None:
    decoder = DetrDecoder(activation=Activation.SOFTMAX)
    logits = np.log([[[0.1, 0.5, 0.4], [0.05, 0.05, 0.9]]])
    boxes = [[[0.5, 0.5, 0.5, 1], [0.5, 0.5, 1, 1]]]
    assert read(decoder, logits, boxes, of=case(("cat", "dog", ""))) == [[(1, 0.5, [16, 0, 48, 32])]]


def test_classes_that_are_left_out_do_not_count() -> None:
    logits = [[[logit(0.9), logit(0.2), logit(0.6)]]]
    boxes = [[[0.5, 0.5, 0.5, 1]]]
    assert read(DetrDecoder(), logits, boxes, of=case(("", "cat", "dog"))) == [[(1, 0.6, [16, 0, 48, 32])]]


def test_deltas_to_anchors(tmp_path: Path) -> None:
    np.save(tmp_path / "anchors-only.npy", numbers([[0, 0, 16, 16], [16, 16, 32, 32]]))
    decoder = AnchorDecoder(activation=Activation.SOFTMAX, weights=(10, 10, 5, 5))
    logits = np.log([[[0.2, 0.2, 0.6], [0.9, 0.05, 0.05]]])
    deltas = [[[5, 0, 5 * np.log(2), 0], [0, 0, 0, 0]]]
    found = read(decoder, logits, deltas, of=case(("", "cat", "dog"), folder=tmp_path))
    assert found == [[(1, 0.6, [0, 0, 32, 16])]]


@pytest.mark.parametrize(("anchors", "why"), [(None, "cannot be read"), (np.zeros((2, 3)), r"shape \[2, 3\]")])
def test_anchors_that_are_none(tmp_path: Path, anchors: Any, why: str) -> None:
    if anchors is not None:
        np.save(tmp_path / "anchors-only.npy", anchors)
    with pytest.raises(InputError, match=why):
        AnchorDecoder().reader(case(folder=tmp_path))


def test_the_likeliest_classes_of_a_picture() -> None:
    labels = ("", "a", "b", "c")
    (found,) = ScoresDecoder(top=2).reader(case(labels))([numbers(np.log([[0.4, 0.1, 0.3, 0.2]]))])
    assert [(int(label), round(float(score), 3)) for label, score in zip(found.labels, found.scores, strict=True)] == [
        (1, 0.3),
        (2, 0.2),
    ]
