"""`jellyfish detect`: one variant over a video or an image; what it finds as COCO results, and drawn."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from jellyfish.camera.sources.file import VideoSource
from jellyfish.core import CLASSES, Detection, Variant, canvas_size
from jellyfish.devices.naming import check_device, parse_variant
from jellyfish.errors import InputError
from jellyfish.media.draw import draw as drawn
from jellyfish.media.picture import is_picture, read_picture, write_picture
from jellyfish.media.resize import letterbox
from jellyfish.media.video_writer import write_video
from jellyfish.models.slimmable.card import CardedVariants, read_weights
from jellyfish.modes.progress import ProgressReport
from jellyfish.results.detections import CocoResults

if TYPE_CHECKING:
    from jellyfish.models.slimmable.engine import DetectorEngine

_BATCH = 8
_CRF = 23
"""Quality of a drawn video: thin lines and small letters stay sharp."""

Image = NDArray[np.uint8]
"""RGB [height, width, 3]."""


def detect(
    file: Path,
    variant_name: str,
    output: Path,
    draw: Path | None,
    score: float | None,
    weights_path: Path | None,
    device: str,
    console: Console,
) -> None:
    """Look at every frame of `file`, write COCO results to `output` and, if wanted, the drawn file to `draw`.

    Raises InputError for a file that is neither video nor image, an unknown variant, weights or a device that cannot be
    used, or a target that cannot be written. No results file is left then.
    """
    picture = is_picture(file)
    _check_targets(file, output, draw, picture)
    check_device(device)
    variant = parse_variant(variant_name, CardedVariants(read_weights(weights_path)[0]).variants())
    with contextlib.ExitStack() as stack:
        look: Callable[[Finder, CocoResults], None]
        if picture:
            look = partial(_picture, read_picture(file), draw)
        else:
            progress = stack.enter_context(ProgressReport(console))
            advance = partial(progress, f"looking at {file}")
            look = partial(_video, stack.enter_context(VideoSource(file)), draw, advance)
        finder = Finder(_engine(weights_path, device), variant, score)
        with _results(output) as results:
            look(finder, results)
    console.print(finder.summary(), soft_wrap=True, markup=False, highlight=False)
    for path in filter(None, (output, draw)):
        console.print(f"written: {path}", soft_wrap=True, markup=False)


def _engine(weights_path: Path | None, device: str) -> DetectorEngine:
    """The network, once it is known that there is something to look at: torch takes seconds to load."""
    from jellyfish.devices.torch_devices import torch_device
    from jellyfish.models.slimmable.engine import DetectorEngine
    from jellyfish.models.slimmable.weights import load_weights

    return DetectorEngine(load_weights(weights_path), torch_device(device))


class Finder:
    """One variant at work, and what came of it so far."""

    def __init__(self, engine: DetectorEngine, variant: Variant, score: float | None) -> None:
        self._engine, self._variant, self._score = engine, variant, score
        self._frames, self._seconds = 0, 0.0
        self._labels: Counter[int] = Counter()
        blank = np.zeros((1, *canvas_size(variant.resolution), 3), np.uint8)
        engine.detect(blank, variant, score)  # the first run of a network takes much longer than any after it

    def find(self, images: Sequence[Image]) -> list[list[Detection]]:
        """Objects in each image, sides as shares of it."""
        boxes = [letterbox(image, *canvas_size(self._variant.resolution)) for image in images]
        canvases = np.stack([box.canvas for box in boxes])
        started = time.perf_counter()
        answers = self._engine.detect(canvases, self._variant, self._score)
        self._seconds += time.perf_counter() - started
        self._frames += len(images)
        found = [box.on_frame(answer) for box, answer in zip(boxes, answers, strict=True)]
        self._labels.update(detection.label for one in found for detection in one)
        return found

    def summary(self) -> str:
        """Frames, detections per class, time per frame; for people."""
        frames = "1 frame" if self._frames == 1 else f"{self._frames:,} frames"
        counts = ", ".join(f"{self._labels[label]:,} {CLASSES[label]}" for label in sorted(self._labels))
        each_ms = self._seconds / self._frames * 1e3
        return f"{frames}: {counts or 'nothing found'}; {self._variant.name} took {each_ms:.1f} ms per frame"


def _picture(image: Image, draw: Path | None, finder: Finder, results: CocoResults) -> None:
    (found,) = finder.find([image])
    results.add(1, _size(image), found)
    if draw is not None:
        write_picture(draw, drawn(image, found))


def _video(
    source: VideoSource,
    draw: Path | None,
    advance: Callable[[int, int], None],
    finder: Finder,
    results: CocoResults,
) -> None:
    images = (source.frame_at(number / source.fps)[1] for number in range(source.frames))
    looked_at = _looked_at(images, finder, results, lambda done: advance(done, source.frames))
    if draw is None:
        for _ in looked_at:
            pass
    else:
        width, height = source.width // 2 * 2, source.height // 2 * 2  # the encoder takes even sides only
        frames = (np.ascontiguousarray(drawn(*one)[:height, :width]) for one in looked_at)
        write_video(draw, frames, source.fps, width, height, _CRF)


def _looked_at(
    images: Iterable[Image], finder: Finder, results: CocoResults, advance: Callable[[int], None]
) -> Iterator[tuple[Image, list[Detection]]]:
    """Each image and what is in it, which is added to the results; a batch at a time."""
    images, image_id = iter(images), 0
    while batch := list(itertools.islice(images, _BATCH)):
        for image, found in zip(batch, finder.find(batch), strict=True):
            image_id += 1
            results.add(image_id, _size(image), found)
            yield image, found
        advance(image_id)


def _size(image: Image) -> tuple[int, int]:
    """(width, height)"""
    return image.shape[1], image.shape[0]


def _check_targets(file: Path, output: Path, draw: Path | None, picture: bool) -> None:
    """Say what is wrong with the targets before any work is done."""
    for path in filter(None, (output, draw)):
        if path.resolve() == file.resolve():
            raise InputError(f"{path} is the file to look at: choose another name to write to")
        if path.is_dir():
            raise InputError(f"cannot write {path}: it is a folder")
    if draw is not None and not picture and draw.suffix.lower() != ".mp4":
        raise InputError(f"{draw}: a drawn video is written as .mp4; name it so")


@contextlib.contextmanager
def _results(path: Path) -> Iterator[CocoResults]:
    """The results file to be, which gets its name when it is complete. InputError if it cannot be written."""
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        results = CocoResults(partial.open("wb"))
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from error
    try:
        try:
            yield results
        finally:
            results.close()
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
