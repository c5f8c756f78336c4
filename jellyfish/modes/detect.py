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

import numpy as np
from rich.console import Console

from jellyfish.classes import class_name
from jellyfish.core import Detection, Task, Variant
from jellyfish.devices.executor import blank_frame
from jellyfish.devices.naming import check_device, parse_variant
from jellyfish.devices.process import usable_cores
from jellyfish.errors import InputError
from jellyfish.media.contents import Contents
from jellyfish.media.draw import draw as drawn
from jellyfish.media.files import legible
from jellyfish.media.footage import Footage, open_footage, seen
from jellyfish.media.picture import is_picture, read_picture, write_picture
from jellyfish.media.resize import fit
from jellyfish.media.video_writer import write_stamped_video
from jellyfish.models.checking import checked
from jellyfish.models.model import Description, Engine, EngineOptions, Image, answers
from jellyfish.models.opening import open_model
from jellyfish.modes.progress import ProgressReport
from jellyfish.results.detections import CocoResults
from jellyfish.whole_files import written_whole

_BATCH = 8
_CRF = 23
"""Quality of a drawn video: thin lines and small letters stay sharp."""

_TICK_S = Fraction(1, 90_000)
"""Of a drawn video whose frames are at odd times."""


def detect(
    file: Path,
    variant_name: str | None,
    output: Path,
    draw: Path | None,
    score: float | None,
    model_name: str,
    weights: Path | None,
    device: str,
    console: Console,
) -> None:
    """Look at every frame of `file`, write COCO results to `output` and, if wanted, the drawn file to `draw`.

    Without a variant the most accurate one looks. Raises InputError for a file that is neither video nor image, an
    unknown variant, a model or a device that cannot be used, or a target that cannot be written. No results file is
    left then.
    """
    picture = is_picture(file)
    _check_targets(file, output, draw, picture)
    check_device(device)
    model = open_model(model_name, weights)
    variant = _chosen(model.description, variant_name)
    with contextlib.ExitStack() as stack:
        look: Callable[[Finder, CocoResults], str]
        if picture:
            look = partial(_picture, read_picture(file), draw)
        else:
            footage = stack.enter_context(contextlib.closing(open_footage(file)))
            progress = stack.enter_context(ProgressReport(console))
            look = partial(_video, footage, draw, partial(progress, f"looking at {legible(file)}"))
        options = EngineOptions(device, len(usable_cores()), score)  # loaded once there is something to look at
        finder = Finder(model.engine(options), model.description, variant)
        with _results(output) as results:
            losses = look(finder, results)
    console.print(finder.summary(), soft_wrap=True, markup=False, highlight=False)
    if losses:
        console.print(f"{legible(file)} is not whole: {losses}", soft_wrap=True, markup=False, highlight=False)
    for path in filter(None, (output, draw)):
        console.print(f"written: {legible(path)}", soft_wrap=True, markup=False)


def _chosen(model: Description, name: str | None) -> Variant:
    """The variant called so; without a name the most accurate one."""
    if model.task is not Task.DETECTION:
        raise InputError(f"{model.name} finds no objects: it is for {model.task}")
    if name is None:
        return max(model.sizes, key=lambda size: size.accuracy).variant
    return parse_variant(name, model.variants)


class Finder:
    """One variant at work, and what came of it so far."""

    def __init__(self, engine: Engine, model: Description, variant: Variant) -> None:
        self._engine, self._model, self._variant = engine, model, variant
        self._frames, self._seconds = 0, 0.0
        self._labels: Counter[int] = Counter()
        answers(engine, [blank_frame(model, variant)], [variant])  # the first run takes much longer than any after it

    @property
    def classes(self) -> tuple[str, ...]:
        """Names by label."""
        return self._model.classes

    def find(self, images: Sequence[Image]) -> list[list[Detection]]:
        """Objects in each image, sides as shares of it."""
        found: list[list[Detection]] = []
        most = self._model.most(len(images))
        for batch in (images[first : first + most] for first in range(0, len(images), most)):
            started = time.perf_counter()
            answered = answers(self._engine, batch, [self._variant] * len(batch))
            self._seconds += time.perf_counter() - started
            found += [list(answer.detections) for answer in checked(self._model, len(batch), answered)]
        self._frames += len(images)
        self._labels.update(detection.label for one in found for detection in one)
        return found

    def summary(self) -> str:
        """Frames, detections per class, time per frame; for people."""
        frames = "1 frame" if self._frames == 1 else f"{self._frames:,} frames"
        found = sorted(self._labels)
        counts = ", ".join(f"{self._labels[label]:,} {class_name(label, self.classes)}" for label in found)
        each_ms = self._seconds / self._frames * 1e3
        return f"{frames}: {counts or 'nothing found'}; {self._variant.name} took {each_ms:.1f} ms per frame"


def _picture(image: Image, draw: Path | None, finder: Finder, results: CocoResults) -> str:
    """Look at the picture, in which nothing is missing."""
    (found,) = finder.find([image])
    results.add(1, _size(image), found, finder.classes)
    if draw is not None:
        write_picture(draw, drawn(image, found, finder.classes))
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
        _draw(draw, contents, ((number, drawn(image, found, finder.classes)) for number, image, found in looked_at))
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
            results.add(number + 1, _size(image), found, finder.classes)
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
