"""What benchmarks of engines show them, and how they time a batch."""

from __future__ import annotations

import contextlib
import functools
import itertools
import time
from collections.abc import Sequence
from pathlib import Path

from jellyfish.core import InputSize, Variant
from jellyfish.media.footage import open_footage, seen
from jellyfish.media.resize import fit
from jellyfish.models.model import Engine, Image, answers

CLIP = Path(__file__).parent.parent / "videos" / "street-junction.mp4"
_MOST = 16


def pictures(count: int, size: InputSize) -> list[Image]:
    """Frames of a clip that ships, up to 16, scaled for the network as a camera would."""
    return [fit(frame, *size.fitted(frame.shape[1], frame.shape[0])) for frame in _frames()[:count]]


@functools.cache
def _frames() -> list[Image]:
    with contextlib.closing(open_footage(CLIP)) as footage:
        return [seen(frame, footage.contents) for _, frame in itertools.islice(footage.read_from(0), _MOST)]


def seconds(engine: Engine, images: Sequence[Image], variant: Variant) -> float:
    """Of one batch, right after another of the same."""
    variants = [variant] * len(images)
    answers(engine, images, variants)
    began = time.perf_counter()
    answers(engine, images, variants)
    return time.perf_counter() - began
