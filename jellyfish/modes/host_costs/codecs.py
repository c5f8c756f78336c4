"""What decoding and encoding take, of pictures that weigh what frames weigh."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import cv2
import numpy as np
from numpy.typing import NDArray

from jellyfish.camera.frames import scaled_jpeg
from jellyfish.camera.sources.file import VideoSource
from jellyfish.control.frame_size import reference_bytes
from jellyfish.core import RESOLUTIONS
from jellyfish.media.jpeg import encode_jpeg
from jellyfish.media.video_writer import write_video
from jellyfish.modes.serving import decode_frame

CAMERA_SIZE = (640, 360)
"""Width and height of the videos that ship."""
CLIP_FPS, CLIP_FRAMES = 15.0, 60
ROUNDS = 40
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


def _median_s(function: Callable[[], object]) -> float:
    function()
    taken_s = []
    for _ in range(ROUNDS):
        began_s = time.thread_time()
        function()
        taken_s.append(time.thread_time() - began_s)
    return median(taken_s)


def codec_s(picture: Image) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """To decode and to encode a frame of each resolution."""
    jpegs = [scaled_jpeg(picture, resolution) for resolution in RESOLUTIONS]
    decode_s = [_median_s(partial(decode_frame, max(CAMERA_SIZE), jpeg)) for jpeg in jpegs]
    encode_s = [_median_s(partial(scaled_jpeg, picture, resolution)) for resolution in RESOLUTIONS]
    return tuple(decode_s), tuple(encode_s)


def capture_s(picture: Image) -> float:
    """To decode the next frame of a video in which all moves."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "moving.mp4"
        moving = (np.roll(picture, 2 * number, axis=1) for number in range(CLIP_FRAMES))
        write_video(path, moving, CLIP_FPS, *CAMERA_SIZE)
        with VideoSource(path) as source:
            began_s = time.thread_time()
            for number in range(CLIP_FRAMES):
                source.frame(number)
            return (time.thread_time() - began_s) / CLIP_FRAMES
