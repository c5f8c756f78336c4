"""Detectors of other families as packages: are boxes those that their own frameworks give?

    pip install "jellyfish-serving[onnx,export]" transformers
    python -m benchmarks.onnx_families OUTPUT --images PHOTOGRAPHS [--families ssdlite retinanet rtdetr] [--count 20]

Writes a package for each graph into OUTPUT (weights are random: `benchmarks.onnx_graphs`) and runs it on photographs,
scaled to its input beforehand. Two things are compared with the framework, in float32:

* the graph's raw outputs: their relative error (Euclidean norm of the difference by that of the output), and the worst
  single number's |difference| / max(|value|, root mean square of the output); of both the largest of all pictures. Rows
  (queries, or boxes that the graph chose) are matched first, for of two that score the same either may come first;
* answers, as a server would give them, at a threshold of 0: how many of the framework's best 100 boxes have one of
  their own among them: same class, score within 1e-3 of it, sides within 1e-3 of the picture's. Boxes that lie wholly
  on the border, where nothing is to be seen of them, are left out of both.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from benchmarks.onnx_graphs import FAMILIES, Found, Graph
from jellyfish.core import Detection
from jellyfish.errors import InputError
from jellyfish.media.picture import read_picture
from jellyfish.media.resize import fit
from jellyfish.models.model import EngineOptions, Image, answers
from jellyfish.models.onnx.package import open_package
from jellyfish.models.onnx.runtime import open_session

TOLERANCE = 1e-3
SETTLING = 4
"""Photographs from which norms get their statistics."""
Array = NDArray[Any]


class Photographs:
    """The first so many of a folder, at whatever size."""

    def __init__(self, folder: Path, count: int) -> None:
        files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
        if len(files) < count:
            raise InputError(f"{folder} holds {len(files)} photographs, not {count}")
        self._pictures = [read_picture(path) for path in files[:: len(files) // count][:count]]

    def at(self, height: int, width: int) -> list[Image]:
        """All of them, scaled."""
        return [fit(picture, width, height) for picture in self._pictures]

    def tensor(self, height: int, width: int) -> torch.Tensor:
        """[n, 3, h, w], 0..1: a few of them."""
        return as_tensor(self.at(height, width)[:SETTLING])


def as_tensor(images: Sequence[Image]) -> torch.Tensor:
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255


class Difference(NamedTuple):
    """Between outputs, as shares of what they are."""

    whole: float
    number: float
    """The worst of all."""


def difference(theirs: Sequence[Array], own: Sequence[Array]) -> Difference:
    """The largest of several outputs."""
    pairs = [(one.astype(np.float64), other.astype(np.float64)) for one, other in zip(theirs, own, strict=True)]
    whole = max(float(np.linalg.norm(one - other) / np.linalg.norm(other)) for one, other in pairs)
    typical = [np.sqrt(np.mean(np.square(other))) for _, other in pairs]
    numbers = (
        float(np.max(np.abs(one - other) / np.maximum(np.abs(other), scale)))
        for (one, other), scale in zip(pairs, typical, strict=True)
    )
    return Difference(whole, max(numbers))


def in_order(theirs: Sequence[Array], own: Sequence[Array]) -> list[Array]:
    """Their rows [k, ...] of one picture as they fit ours best."""
    if len(theirs[0]) != len(own[0]):
        raise InputError(f"the graph gave {len(theirs[0])} rows, the framework {len(own[0])}")
    ours, found = (np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1) for parts in (own, theirs))
    _, order = linear_sum_assignment(cdist(ours, found))
    return [part[order] for part in theirs]


def outputs_of(graph: Graph, session: Any, images: Sequence[Image]) -> Iterator[tuple[list[Array], list[Array]]]:
    """(onnxruntime's outputs, the framework's) for each picture."""
    for given in graph.inputs(as_tensor(images)):
        inputs = given[None] if graph.batched else given
        with torch.inference_mode():
            own = [each.numpy() for each in graph.network(inputs)]
        theirs = session.run(list(graph.outputs), {"images": inputs.numpy()})
        if graph.batched:
            own, theirs = [each[0] for each in own], [each[0] for each in theirs]
        yield theirs, own


def raw_difference(graph: Graph, session: Any, images: Sequence[Image]) -> tuple[Difference, int]:
    """(largest of all outputs and pictures, pictures in which rows had to be put into another order)."""
    found, moved = [], 0
    for theirs, own in outputs_of(graph, session, images):
        if not graph.arrays and not same_order(theirs, own):
            moved += 1
            theirs = in_order(theirs, own)
        found.append(difference(theirs, own))
    return Difference(max(each.whole for each in found), max(each.number for each in found)), moved


def same_order(theirs: Sequence[Array], own: Sequence[Array]) -> bool:
    return theirs[0].shape == own[0].shape and difference(theirs, own).number <= TOLERANCE


def as_detections(found: Found, graph: Graph) -> list[Detection]:
    """The framework's boxes as answers have them."""
    sides = (found.sides / torch.tensor([graph.width, graph.height] * 2)).clamp(0, 1)
    rows = zip((found.labels - graph.first_label).tolist(), found.scores.tolist(), sides.tolist(), strict=True)
    boxes = [Detection(label, score, *box) for label, score, box in rows]
    return [box for box in boxes if box.left < box.right and box.top < box.bottom]


