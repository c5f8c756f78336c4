"""What decoding and encoding take, of pictures that weigh what frames weigh."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from jellyfish.camera.frames import scaled_jpeg
from jellyfish.camera.sources.file import VideoSource
from jellyfish.control.frame_size import reference_bytes
from jellyfish.core import InputSize
from jellyfish.media.jpeg import encode_jpeg
from jellyfish.media.video_writer import write_video
from jellyfish.modes.decoders import decode_frame

CAMERA_SIZE = (640, 360)
"""Width and height of the videos that ship."""
CLIP_FPS, CLIP_S = 30.0, 3.0
ROUNDS = 15
PAUSE_S = 0.02
"""Before each second call: in a row they take less time, and in a busy server some follow each other, some do not."""
WEIGHT = 0.6
"""Of the reference curve, as the videos that ship are."""
FINENESS = 0.9
"""How much fainter shapes of half the size are, as a power of 2."""
Image = NDArray[np.uint8]


def street_like() -> Image:
    """A picture that weighs as much as a JPEG as frames usually do: shapes of every size, as many as that takes."""
    width, height = CAMERA_SIZE
    chance = np.random.default_rng(0)
    layers = [_blobs(chance, 2**level, width, height) / 2 ** (FINENESS * level) for level in range(3, 10)]
    fine = sum(layers[1:], layers[0])
    fine = (fine - fine.mean()) / fine.std()
    wanted = WEIGHT * reference_bytes(width)

    def drawn(contrast: float) -> Image:
        return np.asarray(np.clip(128 + contrast * fine, 0, 255), np.uint8)

    contrasts = np.geomspace(4.0, 120.0, 24)
    return drawn(min(contrasts, key=lambda contrast: abs(len(encode_jpeg(drawn(contrast))) - wanted)))


def _blobs(chance: np.random.Generator, count: int, width: int, height: int) -> NDArray[np.float64]:
    rough = chance.normal(size=(max(2, count * height // width), count, 3))
    return np.asarray(cv2.resize(rough, (width, height), interpolation=cv2.INTER_LINEAR))


class Took(NamedTuple):
    """Processor time of a call, in the median."""

    rested_s: float
    """After a pause."""
    warm_s: float
    """Right after another one."""

    @property
    def usual_s(self) -> float:
        """Half of the calls each."""
        return (self.rested_s + self.warm_s) / 2


def rested(took: Collection[Took]) -> float:
    """By which share of the usual time all these take longer after a pause (`HostCosts.codec_rested`)."""
    rested_s, warm_s = sum(each.rested_s for each in took), sum(each.warm_s for each in took)
    return max(0.0, (rested_s - warm_s) / (rested_s + warm_s))


def took(function: Callable[[], object]) -> Took:
    """Of the same call each time."""
    function()
    return _medians(_pair(function, function) for _ in range(ROUNDS))


def _pair(first: Callable[[], object], second: Callable[[], object]) -> Took:
    time.sleep(PAUSE_S)
    began_s = time.thread_time()
    first()
    between_s = time.thread_time()
    second()
    return Took(between_s - began_s, time.thread_time() - between_s)


def _medians(pairs: Iterable[Took]) -> Took:
    return Took(*(median(each) for each in zip(*pairs, strict=True)))


def codecs(picture: Image, sizes: Iterable[InputSize]) -> tuple[list[Took], list[Took]]:
    """To decode and to encode a frame of each size."""
    decode, encode = [], []
    for size in sizes:
        decode.append(took(partial(decode_frame, max(CAMERA_SIZE), scaled_jpeg(picture, size), size)))
        encode.append(took(partial(scaled_jpeg, picture, size)))
    return decode, encode


def capture(video: Path, fps: float) -> Took:
    """A camera decodes the next frame of a video, of which it shows `fps` frames a second."""
    with VideoSource(video) as source:
        shown = [partial(source.frame_at, number / fps) for number in range(round(CLIP_S * fps))]
        return _medians(map(_pair, shown[::2], shown[1::2]))


def moving_clip(picture: Image, path: Path) -> None:
    """A video in which all moves."""
    moving = (np.roll(picture, 2 * number, axis=1) for number in range(round(CLIP_S * CLIP_FPS)))
    write_video(path, moving, CLIP_FPS, *CAMERA_SIZE)
