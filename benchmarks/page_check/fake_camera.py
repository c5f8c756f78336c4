"""A clip that ships, as Chromium's camera that plays a file takes it."""

from __future__ import annotations

from pathlib import Path

import jellyfish
from jellyfish.camera.sources.file import VideoSource
from jellyfish.media.jpeg import encode_jpeg

CLIP = Path(jellyfish.__file__).parent / "videos" / "street-avenue.mp4"
FPS, SECONDS = 30, 8


def written_clip(path: Path) -> Path:
    """One JPEG behind the other; shown at 30 a second, again and again."""
    with VideoSource(CLIP) as source, path.open("wb") as file:
        for frame in range(FPS * SECONDS):
            file.write(encode_jpeg(source.frame_at(frame / FPS)[1]))
    return path