def matched(theirs: Sequence[Detection], own: Sequence[Detection]) -> int:
    """How many of the framework's boxes have one of ours to themselves."""
    left, count = list(theirs), 0
    for box in own:
        partner = next((each for each in left if alike(each, box)), None)
        if partner is not None:
            left.remove(partner)
            count += 1
    return count


def alike(one: Detection, other: Detection) -> bool:
    pairs = ((one.left, other.left), (one.top, other.top), (one.right, other.right), (one.bottom, other.bottom))
    return (
        one.label == other.label
        and abs(one.score - other.score) <= TOLERANCE * other.score
        and all(abs(a - b) <= TOLERANCE for a, b in pairs)
    )


def compared(graph: Graph, folder: Path, photographs: Photographs) -> tuple[str, ...]:
    """A row of the table."""
    images = photographs.at(graph.height, graph.width)
    worst, moved = raw_difference(graph, open_session(folder / "model.onnx", "cpu", 2), images)
    model = open_package(folder)
    (variant,) = model.description.variants
    found = answers(model.engine(EngineOptions(threads=2, least_score=0.0)), images, [variant] * len(images))
    own = [as_detections(each, graph) for each in graph.own(as_tensor(images))]
    pairs = [(list(answer.detections), boxes) for answer, boxes in zip(found, own, strict=True)]
    hits, total = sum(matched(*pair) for pair in pairs), sum(len(boxes) for boxes in own)
    ours = sum(len(answer.detections) for answer in found)
    order = f" ({moved} pictures with rows in another order)" if moved else ""
    raw = f"{worst.whole:.1e}, the worst number by {worst.number:.1e}{order}"
    return graph.words, raw, f"{hits:,} of {total:,}, {ours - hits:,} more"


def main() -> None:
    """Make the packages and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="folder for the packages")
    parser.add_argument("--images", type=Path, required=True, help="folder of photographs")
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--families", nargs="+", choices=list(FAMILIES), default=list(FAMILIES))
    arguments = parser.parse_args()
    photographs, console = Photographs(arguments.images, arguments.count), Console(width=120)
    table = Table(title=f"{arguments.count} photographs, float32")
    for column in ("graph", "raw outputs differ by", "boxes matched"):
        table.add_column(column)
    for family in arguments.families:
        for graph in FAMILIES[family](photographs.tensor):
            folder = arguments.output / graph.name
            graph.write(folder)
            row = compared(graph, folder, photographs)
            console.log(*row, sep="; ", style="dim")
            table.add_row(*row)
    console.print(table)


if __name__ == "__main__":
    main()
