"""From what a model found to the tensors that tell it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from jellyfish.core import Answer, ClassScore, Detection, Task
from jellyfish.protocol.inference.asked import WantedOutput
from jellyfish.protocol.inference.codes import bad
from jellyfish.protocol.inference.tensors import BYTES, Tensor

_Rows = Sequence[Detection] | Sequence[ClassScore]
NO_LABEL = -1
"""Fills up rows of images in which less was found than in another of the same request."""


class OutputKind(NamedTuple):
    """One of the outputs."""

    name: str
    datatype: str
    inner: tuple[int, ...]
    """Its shape, without the number of images; -1 for what depends on the image."""


BOXES = OutputKind("boxes", "FP32", (-1, 4))
"""Left, top, right, bottom, as shares of the image's width and height."""
SCORES = OutputKind("scores", "FP32", (-1,))
LABELS = OutputKind("labels", "INT64", (-1,))
"""Places in the list of the model's classes."""
COUNTS = OutputKind("counts", "INT32", (1,))
"""How many rows of the others tell something."""
JSON = OutputKind("json", BYTES, (1,))
"""All of it in words: what is found, by names of classes, and by what."""
_OF_TASK = {
    Task.DETECTION: (BOXES, SCORES, LABELS, COUNTS, JSON),
    Task.CLASSIFICATION: (SCORES, LABELS, COUNTS, JSON),
}


class ImageAnswer(NamedTuple):
    """Of one image."""

    answer: Answer
    variant: str
    """What it was run with."""


def output_kinds(task: Task) -> tuple[OutputKind, ...]:
    """What a model for `task` answers with, the best first."""
    return _OF_TASK[task]


def check_wanted(wanted: Sequence[WantedOutput], task: Task) -> None:
    """RequestError for an output that there is not: before anything is run."""
    known = [kind.name for kind in output_kinds(task)]
    for output in wanted:
        if output.name not in known:
            raise bad(f"there is no output {output.name[:40]}; there are {', '.join(known)}")


def outputs(
    found: Sequence[ImageAnswer], task: Task, classes: Sequence[str], wanted: Sequence[WantedOutput]
) -> list[Tensor]:
    """Those that are wanted, of one image or several, in that order; all of them where none is named."""
    names = [output.name for output in wanted] or [kind.name for kind in output_kinds(task)]
    rows = [_rows(each.answer) for each in found]
    return [_tensor(name, found, rows, classes) for name in names]


def _rows(answer: Answer) -> _Rows:
    return answer.detections or answer.scores


def _tensor(name: str, found: Sequence[ImageAnswer], rows: Sequence[_Rows], classes: Sequence[str]) -> Tensor:
    if name == JSON.name:
        return Tensor(name, JSON.datatype, (len(found), 1), tuple(_in_words(each, classes) for each in found))
    if name == COUNTS.name:
        return _filled(COUNTS, [[len(each)] for each in rows], np.dtype(np.int32))
    if name == BOXES.name:
        sides = [[(one.left, one.top, one.right, one.bottom) for one in _boxes(each)] for each in rows]
        return _filled(BOXES, sides, np.dtype(np.float32))
    if name == SCORES.name:
        return _filled(SCORES, [[one.score for one in each] for each in rows], np.dtype(np.float32))
    return _filled(LABELS, [[one.label for one in each] for each in rows], np.dtype(np.int64), NO_LABEL)


def _filled(kind: OutputKind, rows: Sequence[Sequence[Any]], dtype: np.dtype[Any], empty: int = 0) -> Tensor:
    """A row for each image, all as long as the longest."""
    inner = kind.inner[1:] if kind.inner[0] < 0 else ()
    table = np.full((len(rows), max(map(len, rows)), *inner), empty, dtype)
    for line, values in zip(table, rows, strict=True):
        if values:
            line[: len(values)] = values
    return Tensor(kind.name, kind.datatype, table.shape, table)


def _boxes(rows: _Rows) -> Iterator[Detection]:
    return (one for one in rows if isinstance(one, Detection))


def _in_words(found: ImageAnswer, classes: Sequence[str]) -> bytes:
    answer = found.answer
    told: dict[str, Any] = {"variant": found.variant}
    if answer.scores:
        told["scores"] = [
            {"label": one.label, "class": classes[one.label], "score": one.score} for one in answer.scores
        ]
    else:
        told["detections"] = [
            {
                "label": one.label,
                "class": classes[one.label],
                "score": one.score,
                "box": [one.left, one.top, one.right, one.bottom],
            }
            for one in answer.detections
        ]
    return msgspec.json.encode(told)
