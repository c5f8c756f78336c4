"""Which family a graph is of, by the names and shapes of what came out of it once. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jellyfish.core import InputSize
from jellyfish.models.onnx.inspecting.guess import Sure

Outputs = Mapping[str, NDArray[Any]]
"""By name, of a batch of one."""
_SCORE_FIRST, _SCORE_LAST = ("score", "label"), ("label", "score")
STRIDES = ((8, 16, 32), (8, 16, 32, 64))
MOST_CHOSEN, MOST_QUERIES = 1000, 1000
"""Boxes that are left where a graph chooses them itself, and queries: there are more cells and anchors than that."""
MOST_RAW = 30.0
"""Sides in strides, and logarithms of them, are less; pixels are more."""


@dataclass(frozen=True)
class Family:
    """How boxes or scores come out."""

    decoder: str
    """Empty: nobody knows."""
    sure: Sure
    why: str
    options: Mapping[str, Any] = field(default_factory=dict)
    """Of the decoder, in `model.toml`."""
    classes: int | None = None
    """As many as the shapes tell of; None: they do not."""


def family_of(outputs: Outputs, canvas: InputSize, names: int | None) -> Family:
    """`names`: how many classes the metadata names, if any."""
    return (
        _chosen_boxes(outputs)
        or _pairs(outputs)
        or _rows(outputs)
        or _heads(outputs, canvas, names)
        or _scores(outputs)
        or Family("", Sure.GUESS, f"nothing known looks like {told(outputs)}")
    )


def told(outputs: Outputs) -> str:
    """Names and shapes."""
    return ", ".join(f"{name} {list(array.shape)}" for name, array in outputs.items())


def _chosen_boxes(outputs: Outputs) -> Family | None:
    """Boxes, scores and labels, chosen by the graph."""
    for boxes, array in outputs.items():
        alike = [name for name, other in outputs.items() if other.shape == array.shape[:-1] and array.ndim in (2, 3)]
        if array.shape[-1:] != (4,) or len(alike) < 2:
            continue
        labels = next((name for name in alike if outputs[name].dtype.kind in "iu"), None)
        labels = labels or next((name for name in alike if "label" in name or "class" in name), alike[-1])
        scores = next((name for name in alike if name != labels and "score" in name), None)
        scores = scores or next(name for name in alike if name != labels)
        options: dict[str, Any] = {"boxes": boxes, "scores": scores, "labels": labels}
        counts = [name for name, other in outputs.items() if "num" in name and other.size == 1]
        options |= {"count": counts[0]} if counts else {}
        if boxes.startswith("detection_boxes"):
            options |= {"format": "yxyx", "normalised": True}
        elif _shares(array):
            options["normalised"] = True
        return Family("boxes", Sure.LIKELY, f"boxes, scores and labels: {told(outputs)}", options)
    return None


def _pairs(outputs: Outputs) -> Family | None:
    """Logits and boxes, of queries or of anchors."""
    deep = {name: array for name, array in outputs.items() if array.ndim == 3}
    boxes = next((name for name, array in deep.items() if array.shape[2] == 4), None)
    if boxes is None:
        return None
    logits = next((n for n, a in deep.items() if n != boxes and a.shape[:2] == deep[boxes].shape[:2]), None)
    if logits is None:
        return None
    many, classes = deep[logits].shape[1:]
    why = f"{logits} {list(deep[logits].shape)} and {boxes} {list(deep[boxes].shape)}"
    if many > MOST_QUERIES:
        options = {"logits": logits, "deltas": boxes, "activation": _activation(deep[logits], "sigmoid")}
        return Family("anchors", Sure.GUESS, f"{why}: as many as anchors", options, classes)
    options = {"logits": logits, "boxes": boxes, "activation": _activation(deep[logits], "sigmoid")}
    return Family("detr", Sure.LIKELY, f"{why}: queries", options, classes)


def _rows(outputs: Outputs) -> Family | None:
    """One output of which each row is a box that the graph has chosen."""
    for name, array in outputs.items():
        rows = array.shape[-2] if array.ndim in (2, 3) else 0
        if array.ndim == 2 and array.shape[1] == 7:
            flat = "flat" in name
            options: dict[str, Any] = {"columns": ["image", "box", *(_SCORE_FIRST if flat else _SCORE_LAST)]}
            options |= {"output": name} if len(outputs) > 1 else {}
            return Family("rows", Sure.GUESS, f"{name} {list(array.shape)}", options)
        if (
            array.shape[-1] == 6
            and (array.ndim == 2 or (array.ndim == 3 and rows <= MOST_CHOSEN))
            and len(outputs) == 1
        ):
            options = {"columns": ["box", *_SCORE_FIRST]}
            if _shares(array[..., :4]):
                options["normalised"] = True
            return Family("rows", Sure.LIKELY, f"{name} {list(array.shape)}: a box, a score, a label", options)
    return None


def _heads(outputs: Outputs, canvas: InputSize, names: int | None) -> Family | None:
    """YOLO: a box and scores at each cell."""
    name = next((name for name, array in outputs.items() if array.ndim == 3), None)
    if name is None:
        return None
    options: dict[str, Any] = {"output": name} if len(outputs) > 1 else {}
    array = outputs[name]
    turned = _boxes_last(array.shape[1:], canvas)
    rows = array.transpose(0, 2, 1) if turned else array
    many, width = rows.shape[1:]
    why = f"{name} {list(array.shape)}"
    strides = next((each for each in STRIDES if many in (_cells(canvas, each), 3 * _cells(canvas, each))), None)
    one_each = strides is None or many == _cells(canvas, strides)
    if _has_no_objectness(turned, width, names, one_each):
        return _without_objectness(rows, options, why, names)
    if turned:
        return None
    raw = float(np.abs(rows[..., :4]).max()) < MOST_RAW and not _shares(rows[..., :4])
    if strides is not None and one_each and raw:
        why = f"{why}: a row for each cell of strides {', '.join(map(str, strides))}, not yet on their grids"
        return Family("yolox", Sure.LIKELY, why, options | {"strides": list(strides)}, width - 5)
    sure = Sure.LIKELY if strides is not None else Sure.GUESS
    options |= {"normalised": True} if _shares(rows[..., :4]) else {}
    return Family("yolov5", sure, f"{why}: a box, objectness and {width - 5} classes", options, width - 5)


def _without_objectness(rows: NDArray[Any], options: dict[str, Any], why: str, names: int | None) -> Family:
    classes = rows.shape[2] - 4
    if names is not None and names != classes:
        return Family(
            "", Sure.GUESS, f"{why} has {classes - names} numbers more than a box and {names} classes: outlines?"
        )
    activation = _activation(rows[..., 4:], "sigmoid")
    options |= {"activation": activation} if activation != "none" else {}
    options |= {"normalised": True} if _shares(rows[..., :4]) else {}
    return Family("yolov8", Sure.LIKELY, f"{why}: a box and {classes} classes", options, classes)


def _boxes_last(axes: Sequence[int], canvas: InputSize) -> bool:
    """Whether the second of two axes is that of the boxes: as many as there are cells, else the longer one."""
    many = {times * _cells(canvas, strides) for strides in STRIDES for times in (1, 3)}
    if (axes[0] in many) != (axes[1] in many):
        return axes[1] in many
    return axes[0] < axes[1]


def _has_no_objectness(channels_first: bool, width: int, names: int | None, one_box_a_cell: bool) -> bool:
    """Whether classes begin right behind the box. Whoever has objectness has boxes in rows."""
    if names is not None:
        return width - 5 != names
    return channels_first or (one_box_a_cell and width - 4 in (80, 91))


def _scores(outputs: Outputs) -> Family | None:
    """Scores of classes for the whole image."""
    for name, array in outputs.items():
        if array.ndim == 2 or (array.ndim == 4 and array.shape[2:] == (1, 1)):
            values = array.reshape(len(array), -1)
            shares = values.min() >= 0 and np.allclose(values.sum(axis=1), 1, atol=1e-3)
            options = {"activation": "none" if shares else "softmax"} | ({"output": name} if len(outputs) > 1 else {})
            return Family("scores", Sure.LIKELY, f"{name} {list(array.shape)}", options, values.shape[1])
    return None


def _cells(canvas: InputSize, strides: tuple[int, ...]) -> int:
    return sum((canvas.width // stride) * (canvas.height // stride) for stride in strides)


def _activation(values: NDArray[Any], otherwise: str) -> str:
    """`none` for what are shares already."""
    return "none" if values.size and values.min() >= 0 and values.max() <= 1 else otherwise


def _shares(sides: NDArray[Any]) -> bool:
    """Whether they are shares of the input: none is as large as a few pixels, or far below nothing as a logarithm."""
    return bool(sides.size and float(sides.min()) > -0.5 and 0 < float(sides.max()) <= 2)
