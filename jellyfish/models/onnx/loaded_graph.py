"""One size of a package, loaded: a graph that has been held against what `model.toml` says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jellyfish.core import Answer, Task
from jellyfish.errors import InputError
from jellyfish.models.model import Image
from jellyfish.models.onnx.batching import filled, parts
from jellyfish.models.onnx.decoders.decoder import Array, Candidates, Case
from jellyfish.models.onnx.fitting import Fitting, Where
from jellyfish.models.onnx.manifest import Manifest, SizeEntry
from jellyfish.models.onnx.runtime import meaning
from jellyfish.models.onnx.selection import boxes_answer, scores_answer
from jellyfish.models.onnx.signature import check_shape, input_of, outputs_of, type_of

_NONE_FOUND = Candidates(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.intp))


class Prepared(NamedTuple):
    """A batch as the graph takes it."""

    parts: list[NDArray[Any]]
    """Inputs of as many runs as it takes, filled up to a batch size that the graph has."""
    places: list[Where]
    """Of each image in the input."""


class Look(NamedTuple):
    """What a graph says of one picture, before anything is put right or left out: to see what may be wrong."""

    candidates: Candidates
    """All that score enough."""
    best: float | None
    """The best score of all; None where there are no boxes."""
    threshold: float
    outside: NDArray[np.bool_]
    """Of each candidate, whether its box lies beside the picture or is inside out."""


class LoadedGraph:
    """A graph, how frames get into it and what comes out."""

    def __init__(
        self, manifest: Manifest, size: SizeEntry, folder: Path, session: Any, least_score: float | None = None
    ) -> None:
        """`least_score`: in place of the manifest's. InputError where graph and manifest do not go together."""
        self._manifest, self._size, self._session = manifest, size, session
        given = input_of(session, manifest.input.name)
        self._input = given.name
        self._fitting = Fitting(manifest.input, size.input, type_of(given))
        check_shape(manifest, size, given)
        self._outputs = outputs_of(session, manifest.decoder.outputs)
        score = manifest.score_threshold(size) if least_score is None else least_score
        self._case = Case(size.input, manifest.labels, score, folder, size.name)
        self._read = manifest.decoder.reader(self._case)
        self._more = self._further_inputs()

    def try_out(self) -> None:
        """Run it on grey, at each of its batch sizes. InputError for what no answers can be made of."""
        grey = np.full((self._size.input.height, self._size.input.width, 3), 114, np.uint8)
        for count in self._manifest.batches or (1,):
            prepared = self.prepare([grey] * count)
            self.candidates(self.run(prepared.parts), count)

    def prepare(self, images: Sequence[Image]) -> Prepared:
        """Frames of any size as inputs."""
        tensor, places = self._fitting(images)
        if not self._manifest.input.layout.batched:
            return Prepared(list(tensor), places)
        runs = parts(len(images), self._manifest.batches)
        return Prepared([filled(tensor[rows], size) for rows, size in runs], places)

    def run(self, inputs: Sequence[NDArray[Any]]) -> list[list[Array]]:
        """Outputs of each part. InputError for what onnxruntime raises."""
        try:
            return [self._session.run(self._outputs, {self._input: part, **self._more_for(part)}) for part in inputs]
        except Exception as error:  # onnxruntime's errors have no base of their own
            raise InputError(f"{self._size.file} does not run: {meaning(str(error))}") from error

    def candidates(self, outputs: Sequence[list[Array]], count: int) -> list[Candidates]:
        """What each of `count` images may show. InputError for outputs that are no numbers, or not as expected."""
        found: list[Candidates] = []
        try:
            for part, size in zip(outputs, self._sizes(count), strict=True):
                arrays = [_as_numbers(name, array) for name, array in zip(self._outputs, part, strict=True)]
                found += (self._read(arrays) + [_NONE_FOUND] * size)[:size]
        except InputError as error:
            raise InputError(f"{self._size.file}: {error}") from None
        return found[:count]

    def _sizes(self, count: int) -> list[int]:
        """Images in each part that `count` of them are run in. Rows that name their image leave out the last ones."""
        batches = self._manifest.batches if self._manifest.input.layout.batched else (1,)
        return [size for _, size in parts(count, batches)]

    def answers(self, outputs: Sequence[list[Array]], places: Sequence[Where]) -> list[Answer]:
        """An answer for each image."""
        found = self.candidates(outputs, len(places))
        if self._manifest.task is Task.CLASSIFICATION:
            return [scores_answer(each) for each in found]
        iou = self._manifest.thresholds.nms_iou if self._manifest.decoder.suppresses else None
        return [boxes_answer(each, where, iou) for each, where in zip(found, places, strict=True)]

    def look(self, picture: Image) -> Look:
        """See `Look`."""
        prepared = self.prepare([picture])
        outputs = self.run(prepared.parts)
        (found,) = self.candidates(outputs, 1)
        everything = self._manifest.decoder.reader(replace(self._case, score=-np.inf))
        (all_of_them, *_) = everything([np.asarray(array, np.float32) for array in outputs[0]]) or [_NONE_FOUND]
        best = float(all_of_them.scores.max()) if len(all_of_them.scores) else None
        sides = prepared.places[0].on_frame(found.sides)
        wrong = (sides[:, :2] >= 1) | (sides[:, 2:] <= 0) | (sides[:, :2] >= sides[:, 2:])
        return Look(found, best, self._case.score, np.asarray(wrong.any(axis=1), np.bool_))

    def _further_inputs(self) -> dict[str, Any]:
        """Inputs beside the images: name -> type. InputError for those that nobody said how to fill."""
        more = {each.name: each.type for each in self._session.get_inputs() if each.name != self._input}
        name = self._manifest.input.size_name
        if name and name not in more:
            raise InputError(f"{self._size.file} has no input {name!r}, which model.toml has as `size_name`")
        unknown = [other for other in more if other != name]
        if unknown:
            raise InputError(
                f"{self._size.file} has more inputs than the images: {', '.join(unknown)}. Name the one that takes the "
                "image's size as `size_name` in [input], and export the graph without others"
            )
        return more

    def _more_for(self, part: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """What the inputs beside the images get: sizes in which boxes are to be told, those of the input itself."""
        images = len(part) if self._manifest.input.layout.batched else 1
        size = [[self._size.input.width, self._size.input.height]] * images
        return {name: np.array(size, np.float32 if "float" in kind else np.int64) for name, kind in self._more.items()}


def _as_numbers(name: str, array: Any) -> Array:
    """An output as float32. InputError for one that holds NaN or infinity, or no numbers at all."""
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        raise InputError(f"the output {name} holds no numbers")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise InputError(
            f"the output {name} has NaN or infinity in it: the weights are broken, or half precision does not hold "
            "them (export in float32)"
        )
    return np.asarray(array, np.float32)
