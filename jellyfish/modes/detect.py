"""`jellyfish detect`: one variant over a video or an image; what it finds as COCO results, and drawn."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from jellyfish.core import Detection, Variant
from jellyfish.devices.naming import check_device, parse_variant
from jellyfish.errors import InputError
from jellyfish.media.contents import Contents
from jellyfish.media.draw import draw as drawn
from jellyfish.media.files import legible
from jellyfish.media.footage import Footage, open_footage, seen
from jellyfish.media.picture import is_picture, read_picture, write_picture
from jellyfish.media.resize import fit, letterbox
from jellyfish.media.video_writer import write_stamped_video
from jellyfish.models.slimmable.card import CardedVariants, read_weights
from jellyfish.models.slimmable.street import CLASSES, input_size
from jellyfish.modes.progress import ProgressReport
from jellyfish.results.detections import CocoResults
from jellyfish.whole_files import written_whole

if TYPE_CHECKING:
    from jellyfish.models.slimmable.engine import DetectorEngine

_BATCH = 8
_CRF = 23
"""Quality of a drawn video: thin lines and small letters stay sharp."""

_TICK_S = Fraction(1, 90_000)
"""Of a drawn video whose frames are at odd times."""

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
        look: Callable[[Finder, CocoResults], str]
        if picture:
            look = partial(_picture, read_picture(file), draw)
        else:
            footage = stack.enter_context(contextlib.closing(open_footage(file)))
            progress = stack.enter_context(ProgressReport(console))
            look = partial(_video, footage, draw, partial(progress, f"looking at {legible(file)}"))
        finder = Finder(_engine(weights_path, device), variant, score)
        with _results(output) as results:
            losses = look(finder, results)
    console.print(finder.summary(), soft_wrap=True, markup=False, highlight=False)
    if losses:
        console.print(f"{legible(file)} is not whole: {losses}", soft_wrap=True, markup=False, highlight=False)
    for path in filter(None, (output, draw)):
        console.print(f"written: {legible(path)}", soft_wrap=True, markup=False)


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
        self._size = input_size(variant.resolution)
        blank = np.zeros((1, self._size.height, self._size.width, 3), np.uint8)
        engine.detect(blank, variant, score)  # the first run of a network takes much longer than any after it

    def find(self, images: Sequence[Image]) -> list[list[Detection]]:
        """Objects in each image, sides as shares of it."""
        boxes = [letterbox(image, self._size.height, self._size.width) for image in images]
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


def _picture(image: Image, draw: Path | None, finder: Finder, results: CocoResults) -> str:
    """Look at the picture, in which nothing is missing."""
    (found,) = finder.find([image])
    results.add(1, _size(image), found, CLASSES)
    if draw is not None:
        write_picture(draw, drawn(image, found, CLASSES))
    return ""


def _video(
    footage: Footage, draw: Path | None, advance: Callable[[int, int], None], finder: Finder, results: CocoResults
) -> str:
    """Look at every frame that decodes; what is missing, in words."""
    contents = footage.contents
    frames = ((number, seen(frame, contents)) for number, frame in footage.read_from(0))
    looked_at = _looked_at(frames, finder, results, lambda done: advance(done, contents.timeline.frames))
    if draw is None:
        for _ in looked_at:
            pass
    else:
        _draw(draw, contents, ((number, drawn(image, found, CLASSES)) for number, image, found in looked_at))
    return contents.losses


def _draw(path: Path, contents: Contents, frames: Iterable[tuple[int, Image]]) -> None:
    """Write them as a video in which each is shown at its time."""
    shown = contents.timeline
    rate = Fraction(shown.fps).limit_denominator(1001)
    tick_s = 1 / rate if shown.times_s is None else _TICK_S
    width, height = contents.width + contents.width % 2, contents.height + contents.height % 2
    stamped = (
        (round(shown.time_of(number) / tick_s), _even(fit(image, contents.width, contents.height)))
        for number, image in frames
    )
    write_stamped_video(path, stamped, tick_s, rate, width, height, _CRF)


def _even(image: Image) -> Image:
    """With a border repeated where a side is odd: the encoder takes even ones only."""
    height, width = image.shape[:2]
    if not (width % 2 or height % 2):
        return image
    return np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def _looked_at(
    frames: Iterator[tuple[int, Image]], finder: Finder, results: CocoResults, advance: Callable[[int], None]
) -> Iterator[tuple[int, Image, list[Detection]]]:
    """Each frame's number, its image and what is in it, which is added to the results; a batch at a time."""
    while batch := list(itertools.islice(frames, _BATCH)):
        for (number, image), found in zip(batch, finder.find([image for _, image in batch]), strict=True):
            results.add(number + 1, _size(image), found, CLASSES)
            yield number, image, found
        advance(batch[-1][0] + 1)


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
    if draw is not None and output.resolve() in (draw.resolve(), *draw.resolve().parents):
        raise InputError(f"--output {output} and --draw {draw} are in each other's way: choose another name for one")
    if draw is not None and not picture and draw.suffix.lower() != ".mp4":
        raise InputError(f"{draw}: a drawn video is written as .mp4; name it so")


@contextlib.contextmanager
def _results(path: Path) -> Iterator[CocoResults]:
    """The results file to be, which gets its name when it is complete. InputError if it cannot be written.

    What is there and is no file (a pipe, `/dev/stdout`) is written to as it is, and not replaced.
    """
    with written_whole(path) as place, contextlib.closing(_opened(place, path)) as results:
        yield results


def _opened(place: Path, path: Path) -> CocoResults:
    """Results written to `place`, for the file that a person calls `path`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return CocoResults(place.open("wb"), path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from error
