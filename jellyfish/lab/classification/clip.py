"""`jellyfish video objects`: a clip that shows labelled objects of other clips from close by, one after the other.

What a camera sees that follows one thing at a time: for classifiers, which say what a whole picture shows.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain, zip_longest
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from jellyfish.camera.sources.file import VideoSource
from jellyfish.core import LabelledObject
from jellyfish.errors import InputError
from jellyfish.lab.classification.crops import Window, square_around
from jellyfish.media.labels import Info, labels_path, save_labels
from jellyfish.media.resize import Letterboxed, letterbox
from jellyfish.media.video_writer import write_video
from jellyfish.modes.progress import ProgressReport

SIDE = 224
"""Pixels of the clip: what the largest classifier takes."""
SURROUNDINGS = 1.4
LEAST_PX, LEAST_VISIBLE = 30.0, 0.6
"""Longer side of an object in its own clip, and how much of it must be seen, to be shown."""
SHOT_FRAMES, LEAST_SHOT_FRAMES = 60, 15
"""An object is on show for so long."""
SHOTS_PER_CLASS = 4
_QUALITY = 27


class Shot(NamedTuple):
    """An object on show: in which clip, and where in each of some frames that follow each other."""

    source: VideoSource
    first: int
    things: list[LabelledObject]

    @property
    def size(self) -> float:
        """Mean area, as a share of the frame: larger is nicer."""
        return float(np.mean([(one.right - one.left) * (one.bottom - one.top) for one in self.things]))


def make_objects_clip(path: Path, videos: Sequence[Path], console: Console) -> None:
    """Write the clip and its labels. InputError for videos without labels, or without an object that can be shown."""
    with contextlib.ExitStack() as stack, ProgressReport(console) as progress:
        sources = [stack.enter_context(VideoSource(video)) for video in videos]
        classes = sources[0].classes
        if any(source.classes != classes for source in sources):
            raise InputError("these videos are labelled with other classes each: give those that have the same")
        shots = in_turn(list(chain.from_iterable(map(shots_in, sources))))
        total = sum(len(shot.things) for shot in shots)
        labels: list[list[LabelledObject]] = []

        def images() -> Iterator[NDArray[np.uint8]]:
            for track, shot in enumerate(shots):
                for image, thing in shown(shot, track):
                    labels.append([thing])
                    yield image
                    progress(f"writing {path}", len(labels), total)

        write_video(path, images(), shots[0].source.fps, SIDE, SIDE, _QUALITY)
    info = Info(f"Labelled objects cut out of {', '.join(video.name for video in videos)}")
    save_labels(labels_path(path), labels, classes, SIDE, SIDE, info)
    console.print(f"written: {path} and its labels", soft_wrap=True, markup=False)


def shots_in(source: VideoSource) -> list[Shot]:
    """Of each object, the frames in which it is largest. InputError for a video without labels."""
    if source.labels is None:
        raise InputError(f"{source.path} has no labels beside it: objects are found by them")
    seen: dict[int, dict[int, LabelledObject]] = defaultdict(dict)
    for frame, things in enumerate(source.labels):
        for thing in things:
            longer = max((thing.right - thing.left) * source.width, (thing.bottom - thing.top) * source.height)
            if not thing.ignore and thing.visible >= LEAST_VISIBLE and longer >= LEAST_PX:
                seen[thing.track][frame] = thing
    best = (max(_runs(source, frames), key=lambda shot: shot.size, default=None) for frames in seen.values())
    return [shot for shot in best if shot is not None]


def _runs(source: VideoSource, frames: dict[int, LabelledObject]) -> Iterator[Shot]:
    """Frames without a gap, in pieces of a shot's length."""
    run: list[int] = []
    for frame in [*sorted(frames), -1]:
        if run and (frame != run[-1] + 1 or len(run) == SHOT_FRAMES):
            if len(run) >= LEAST_SHOT_FRAMES:
                yield Shot(source, run[0], [frames[one] for one in run])
            run = []
        run.append(frame)


def in_turn(shots: Sequence[Shot]) -> list[Shot]:
    """The largest of each class, the classes in turn. InputError if there is none."""
    by_class: dict[int, list[Shot]] = defaultdict(list)
    for shot in sorted(shots, key=lambda shot: -shot.size):
        by_class[shot.things[0].label].append(shot)
    rows = zip_longest(*(by_class[label][:SHOTS_PER_CLASS] for label in sorted(by_class)))
    chosen = [shot for row in rows for shot in row if shot is not None]
    if not chosen:
        raise InputError(f"no object in these videos is {LEAST_PX:g} pixels large for {LEAST_SHOT_FRAMES} frames")
    return chosen


def shown(shot: Shot, track: int) -> Iterator[tuple[NDArray[np.uint8], LabelledObject]]:
    """Each frame of the clip, with the object where it is there."""
    width, height = shot.source.width, shot.source.height
    for frame, thing in enumerate(shot.things, start=shot.first):
        window = square_around(thing, width, height, SURROUNDINGS)
        boxed = letterbox(window.cut(shot.source.frame(frame)), SIDE, SIDE)
        yield boxed.canvas, _within(thing, window, boxed, (width, height), track)


def _within(
    thing: LabelledObject, window: Window, boxed: Letterboxed, size: tuple[int, int], track: int
) -> LabelledObject:
    """The object with its sides as shares of the clip's frame."""
    wide, high = (window.right - window.left) * boxed.x_factor, (window.bottom - window.top) * boxed.y_factor
    x, y = partial(_moved, window.left, wide), partial(_moved, window.top, high)
    return LabelledObject(
        track=track,
        label=thing.label,
        left=x(thing.left * size[0]),
        top=y(thing.top * size[1]),
        right=x(thing.right * size[0]),
        bottom=y(thing.bottom * size[1]),
        visible=thing.visible,
    )


def _moved(origin: int, length: float, pixel: float) -> float:
    return min(max((pixel - origin) / length, 0.0), 1.0)
