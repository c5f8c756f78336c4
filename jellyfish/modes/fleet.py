"""The emulated cameras of a run: their clips opened, their traces read, their frames shared or each its own."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Sequence
from pathlib import Path
from typing import Any

from jellyfish.camera.frames import CameraFrames, Offload, OwnFrames
from jellyfish.camera.sources.file import VideoSource
from jellyfish.camera.sources.shared import ClipMemory, SharedClip, SharedFrames, start_s
from jellyfish.camera.steering import Steering
from jellyfish.clock import seconds_now
from jellyfish.config import BenchConfig, CameraConfig, Encoding
from jellyfish.core import InputSize
from jellyfish.link.synthetic import resolve_trace
from jellyfish.modes.run import Setup
from jellyfish.protocol.served_model import ServedModel
from jellyfish.results.emulation import ClipFigures

MOST_PREPARING_S = 20.0
"""Of frames, before a run."""
AT_ONCE_S = 1.0
"""Of the run are made ready together: in the order in which they are needed, but a decoder reads on."""


class Fleet:
    """Cameras before and while they run. Files are closed with the stack."""

    def __init__(
        self, config: BenchConfig, steering: Steering | None, offload: Offload, stack: contextlib.ExitStack
    ) -> None:
        """Raises InputError for a video or a trace that cannot be read."""
        self._offload, self._stack = offload, stack
        self._shares = config.encode is Encoding.SHARED
        self._memory = ClipMemory(config.memory_bytes)
        self._clips: dict[Path, SharedClip] = {}
        self._sharing: list[SharedFrames] = []
        self._viewers = Counter[Path]()
        self._opened: dict[Path, VideoSource] = {}
        """The first source of each video, which has looked through it for the others."""
        self.sizes: dict[str, tuple[int, int]] = {}
        """(width, height) of each camera's video, by the camera's name."""
        self.starts_s: dict[str, float] = {}
        """The time of its video at which each camera starts."""
        self.setups = [self._setup(camera, steering) for camera in config.cameras]

    def _setup(self, camera: CameraConfig, steering: Steering | None) -> Setup:
        frames = self._shared(camera) if self._shares else self._own(camera)
        return Setup(camera, frames, resolve_trace(camera.trace, camera.seed), steering=steering)

    def _shared(self, camera: CameraConfig) -> CameraFrames:
        clip = self._clips.get(camera.video)
        if clip is None:
            clip = SharedClip(len(self._clips), lambda: self._open(camera.video), self._memory, self._offload)
            self._clips[camera.video] = clip
        frames = clip.viewer(camera.fps)
        self._sharing.append(frames)
        self.starts_s[camera.name] = frames.offset_s
        self.sizes[camera.name] = clip.readers[0].source.width, clip.readers[0].source.height
        return frames

    def _own(self, camera: CameraConfig) -> CameraFrames:
        source = self._open(camera.video)
        self.sizes[camera.name] = source.width, source.height
        offset_s = start_s(self._viewers[camera.video], camera.fps, source.duration_s)
        self._viewers[camera.video] += 1
        self.starts_s[camera.name] = offset_s
        return OwnFrames(source, self._offload, offset_s=offset_s)

    def _open(self, video: Path) -> VideoSource:
        source = self._stack.enter_context(self.another(video))
        self._opened.setdefault(video, source)
        return source

    def another(self, video: Path) -> VideoSource:
        """A source of a video that cameras show, to be closed by the caller."""
        return VideoSource(video, self._opened.get(video))

    async def prepare(self, sizes: Iterable[InputSize], duration_s: float, report: Callable[[int, int], None]) -> None:
        """Make shared frames ready before a run of `duration_s`, as far as there are time and memory; `working` has to
        run beside. `report` is told steps done, and in all."""
        sizes, until_s = tuple(sizes), seconds_now() + MOST_PREPARING_S
        steps = math.ceil(duration_s / AT_ONCE_S) if self._sharing else 0
        for step in range(steps):
            if self._memory.full or seconds_now() > until_s:
                break
            report(step, steps)
            span_s = step * AT_ONCE_S, min((step + 1) * AT_ONCE_S, duration_s)
            await asyncio.gather(*(frames.prepare(*span_s, sizes) for frames in self._sharing))
        report(steps, steps)

    def working(self) -> Sequence[Coroutine[Any, Any, None]]:
        """What has to run beside the cameras."""
        return [clip.run() for clip in self._clips.values()]

    def losses(self) -> dict[str, str]:
        """What is missing of each video that is not whole, as far as it was played."""
        return {name: words for source in self._opened.values() for name, words in source.losses.items()}

    def label_notes(self, model: ServedModel | None) -> list[str]:
        """What was left out of the videos' labels for `model`; None where nobody knows what answers."""
        classes = None if model is None else model.classes
        return [note for source in self._opened.values() for note in source.label_notes(classes)]

    def figures(self) -> ClipFigures | None:
        """What sharing has done so far; None where each camera has an encoder of its own."""
        if not self._shares:
            return None
        readers = [reader for clip in self._clips.values() for reader in clip.readers]
        return ClipFigures(
            memory_mb=round(self._memory.most_bytes / 1e6, 3),
            held_mb=round(self._memory.held_bytes / 1e6, 3),
            encoded=sum(reader.encoded for reader in readers),
            awaited=sum(reader.awaited for reader in readers),
            forgotten=self._memory.encoded.forgotten,
        )
